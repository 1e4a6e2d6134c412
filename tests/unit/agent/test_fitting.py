"""However large somebody makes what is looked at, the report that is sealed is one that a collector takes."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.agent.real import RealCollector, Station
from tests.unit.agent.test_report import ACCOUNTS, BOOK, SOCKETS, account, known, report_of
from tests.unit.agent.twin import PROFILE, Clock
from tests.unit.agent.twin import report_of as twin_report
from tests.unit.collector.conftest import NOW

from vonggac_agent import identity
from vonggac_agent.fitting import CUT
from vonggac_agent.report import build_report
from vonggac_agent.rotation import want
from vonggac_agent.scan import Scan
from vonggac_agent.seal import seal_report
from vonggac_agent.ship import Outcome
from vonggac_contract import limits
from vonggac_contract.facts import Fact, FactKey, access, network
from vonggac_contract.finding import Evidence, Finding
from vonggac_contract.finding import Outcome as Decided
from vonggac_contract.report import Report, content_digest
from vonggac_contract.snapshot import Snapshot

TAKEN = Outcome(1, 0, False, "")


def sockets(count: int, program: str = "/usr/bin/nc") -> dict[FactKey, Fact]:
    found = [
        network.Listener("tcp", "127.0.0.1", n, "loopback", "nc", "an", "", program) for n in range(count)
    ]
    return {SOCKETS: known(network.ListeningSockets(found, 0))}


def accounts(count: int) -> dict[FactKey, Fact]:
    return {ACCOUNTS: known(access.Accounts([account(f"u{n}") for n in range(count)], []))}


def finding(offenders: int, size: int, total: int = 0) -> Finding:
    evidence = Evidence(
        "x.y", 0, 1, offenders=[{"port": n, "name": "n" * size} for n in range(offenders)], total=total
    )
    return Finding("linux.test.release", Decided.FAIL, "high", "configuration", evidence=[evidence] * 20)


def enrolled(folder: Path) -> Station:
    """A machine whose first report a real collector has."""
    collector = RealCollector(Clock(NOW))
    station = Station(folder, collector).enrol(collector.desk.token())
    station.look("first")
    assert station.ship() == TAKEN
    return station


def sent(station: Station, *reports: Report) -> Outcome:
    """What its collector says of them, in one round."""
    chain, key = station.chain, identity.read_key(station.folder, station.who.keyid)
    with station.opened() as spool:
        for report in reports:
            spool.add_report(
                chain, report, lambda r, n, previous: seal_report(r, chain, n, previous, NOW, key)
            )
    done = station.ship()
    assert station.collector.faults() == []
    return done


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("count", "program"), [(11_000, "/usr/bin/nc"), (20_000, "/usr/bin/nc"), (20_000, "/tmp/" + "a" * 4000)]
)
def test_any_number_of_sockets_leaves_a_report_that_is_taken(
    tmp_path: Path, count: int, program: str
) -> None:
    report = report_of({**sockets(count, program), **accounts(3)}, [finding(20, 10)])
    section = report.sections["sockets"]
    assert report.sections["accounts"].content is not None
    assert report.findings == [finding(20, 10)]
    if count == 20_000:
        assert (section.unavailable, section.content) == ("too-large", None)
        assert section.detail.startswith("left out of the report: ")
    else:
        assert section.content is not None
    assert sent(enrolled(tmp_path / "state"), report) == TAKEN


@pytest.mark.hostile
def test_what_packs_badly_is_held_against_the_size_of_a_body(tmp_path: Path) -> None:
    chance = random.Random(7)
    facts = {
        ACCOUNTS: known(access.Accounts([account(chance.randbytes(2000).hex()) for _ in range(2000)], []))
    }
    report = report_of({**facts, **sockets(3)})
    assert report.sections["accounts"].unavailable == "too-large"
    assert report.sections["sockets"].content is not None
    assert sent(enrolled(tmp_path / "state"), report) == TAKEN


def test_a_report_leaves_room_in_a_small_spool() -> None:
    chance = random.Random(7)
    people = [account(chance.randbytes(2000).hex()) for _ in range(300)]
    facts: dict[FactKey, Fact] = {ACCOUNTS: known(access.Accounts(people, []))}
    scan = Scan(Snapshot(NOW, "linux", facts), BOOK, PROFILE, [], NOW, NOW, 0.25)
    assert build_report(scan).sections["accounts"].content is not None
    small = build_report(scan, packed=limits.MIB // 2)
    assert small.sections["accounts"].unavailable == "too-large"


def test_findings_that_are_too_large_keep_their_totals_and_lose_offenders_first() -> None:
    with mock.patch.object(limits, "MAX_JSON_KEYS", 1_500):
        report = report_of(accounts(3), [finding(20, 10, total=90)] * 3)
    assert [len(piece.offenders) for piece in report.findings[0].evidence] == [5] * 20
    assert {piece.total for piece in report.findings[0].evidence} == {90}
    assert report.notices == [CUT]
    assert report.sections["accounts"].content is not None
    with mock.patch.object(limits, "MAX_JSON_KEYS", 100):
        report = report_of(accounts(3), [finding(20, 10)] * 3)
    assert [f.evidence for f in report.findings] == [[]] * 3
    assert report.sections["accounts"].content is not None


def test_the_section_that_takes_most_of_what_is_short_is_left_out_and_no_other() -> None:
    with mock.patch.object(limits, "MAX_JSON_KEYS", 600):
        report = report_of({**sockets(100, "/" + "a" * 9), **accounts(30)})
    assert {n: s.unavailable for n, s in report.sections.items()} == {"sockets": "too-large", "accounts": ""}
    assert report.content == content_digest(report.findings, report.sections)


def test_what_is_no_text_for_a_reader_is_left_out_as_malformed(tmp_path: Path) -> None:
    facts = {ACCOUNTS: known(access.Accounts([account("a\0b")], []))}
    report = report_of({**facts, **sockets(30)})
    assert report.sections["accounts"].unavailable == "malformed"
    assert report.sections["sockets"].content is not None
    assert sent(enrolled(tmp_path / "state"), report) == TAKEN


def too_many() -> Report:
    """What an earlier release sealed of 25,000 sockets, and no collector takes."""
    return twin_report("b", sockets={"sockets": [dict.fromkeys("vwxyz", n) for n in range(25_000)]})


@pytest.mark.hostile
def test_a_machine_whose_report_was_not_taken_goes_on_with_the_next(tmp_path: Path) -> None:
    station = enrolled(tmp_path / "state")
    assert sent(station, too_many()).code == "too-large"
    assert station.look("c").sequence == 3
    assert station.ship() == TAKEN
    assert station.collector.committed(station.chain.agent_id) == [(1, 1), (1, 3)]
    assert station.collector.faults() == []
    assert sent(station, too_many()).code == "too-large"
    want(station.folder)
    station.ship()
    assert station.who.enrolled.epoch == 2


def test_enrolled_again_a_machine_goes_on_whose_reports_wait_for_one_that_is_not_taken(
    tmp_path: Path,
) -> None:
    station = enrolled(tmp_path / "state")
    assert (
        "waits for earlier reports" in sent(station, too_many(), twin_report("c"), twin_report("d")).trouble
    )
    agent = station.chain.agent_id
    station.enrol(station.collector.desk.token(host=agent), again=True)
    assert station.ship() == Outcome(2, 0, False, "")
    assert station.collector.committed(agent) == [(1, 1), (2, 1), (2, 2)]


LOOKS = st.tuples(
    st.integers(0, 200), st.integers(0, 200), st.integers(0, 500), st.integers(0, 20), st.integers(0, 50)
)
"""Sockets, accounts, signs of a program's path; offenders, and signs of their names."""


@pytest.mark.hostile
@pytest.mark.worlds
@settings(max_examples=25, deadline=None)
@given(
    st.lists(LOOKS, min_size=1, max_size=4),
    st.integers(200, 3_000),
    st.integers(300, 6_000),
    st.integers(10_000, 200_000),
)
def test_whatever_the_facts_are_what_is_sealed_is_taken(
    looks: list[tuple[int, int, int, int, int]], keys: int, items: int, unpacked: int
) -> None:
    bounds: dict[str, Any] = {
        "MAX_JSON_KEYS": keys, "MAX_JSON_ITEMS": items, "MAX_UNPACKED_BYTES": unpacked
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        station = enrolled(Path(folder) / "state")
        with mock.patch.multiple(limits, **bounds):
            reports = [
                report_of(
                    {**sockets(listening, "p" * length), **accounts(people)}, [finding(offenders, size)] * 3
                )
                for listening, people, length, offenders, size in looks
            ]
            assert sent(station, *reports) == Outcome(len(reports), 0, False, "")
