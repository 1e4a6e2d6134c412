"""A ledger of an earlier release says after the upgrade what it said before.

`tests/fixtures/ledger/0001.db.gz` was written by the release of revision 0001, and 0001.json is what that release read
from it: every board at past moments, the pages of its three machines, what `ledger verify` counted. In it a machine
mended and failed again, withheld a field, and began a second epoch; one sent a report too early and one before its
turn; one was forked.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import ADMIN
from tests.unit.collector.keeping import assert_consistent

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.queries import Queries
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.verification import verify_ledger

FOLDER = Path(__file__).parents[2] / "fixtures" / "ledger"
EXPECTED: dict[str, Any] = msgspec.json.decode((FOLDER / "0001.json").read_bytes())
ONE, TWO, THREE = EXPECTED["pages"]
WRONG = ("fail", "partial", "unknown")


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("upgraded")
    (folder / "ledger.db").write_bytes(gzip.decompress((FOLDER / "0001.db.gz").read_bytes()))
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
    yield ledger
    ledger.close()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def queries_at(ledger: Ledger, at: datetime) -> Queries:
    """With the parameters that the scores were made by: the age of a look counted in seconds then."""
    parameters = msgspec.structs.replace(load_parameters(), version=1, age_step_s=1)
    return Queries(ledger, Shelf(ledger), parameters, lambda: at)


@pytest.mark.parametrize(("at", "expected"), EXPECTED["boards"], ids=[at for at, _ in EXPECTED["boards"]])
def test_every_score_of_the_past_is_the_same(upgraded: Ledger, at: str, expected: dict[str, Any]) -> None:
    board = queries_at(upgraded, moment(at)).board(moment(at))
    hosts = board.hosts.values()
    said = {
        "units": {code: score.score for code, score in board.scores.items()},
        "hosts": {
            h.host.hostname: [None if h.judged is None else h.judged.score.score, h.looked_at] for h in hosts
        },
        "outcomes": {
            h.host.hostname: [[r.rule, r.outcome, r.passed, r.of, r.reason] for r in h.judged.input.rules]
            for h in hosts
            if h.judged is not None
        },
    }
    assert msgspec.to_builtins(said) | {"hosts": plain(said["hosts"])} == expected


@pytest.mark.parametrize("host", [ONE, TWO, THREE])
def test_every_page_is_the_same(upgraded: Ledger, host: str) -> None:
    page = queries_at(upgraded, moment(EXPECTED["end"])).host(ADMIN, host)
    expected = EXPECTED["pages"][host]
    findings = [
        [
            *(f.rule, f.outcome, f.reason, f.detail, f.severity, f.domain, f.passed, f.of, f.evidence),
            *(f.since if f.outcome in WRONG else None, f.points),
        ]
        for f in page.findings
    ]
    reports = [[r.epoch, r.sequence, r.state, r.digest] for r in page.reports]
    said = {name: getattr(page, name) for name in expected} | {"findings": findings, "reports": reports}
    assert plain(said) == expected


@pytest.mark.parametrize("whole", [False, True])
def test_every_chain_is_still_whole(whole: bool, upgraded: Ledger) -> None:
    verified = verify_ledger(upgraded, whole=whole)
    assert verified.faults == []
    assert [verified.agents, verified.envelopes, verified.audit_rows] == EXPECTED["verified"]


def test_what_is_wrong_and_its_history_are_what_the_envelopes_say(upgraded: Ledger) -> None:
    for host in (ONE, TWO, THREE):
        assert_consistent(upgraded, host)


def test_what_waits_or_was_refused_is_kept_aside(upgraded: Ledger) -> None:
    with upgraded.read() as tx:
        agents = {a.id: a.aside for a in tx.agents.all()}
    assert agents == {ONE: 0, TWO: 1, THREE: 1}


def plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
