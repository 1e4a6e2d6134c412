"""What is kept as long as its level asks is let go a shelf at a time, and nothing that is needed or held goes with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.board import Board, BoardMaker
from vonggac_collector.errors import Invalid
from vonggac_collector.holds import add_hold, release_hold
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.keeping import Cut
from vonggac_collector.ledger.rows import AuditRow, shelf_of
from vonggac_collector.retention import (
    DROPPED,
    DROPPING,
    Keeper,
    Retained,
    expired,
    foresee,
    kept_since,
    load_months,
    retain,
)
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.verification import verify_ledger

DAY = timedelta(days=1)
MONTHS = load_months()


def at(month: int, day: int = 15, year: int = 2027) -> datetime:
    return datetime(year, month, day, 3, tzinfo=UTC)


def run(ledger: Ledger, now: datetime) -> Retained:
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


def scores(ledger: Ledger, when: datetime) -> object:
    made = board(ledger, when)
    hosts = {h: (x.looked_at, None if x.judged is None else x.judged.score) for h, x in made.hosts.items()}
    return made.scores, hosts


def trail(ledger: Ledger, action: str) -> list[AuditRow]:
    with ledger.read() as tx:
        return [r for r in tx.trail.walk(0, 10_000) if r.action == action]


def monthly(desk: Desk, machine: Machine, months: range) -> None:
    """Two reports in each month of 2027, which differ."""
    for month in months:
        for day in (10, 20):
            desk.accept(machine.report(at(month, day), {month % 14, day % 7}), at(month, day))


def test_the_months_come_from_the_clauses_and_a_setting_takes_their_place() -> None:
    assert load_months() == {1: 1, 2: 1, 3: 3, 4: 6, 5: 12}
    assert load_months("12, 12,24,36 ,60") == {1: 12, 2: 12, 3: 24, 4: 36, 5: 60}
    for wrong in (
        "12",
        "1,2,3,4",
        "1,2,3,4,0",
        "1,2,3,4,x",
        "1,2,3,4,5,6",
        "-1,2,3,4,5",
        "1,2,3,4,1201",
        "1,2,3,4,٣",
    ):
        with pytest.raises(ValueError, match="levels 1 to 5"):
            load_months(wrong)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 5),
    st.timedeltas(timedelta(0), timedelta(days=800)),
)
def test_whatever_is_younger_than_its_months_is_on_no_expired_shelf(
    received_at: datetime, level: int, age: timedelta
) -> None:
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
    monthly(desk, machine, range(1, 7))
    assert run(desk.ledger, at(4, 30)).dropped == []
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
