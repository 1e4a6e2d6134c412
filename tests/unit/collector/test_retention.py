"""What was kept as long as its level asks is let go, a shelf at a time; nothing that is needed or held goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector import retention
from vonggac_collector.board import Board, BoardMaker
from vonggac_collector.errors import Invalid, SettingsError, StoreFailed
from vonggac_collector.holds import add_hold, release_hold, windows
from vonggac_collector.ledger.interface import Ledger, Transaction
from vonggac_collector.ledger.keeping import Hold, HoldKind
from vonggac_collector.ledger.rows import AuditRow, shelf_of
from vonggac_collector.retention import (
    DROPPED,
    DROPPING,
    Retained,
    expired,
    foresee,
    kept_since,
    load_months,
    retain,
    whole_since,
)
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.settings import load_settings
from vonggac_collector.structure import place_host
from vonggac_collector.verification import verify_ledger

DAY = timedelta(days=1)
MONTHS = load_months()


def at(month: int, day: int = 15, year: int = 2027) -> datetime:
    return datetime(year, month, day, 3, tzinfo=UTC)


def run(ledger: Any, now: datetime) -> Retained:
    return retain(ledger, MONTHS, now=now, actor="test")


def shelves(ledger: Ledger) -> dict[str, int]:
    """Envelopes by shelf."""
    with ledger.read() as tx:
        found = {shelf: tx.keeping.size(shelf).envelopes for shelf in tx.keeping.shelves()}
    return {shelf: number for shelf, number in found.items() if number}


def sequences(ledger: Ledger, agent: str) -> list[int]:
    with ledger.read() as tx:
        return [e.sequence for e in tx.chain.walk(agent, (0, 0), 1_000)]


def board(ledger: Ledger, when: datetime) -> Board:
    return BoardMaker(ledger, Shelf(ledger), load_parameters()).at(when)


def scores(ledger: Ledger, when: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    made = board(ledger, when)
    hosts = {h: (x.looked_at, None if x.judged is None else x.judged.score) for h, x in made.hosts.items()}
    return made.scores, hosts


def trail(ledger: Ledger, action: str) -> list[AuditRow]:
    with ledger.read() as tx:
        return [r for r in tx.trail.walk(0, 10_000) if r.action == action]


def make_shelves(desk: Desk, months: range) -> None:
    """As the job does in time; what has none lies on the one for all others."""
    for month in months:
        with desk.ledger.write() as tx:
            tx.keeping.make_shelves(at(month))


def monthly(desk: Desk, machine: Machine, months: range) -> None:
    """Two reports in each month of 2027, which differ."""
    for month in months:
        for day in (10, 20):
            desk.accept(machine.report(at(month, day), {month % 14, day % 7}), at(month, day))


def test_the_months_come_from_the_clauses_and_a_setting_takes_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_months() == {1: 1, 2: 1, 3: 3, 4: 6, 5: 12}
    assert load_months("12,12,24,36,60") == {1: 12, 2: 12, 3: 24, 4: 36, 5: 60}
    for wrong in ("12", "1,2,3,4", "1,2,3,4,0", "1,2,3,4,x", "1,2,3,4,5,6", "-1,2,3,4,5", "1,2,3,4,1201"):
        monkeypatch.setenv("VONGGAC_KEEP_MONTHS", wrong)
        with pytest.raises(SettingsError, match="VONGGAC_KEEP_MONTHS"):
            load_settings()
    monkeypatch.setenv("VONGGAC_KEEP_MONTHS", "12,12,24,36,60")
    assert load_settings().keep_months == "12,12,24,36,60"


@given(
    st.timedeltas(timedelta(0), timedelta(days=30_000)),
    st.integers(1, 5),
    st.timedeltas(timedelta(0), timedelta(days=800)),
)
def test_whatever_is_younger_than_its_months_is_on_no_expired_shelf(
    after: timedelta, level: int, age: timedelta
) -> None:
    received_at = datetime(2000, 1, 1, tzinfo=UTC) + after
    now = received_at + age
    gone = expired([shelf_of(received_at, level)], MONTHS, now)
    assert bool(gone) == (received_at < kept_since(now, MONTHS[level]))
    if age < timedelta(days=28 * MONTHS[level]):
        assert not gone
    if age > timedelta(days=31 * (MONTHS[level] + 2)):
        assert gone


def test_shelves_by_other_names_never_expire() -> None:
    names = ["held-L3", "2020-13-L3", "2020-01-L6", "2020-01", "", "0000-01-L1", "2020-01-L3 "]
    assert expired(names, MONTHS, NOW) == []
    assert expired(["2020-01-L3", "past-L1", "2019-12-L5"], MONTHS, NOW) == [
        ("2019-12-L5", 5),
        ("2020-01-L3", 3),
        ("past-L1", 1),
    ]


def test_a_shelf_goes_when_its_months_are_over_and_the_chain_begins_after_it(
    desk: Desk, machine: Machine
) -> None:
    make_shelves(desk, range(1, 7, 2))
    monthly(desk, machine, range(1, 7))
    assert run(desk.ledger, at(4, 30)).dropped == []
    with desk.ledger.read() as tx:
        assert whole_since(tx) is None
    foreseen = foresee(desk.ledger, MONTHS, at(6, 30)).dropped
    done = run(desk.ledger, at(6, 30)).dropped
    assert [(d.shelf, d.envelopes, d.held) for d in done] == [("2027-01-L3", 2, 0), ("2027-02-L3", 1, 1)]
    assert [(d.shelf, d.envelopes) for d in foreseen] == [("2027-01-L3", 2), ("2027-02-L3", 1)]
    # The newest of before what is kept stays: scores of the first kept moments need it.
    assert sequences(desk.ledger, machine.agent_id) == list(range(4, 13))
    assert shelves(desk.ledger)["held-L3"] == 1
    with desk.ledger.read() as tx:
        assert [(c.epoch, c.sequence) for c in tx.keeping.cuts(("", 0, 0), 10)] == [(1, 3)]
        assert {(c.epoch, c.sequence) for c in tx.findings.history(machine.agent_id)} == {
            (1, n) for n in range(4, 13)
        }
    assert [r.subject for r in trail(desk.ledger, DROPPED)] == ["2027-01-L3", "2027-02-L3"]
    assert msgspec.json.decode(trail(desk.ledger, DROPPING)[1].detail)["envelopes"] == 1
    assert run(desk.ledger, at(6, 30)).dropped == []
    assert verify_ledger(desk.ledger).faults == []
    with desk.ledger.read() as tx:
        assert whole_since(tx) == datetime(2027, 3, 1, tzinfo=UTC)


@pytest.mark.hostile
def test_a_report_sent_again_after_it_was_let_go_is_refused_and_blames_nobody(
    desk: Desk, machine: Machine
) -> None:
    make_shelves(desk, range(1, 7, 2))
    old = machine.report(at(1, 10), {1})
    first = desk.accept(old, at(1, 10))
    monthly(desk, machine, range(2, 7))
    assert (first.status, desk.accept(old, at(6)).status) == (200, 200)
    run(desk.ledger, at(6, 30))
    answer = desk.accept(old, at(6, 30))
    assert (answer.status, answer.code) == (409, "kept-no-longer")
    with desk.ledger.read() as tx:
        assert [a.status for a in tx.agents.all()] == ["active"]
    assert desk.accept(machine.report(at(7), {2}), at(7)).status == 200


def test_holds_are_of_somebody_there_for_a_reason_and_released_once(desk: Desk, machine: Machine) -> None:
    def hold(kind: HoldKind, subject: str, reason: str = "vụ việc", until: datetime | None = None) -> Hold:
        return add_hold(desk.ledger, kind, subject, reason, since=NOW, until=until, now=NOW, actor="test")

    refused: list[tuple[HoldKind, str, str, datetime | None, str]] = [
        ("unit", "nowhere", "x", None, "no unit"),
        ("system", "ha-noi", "x", None, "no system"),
        ("host", "hsyt", "x", None, "no host"),
        ("host", machine.agent_id, "  ", None, "reason"),
        ("host", machine.agent_id, "x" * 501, None, "reason"),
        ("host", machine.agent_id, "x", NOW, "until"),
    ]
    for kind, subject, reason, until, what in refused:
        with pytest.raises(Invalid, match=what):
            hold(kind, subject, reason, until)
    made = [hold("unit", "ha-noi"), hold("system", "hsyt"), hold("host", machine.agent_id, until=NOW + DAY)]
    release_hold(desk.ledger, made[1].id, "xong", now=NOW + DAY, actor="somebody")
    for identifier, reason in ((made[1].id, "again"), ("none", "x"), (made[0].id, " ")):
        with pytest.raises(Invalid):
            release_hold(desk.ledger, identifier, reason, now=NOW, actor="test")
    with desk.ledger.read() as tx:
        kept = tx.keeping.holds()
        assert {h: len(found) for h, found in windows(tx, NOW).items()} == {machine.agent_id: 2}
    assert [(h.kind, h.released_by, h.release_reason) for h in sorted(kept, key=lambda h: h.kind)] == [
        ("host", None, None),
        ("system", "somebody", "xong"),
        ("unit", None, None),
    ]
    assert len(trail(desk.ledger, "hold-added")) == 3
    assert [r.subject for r in trail(desk.ledger, "hold-released")] == [made[1].id]


def test_what_a_hold_names_outlives_its_months_until_it_is_released(desk: Desk, machine: Machine) -> None:
    make_shelves(desk, range(1, 7, 2))
    other = desk.enrol(Machine(seed=2), desk.token("ha-noi/so-noi-vu", None))
    monthly(desk, machine, range(1, 7))
    monthly(desk, other, range(1, 7))
    made = add_hold(
        desk.ledger, "system", "hsyt", "x", since=at(1, 15), until=at(2, 15), now=at(6), actor="test"
    )
    run(desk.ledger, at(12))
    # Of the hold: the second of January and the first of February; of scores: the newest before September.
    assert sequences(desk.ledger, machine.agent_id) == [2, 3, 12]
    assert sequences(desk.ledger, other.agent_id) == [12]
    with desk.ledger.read() as tx:
        assert {(c.agent, c.sequence) for c in tx.keeping.cuts(("", 0, 0), 10)} == {
            (machine.agent_id, 1),
            (machine.agent_id, 11),
            (other.agent_id, 11),
        }
        for sequence in (2, 3):
            (head,) = tx.chain.at(machine.agent_id, 1, sequence)
            assert tx.chain.look(head.digest) is not None
        assert {c.sequence for c in tx.findings.history(machine.agent_id)} == {2, 3, 12}
    found = verify_ledger(desk.ledger)
    assert (found.faults, found.begin_later) == ([], 3)
    release_hold(desk.ledger, made.id, "xong", now=at(12), actor="test")
    done = run(desk.ledger, at(12)).dropped
    assert [(d.shelf, d.envelopes) for d in done] == [("past-L3", 2)]
    assert sequences(desk.ledger, machine.agent_id) == [12]
    found = verify_ledger(desk.ledger)
    assert (found.faults, found.begin_later) == ([], 2)


def test_a_hold_follows_the_machines_that_were_there_wherever_they_are_now(
    desk: Desk, machine: Machine
) -> None:
    monthly(desk, machine, range(1, 3))
    with desk.ledger.write() as tx:
        place = tx.tree.placements(at(3))[0]
        moved = msgspec.structs.replace(place, unit="hue/so-y-te", system="hue-portal", since=at(3))
        place_host(tx, moved, "test")
    add_hold(desk.ledger, "unit", "ha-noi", "x", until=at(3), now=at(4), actor="test")
    add_hold(desk.ledger, "unit", "ha-noi", "x", since=at(3, 16), now=at(4), actor="test")
    with desk.ledger.read() as tx:
        assert len(windows(tx, at(4))[machine.agent_id]) == 1
    monthly(desk, machine, range(4, 6))
    run(desk.ledger, at(12))
    assert sequences(desk.ledger, machine.agent_id) == [1, 2, 3, 4, 8]
    assert verify_ledger(desk.ledger).faults == []


def test_scores_and_what_is_wrong_are_the_same_before_and_after(desk: Desk, machine: Machine) -> None:
    monthly(desk, machine, range(1, 3))
    quiet = desk.enrol(Machine(seed=2))
    desk.accept(quiet.report(at(1), {1, 2}), at(1))
    for day in range(16, 28):
        desk.accept(quiet.heartbeat(at(1, day)), at(1, day))
    for late in (3, 2):
        desk.accept(quiet.heartbeat(at(2) - late * DAY), at(2))
    for day in range(1, 27):
        desk.accept(quiet.heartbeat(at(6, day)), at(6, day))
    moments = [at(6, 27), at(6, 1), at(3, 1), at(5, 3)]
    before = [scores(desk.ledger, m) for m in moments]
    with desk.ledger.read() as tx:
        wrong = tx.findings.current([machine.agent_id, quiet.agent_id])
        heard = [tx.heartbeats.newest(quiet.agent_id, m) for m in moments]
    done = run(desk.ledger, at(6, 27))
    assert {d.shelf for d in done.dropped} == {"2027-01-L3", "2027-02-L3"}
    # Nine of twelve days of January, one of two that came late.
    assert done.heartbeats == 10
    assert [scores(desk.ledger, m) for m in moments] == before
    with desk.ledger.read() as tx:
        assert tx.findings.current([machine.agent_id, quiet.agent_id]) == wrong
        assert [tx.heartbeats.newest(quiet.agent_id, m) for m in moments] == heard


def test_heartbeats_under_a_hold_stay(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(at(1)), at(1))
    for day in range(16, 28):
        desk.accept(machine.heartbeat(at(1, day)), at(1, day))
    add_hold(
        desk.ledger, "host", machine.agent_id, "x", since=at(1, 17), until=at(1, 20), now=at(2), actor="test"
    )
    assert run(desk.ledger, at(6)).heartbeats == 12 - 3 - 3
    with desk.ledger.read() as tx:
        kept = [day for day in range(16, 28) if tx.heartbeats.day(machine.agent_id, at(1, day).date())]
    assert kept == [17, 18, 19, 25, 26, 27]


def test_evidence_of_a_fork_stays_until_the_officer_has_decided(desk: Desk, machine: Machine) -> None:
    twin = Machine()
    twin.agent_id, twin.rulebook, twin.profile = machine.agent_id, machine.rulebook, machine.profile
    desk.accept(machine.report(at(1)), at(1))
    desk.accept(twin.report(at(1), {1}), at(1))
    run(desk.ledger, at(12))
    with desk.ledger.read() as tx:
        assert {e.state for e in tx.chain.of_agent(machine.agent_id, 10)} == {"committed", "fork"}
    machine.key = Machine(seed=9).key
    desk.enrol(machine, desk.token(host=machine.agent_id, now=at(12, 16)), at(12, 16))
    desk.accept(machine.report(at(12, 17)), at(12, 17))
    run(desk.ledger, at(4, year=2028))
    with desk.ledger.read() as tx:
        assert [(e.epoch, e.state) for e in tx.chain.of_agent(machine.agent_id, 10)] == [(2, "committed")]
    assert verify_ledger(desk.ledger).faults == []


def test_a_report_that_waits_for_one_before_it_is_not_dropped(desk: Desk, machine: Machine) -> None:
    first, second = machine.report(at(1)), machine.report(at(1), {1})
    desk.accept(second, at(1))
    run(desk.ledger, at(6))
    assert desk.accept(first, at(6)).status == 200
    assert sequences(desk.ledger, machine.agent_id) == [1, 2]
    run(desk.ledger, at(7))
    assert sequences(desk.ledger, machine.agent_id) == [1, 2]
    assert verify_ledger(desk.ledger).faults == []


@pytest.mark.parametrize("step", range(1, 30, 3))
def test_a_job_that_died_anywhere_is_done_again_without_harm(
    step: int, desk: Desk, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_PAGE", 1)
    monthly(desk, machine, range(1, 5))
    add_hold(desk.ledger, "system", "hsyt", "x", since=at(1, 15), until=at(2, 15), now=at(6), actor="test")
    before = scores(desk.ledger, at(12))
    try:
        run(Meanwhile(desk.ledger, step, die), at(12))
    except StoreFailed:
        assert verify_ledger(desk.ledger).faults == []
        assert scores(desk.ledger, at(12)) == before
        run(desk.ledger, at(12))
    assert sequences(desk.ledger, machine.agent_id) == [2, 3, 8]
    assert set(shelves(desk.ledger)) == {"held-L3"}
    found = verify_ledger(desk.ledger)
    assert (found.faults, found.begin_later) == ([], 2)
    with desk.ledger.read() as tx:
        assert {c.sequence for c in tx.findings.history(machine.agent_id)} == {2, 3, 8}


@pytest.mark.parametrize("step", range(2, 20, 3))
def test_a_hold_that_comes_while_shelves_are_dropped_is_heeded(
    step: int, desk: Desk, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_PAGE", 1)
    monthly(desk, machine, range(1, 4))
    named: list[int] = []

    def hold() -> None:
        add_hold(desk.ledger, "host", machine.agent_id, "x", now=at(12), actor="test")
        going = {row.subject for row in trail(desk.ledger, DROPPING)}
        named.extend(n for n in range(1, 7) if f"2027-0{(n + 1) // 2}-L3" not in going)

    run(Meanwhile(desk.ledger, step, hold), at(12))
    assert set(named) <= set(sequences(desk.ledger, machine.agent_id))
    assert verify_ledger(desk.ledger).faults == []


class Meanwhile:
    """A ledger where something happens before the n-th write."""

    def __init__(self, ledger: Ledger, step: int, happens: Callable[[], None]) -> None:
        self._ledger = ledger
        self._left = step
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._left -= 1
        if self._left == 0:
            self._happens()
        with self._ledger.write() as tx:
            yield tx


def die() -> None:
    raise StoreFailed("the process is gone")
