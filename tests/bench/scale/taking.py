"""What the collector takes in with so many hosts in its ledger, in process, beside the bare cost (`limits`).

Both ways write into the same ledger, by machines of their own. What the bare way writes was recorded in a transaction
that was undone, so that no second ledger is needed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from tests.bench import ingest
from tests.bench.figures import Beside, Figure
from tests.bench.ingest import FLOOR, PROCESS, in_process, in_turn, limit, take
from tests.bench.limits import Statement, recorded
from tests.load.agents import Agent

from vonggac_collector.desk import MAX_WAITING, Desk
from vonggac_collector.ingest.accept import sender_of
from vonggac_collector.ledger.sql.ledger import SqlTransaction, open_ledger
from vonggac_collector.state import load_key
from vonggac_contract.envelope import keyid_of

from .making import Progress, together
from .world import World

AGENTS: Final = 100
"""Of each way."""
LOOKS: Final = 6
FADED: Final = timedelta(days=5)
"""How long ago those were last heard that are silent for some days: after a look counts in full and before it counts
nothing."""
BEATS: Final = 3
"""Heartbeats of a machine in a look, so that a look takes as long as one of reports."""


class _Undone(Exception):
    """Ends a transaction without a trace."""


def fresh(world: World) -> Iterator[Figure]:
    """Machines that report were looked at a moment ago: a heartbeat of each, through the writing thread."""
    key, said = load_key(world.place.state), Progress("heard", len(world.agents))
    took = cpu = 0.0
    now = datetime.now(UTC)
    with closing(open_ledger(world.place.url)) as ledger:
        for some in together(world.fading):
            with ledger.batch():
                late = [take(ledger, world.fleet.heartbeat(a, now - FADED).raw, key) for a in some]
            for answer in late:
                ingest.checked(answer)
        desk = Desk(ledger)
        desk.start()
        for start in range(0, len(world.agents), MAX_WAITING // 2):
            some = world.agents[start : start + MAX_WAITING // 2]
            raws = [world.fleet.heartbeat(a, datetime.now(UTC)).raw for a in some]
            began, used = time.perf_counter(), time.process_time()
            for each in [desk.submit(partial(take, ledger, raw, key), sender_of(raw)) for raw in raws]:
                ingest.checked(each.result())
            took, cpu = took + time.perf_counter() - began, cpu + time.process_time() - used
            said.at(start + len(some))
        desk.stop()
    yield Figure("a heartbeat of every host, in process", len(world.agents) / took, "/s")
    yield Figure("the same, this process's time", cpu / len(world.agents) * 1000, "ms each")


def figures(world: World) -> Iterator[Figure]:
    """Changed reports and heartbeats a second, with the limit beside them."""
    bare, ours = world.agents[:AGENTS], world.agents[AGENTS : 2 * AGENTS]
    place = ingest.Place(world.place.state, world.place.url)
    keys = [world.fleet.key(a).public_key().public_bytes_raw() for a in bare]
    fleet = ingest.Fleet({keyid_of(k): k for k in keys}, [], [])
    for what in ("changed reports", "heartbeats"):
        looks = sealed(world, bare, what)
        rows = rehearsed(place, looks)
        with limit(place, fleet, looks, rows) as floor, in_process(place, sealed(world, ours, what)) as desk:
            found = in_turn({FLOOR: floor, PROCESS: desk}, LOOKS)
        beside = Beside(FLOOR, found[FLOOR].per_second)
        taken = found[PROCESS]
        yield Figure(f"{what}, in process", taken.per_second, "/s", beside.value / 2, True, beside)
        beside = Beside(FLOOR, found[FLOOR].cpu_s * 1000)
        yield Figure(f"{what}, this process's time", taken.cpu_s * 1000, "ms each", beside=beside)


def sealed(world: World, agents: list[Agent], what: str) -> list[list[bytes]]:
    """What these machines send look by look."""
    now = datetime.now(UTC)
    if what == "heartbeats":
        return [
            [world.fleet.heartbeat(a, now).raw for _ in range(BEATS) for a in agents] for _ in range(LOOKS)
        ]
    return [[world.fleet.report(a, now).raw for a in agents] for _ in range(LOOKS)]


def rehearsed(place: ingest.Place, looks: list[list[bytes]]) -> list[list[list[Statement]]]:
    """The statements by which the collector writes each envelope; none of them is in the ledger afterwards."""
    ledger, key = open_ledger(place.url), load_key(place.folder)

    def statements_of(tx: SqlTransaction, raw: bytes) -> list[Statement]:
        with recorded(ledger) as statements:
            answer = take(ledger, raw, key)
            # What waits for the end of a transaction is written now: each envelope has one of its own.
            tx.finish()
        if answer.status != 200:
            raise RuntimeError(f"refused: {answer.code}")
        return statements

    found: list[list[list[Statement]]] = []
    with closing(ledger), contextlib.suppress(_Undone), ledger.write() as tx:
        found += [[statements_of(tx, raw) for raw in look] for look in looks]
        raise _Undone
    return found
