"""What the sample's search finds: made-up hosts in a twin of the index, a hostile one among them, asked for real."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import cache

from tests.unit.collector.index.machines import ROOT, a_random_state, a_state, fails
from tests.unit.dashboards import sample

from vonggac_collector.auth import Caller
from vonggac_collector.auth.scope import subtree
from vonggac_collector.errors import IndexFailed
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.ledger.rows import Lag, Unit
from vonggac_collector.reads.search import Sought, search
from vonggac_collector.search.results import Asking, SearchPage

TREE = [
    ROOT,
    *(Unit(c, "vn", "province", vi, en, True, ROOT.created_at) for c, vi, en in sample.PROVINCES[:6]),
    Unit("01/so-y-te", "01", "agency", "Sở Y tế", "Department of Health", True, ROOT.created_at),
]
HOSTS = 90


@cache
def index() -> MemoryIndex:
    """The twin, filled once."""
    made, rng = MemoryIndex(), random.Random(5)
    made.put([a_random_state(rng, n, 1, TREE) for n in range(1, HOSTS)])
    bad = sample.HOSTILE
    content = {
        "packages": {"packages": [[bad, bad, bad, bad]]},
        "sockets": {"sockets": [{"protocol": bad, "address": bad, "port": 22, "scope": bad, "process": bad}]},
        "accounts": {"accounts": [{"name": bad, "uid": 0, "can_log_in": True, "password": bad}]},
    }
    made.put([a_state(HOSTS, hostname=bad, failing=fails(bad, "linux.ssh.root-login"), sections=content)])
    return made


def found(caller: Caller, asking: Asking, lag: Lag, *, down: bool = False) -> SearchPage:
    """As `Queries.search`."""
    if down:
        raise IndexFailed("the sample's index is down")
    units = {u.code: u for u in subtree(TREE, caller.unit)}
    return search(index(), Sought(sample.NOW, caller, units, [], lag), asking)


BEHIND = Lag(12, sample.NOW - timedelta(minutes=7), 1)
EVEN = Lag(0, None, 0)
