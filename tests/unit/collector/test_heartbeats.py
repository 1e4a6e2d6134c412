"""Heartbeats: a bit of a day, exact when late, and never a word for a report that is not here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.ingest.quarters import (
    LATE,
    NO_QUARTERS,
    QUARTER,
    has_quarter,
    newest_known,
    quarter_of,
    with_quarter,
)

MINUTE = timedelta(minutes=1)
DAY = date(2026, 11, 23)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


@given(st.sets(st.integers(0, 95)))
def test_a_mask_holds_exactly_the_quarters_that_were_set(quarters: set[int]) -> None:
    mask = NO_QUARTERS
    for quarter in quarters:
        mask = with_quarter(mask, quarter)
    assert len(mask) == 12
    assert {q for q in range(96) if has_quarter(mask, q)} == quarters


@given(st.integers(0, 24 * 60 - 1), st.integers(0, 15), st.integers(0, 3 * 24 * 60))
def test_what_a_mask_says_of_a_moment_was_known_at_that_moment(look: int, delay: int, asked: int) -> None:
    """However the heartbeat came in time: it is counted only when it had surely been received, and never as younger."""
    looked_at = MIDNIGHT + look * MINUTE
    received_at = looked_at + delay * MINUTE
    as_of = MIDNIGHT + asked * MINUTE
    found = newest_known(DAY, with_quarter(NO_QUARTERS, quarter_of(looked_at)), as_of)
    if found is not None:
        assert received_at <= as_of
        assert looked_at - QUARTER < found <= looked_at
    else:
        assert as_of < looked_at + QUARTER + LATE


def test_a_heartbeat_sets_its_quarter_and_keeps_the_newest_envelope(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    for minutes in (20, 40):
        at = NOW + minutes * MINUTE
        raw = machine.heartbeat(at)
        receipt = machine.receipt(desk.accept(raw, at + MINUTE).body())
        assert (receipt.sequence, receipt.counter) == (0, machine.counter)
    with desk.ledger.read() as tx:
        row = tx.heartbeats.day(machine.agent_id, NOW.date())
        assert row is not None
        assert [q for q in range(96) if has_quarter(row.mask, q)] == [13, 14]
        assert (row.counter, row.raw) == (2, raw)
        assert tx.heartbeats.newest(machine.agent_id, NOW + 41 * MINUTE) == NOW + 40 * MINUTE


def test_a_late_heartbeat_is_kept_exactly_and_counts_from_when_it_came(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    came = NOW + 3 * timedelta(hours=1)
    desk.accept(machine.heartbeat(NOW + 30 * MINUTE), came)
    with desk.ledger.read() as tx:
        assert tx.heartbeats.day(machine.agent_id, NOW.date()) is None
        assert tx.heartbeats.newest_late(came - MINUTE) == {}
        assert tx.heartbeats.newest_late(came) == {machine.agent_id: NOW + 30 * MINUTE}


def test_a_heartbeat_again_and_again_changes_nothing(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    raw = machine.heartbeat(NOW + 20 * MINUTE)
    rows = []
    for minutes in (21, 22, 300):
        assert desk.accept(raw, NOW + minutes * MINUTE).status == 200
        with desk.ledger.read() as tx:
            day = tx.heartbeats.day(machine.agent_id, NOW.date())
            rows.append((day, tx.heartbeats.newest_late(NOW + 400 * MINUTE)))
    assert rows[0] == rows[1] == rows[2]


def test_a_heartbeat_of_a_report_that_is_not_here_waits_for_it(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    lost = machine.report(NOW + MINUTE, {1})
    beat = machine.heartbeat(NOW + 2 * MINUTE)
    answer = desk.accept(beat, NOW + 2 * MINUTE)
    assert (answer.status, msgspec.json.decode(answer.body())["missing"]) == (202, [2, 2])
    desk.accept(lost, NOW + 3 * MINUTE)
    assert desk.accept(beat, NOW + 3 * MINUTE).status == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content": "0" * 64}, "content-mismatch"),
        ({"epoch": 2}, "epoch-mismatch"),
        ({"agent_id": "00000000-0000-0000-0000-000000000000"}, "agent-mismatch"),
        ({"schema": 9}, "unknown-schema"),
        ({"looked_at": datetime(2026, 1, 1)}, "malformed"),  # noqa: DTZ001  that is the point
    ],
)
def test_a_heartbeat_that_does_not_fit_is_refused(
    desk: Desk, machine: Machine, change: dict[str, object], code: str
) -> None:
    desk.accept(machine.report(NOW))
    answer = desk.accept(machine.heartbeat(NOW, **change))
    assert answer.code == code


def test_a_heartbeat_from_the_future_counts_from_its_receipt(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    desk.accept(machine.heartbeat(NOW + timedelta(days=9)), NOW + 20 * MINUTE)
    with desk.ledger.read() as tx:
        assert tx.heartbeats.newest(machine.agent_id, NOW + timedelta(days=20)) == NOW + 20 * MINUTE


def test_times_at_the_end_of_the_calendar_are_no_trouble(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    for year in (1, 9999):
        assert desk.accept(machine.heartbeat(datetime(year, 1, 1, tzinfo=UTC))).status == 200
    odd = datetime(1, 1, 1, tzinfo=UTC).isoformat().replace("+00:00", "+14:00")
    beat = machine.heartbeat(NOW, looked_at=datetime.fromisoformat(odd))
    assert desk.accept(beat).code == "malformed"
