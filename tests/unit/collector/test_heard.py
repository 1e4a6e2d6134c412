"""Whoever writes heartbeats that no machine sent is named by `ledger verify`, as far as anything says otherwise."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_retention import MONTHS, at, monthly
from tests.unit.collector.test_verification import edit

from vonggac_collector.ingest.quarters import NO_QUARTERS, quarter_of, with_quarter
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import HeartbeatDay, LateHeartbeat
from vonggac_collector.retention import retain
from vonggac_collector.verification import Verified, verify_ledger

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TODAY = NOW.date()


class Heard:
    """A machine with two reports; heartbeats of four days, of which the newest is late."""

    def __init__(self, desk: Desk, machine: Machine) -> None:
        self.desk, self.machine, self.agent = desk, machine, machine.agent_id
        desk.accept(machine.report(NOW, {3}))
        desk.accept(machine.report(NOW + MINUTE, {3}), NOW + MINUTE)
        for day in range(3):
            for minutes in (20, 40, 60):
                self.beat(NOW + day * DAY + minutes * MINUTE)
        self.beat(NOW + 3 * DAY, late=2 * HOUR)

    def beat(self, looked_at: Any, late: timedelta = MINUTE) -> None:
        answer = self.desk.accept(self.machine.heartbeat(looked_at), looked_at + late)
        assert answer.status == 200

    def day(self, day: date = TODAY + 2 * DAY) -> HeartbeatDay:
        with self.desk.ledger.read() as tx:
            found = tx.heartbeats.day(self.agent, day)
        assert found is not None
        return found

    def write(self, day: date = TODAY + 2 * DAY, /, **change: Any) -> None:
        """Past the ledger."""
        edit(self.desk.ledger, "heartbeats", {"agent": self.agent, "day": day}, change)
        if isinstance(self.desk.ledger, MemoryLedger):
            kept = self.desk.ledger._store.heartbeats
            self.desk.ledger._store.heartbeats = {(r.agent, r.day): r for r in kept.values()}

    def add(self, row: HeartbeatDay | LateHeartbeat) -> None:
        with self.desk.ledger.write() as tx:
            if isinstance(row, HeartbeatDay):
                tx.heartbeats.put(row, first=True)
            else:
                tx.heartbeats.add_late(row)

    def verified(self, **more: Any) -> Verified:
        return verify_ledger(self.desk.ledger, **more)

    def named(self, **more: Any) -> str:
        """What is said of this machine, and of nothing else."""
        (fault,) = self.verified(**more).faults
        assert fault.where == f"agent {self.agent}"
        return fault.what

    def told(self, **more: Any) -> str:
        """What is told of this machine, though it is no fault."""
        found = self.verified(**more)
        assert found.faults == []
        (note,) = found.notes
        assert note.where == f"agent {self.agent}"
        return note.what


@pytest.fixture
def heard(desk: Desk, machine: Machine) -> Heard:
    made = Heard(desk, machine)
    assert made.verified().faults == made.verified(whole=True, now=lambda: NOW + 4 * DAY).faults == []
    assert made.verified().notes == []
    return made


def test_a_day_of_a_machine_that_was_dead_needs_an_envelope_of_that_day(heard: Heard) -> None:
    dead = msgspec.structs.replace(heard.day(), day=TODAY + 5 * DAY)
    heard.add(dead)
    assert (
        heard.named() == f"the heartbeats of {dead.day}: the newest is of another time than its envelope says"
    )
    moment = dead.looked_at + 3 * DAY
    heard.write(dead.day, looked_at=moment, received_at=moment)
    assert "another time" in heard.named()
    heard.write(dead.day, raw=b"rubbish")
    assert "damaged" in heard.named()


def test_an_envelope_that_another_key_sealed_is_named(heard: Heard) -> None:
    forger = Machine(seed=77)
    forger.agent_id, forger.sequence, forger.content = heard.agent, 2, heard.machine.content
    forger.counter = heard.machine.counter
    moment = NOW + 5 * DAY
    row = HeartbeatDay(
        heard.agent,
        moment.date(),
        with_quarter(NO_QUARTERS, quarter_of(moment)),
        1,
        forger.counter + 1,
        moment,
        moment,
        forger.heartbeat(moment),
    )
    heard.add(row)
    assert "is damaged: no signature by key" in heard.named()


@pytest.mark.parametrize("column", ["epoch", "counter", "looked_at", "received_at", "day", "raw"])
def test_every_value_of_the_newest_heartbeat_is_held_against_its_envelope(heard: Heard, column: str) -> None:
    row = heard.day()
    changes: dict[str, Any] = {
        "epoch": 2,
        "counter": row.counter + 1,
        "looked_at": row.looked_at + MINUTE,
        "received_at": row.received_at + HOUR,
        "day": row.day + 9 * DAY,
        "raw": heard.day(TODAY).raw,
    }
    heard.write(**{column: changes[column]})
    assert heard.named()


def test_a_newest_heartbeat_whose_quarter_is_not_marked_is_named(heard: Heard) -> None:
    heard.write(mask=NO_QUARTERS)
    assert heard.named().endswith("the quarter of the newest is not marked")


def test_quarters_after_the_newest_heartbeat_are_told(heard: Heard) -> None:
    heard.write(mask=with_quarter(heard.day().mask, 95))
    assert heard.told().endswith("quarters after the newest are marked")


def test_quarters_before_the_enrolment_are_told(heard: Heard) -> None:
    heard.write(TODAY, mask=with_quarter(heard.day(TODAY).mask, 2))
    assert "before it was enrolled" in heard.told()


def test_older_days_are_looked_at_when_all_is(heard: Heard) -> None:
    heard.beat(NOW + 4 * DAY)
    heard.write(TODAY, counter=77)
    assert heard.verified().faults == []
    assert "another heartbeat's" in heard.named(whole=True)


@pytest.mark.parametrize(
    ("looked", "received", "epoch"),
    [
        (4 * DAY, 4 * DAY + MINUTE, 1),
        (4 * DAY, 4 * DAY + HOUR, 2),
    ],
    ids=["not late", "of no epoch"],
)
def test_a_late_heartbeat_that_could_not_have_come_is_named(
    looked: timedelta, received: timedelta, epoch: int, heard: Heard
) -> None:
    heard.add(LateHeartbeat(heard.agent, epoch, 900, NOW + looked, NOW + received))
    assert heard.named(now=lambda: NOW + 8 * DAY)


@pytest.mark.parametrize(
    ("looked", "received"),
    [(5 * DAY, 9 * DAY), (-2 * HOUR, -HOUR)],
    ids=["in the future", "before it was enrolled"],
)
def test_a_late_heartbeat_that_came_when_only_a_clock_which_was_ahead_can_have_it_is_told(
    looked: timedelta, received: timedelta, heard: Heard
) -> None:
    heard.add(LateHeartbeat(heard.agent, 1, 900, NOW + looked, NOW + received))
    assert heard.told(now=lambda: NOW + 8 * DAY)


def test_a_late_heartbeat_that_could_have_come_is_counted_for_nothing_proves_it(heard: Heard) -> None:
    assert heard.verified().unproven == 1
    heard.beat(NOW + 4 * DAY)
    assert heard.verified().unproven == 0
    heard.add(LateHeartbeat(heard.agent, 1, 900, NOW + 6 * DAY, NOW + 7 * DAY))
    assert (heard.verified().unproven, heard.verified().faults) == (1, [])


@pytest.mark.parametrize("whole", [False, True])
def test_the_end_of_a_chain_cut_with_its_head_is_missed_by_the_heartbeats_after_it(
    heard: Heard, whole: bool
) -> None:
    ledger = heard.desk.ledger
    with ledger.read() as tx:
        first = tx.chain.look_before(heard.agent, 1, 2)
        assert first is not None
    for table in ("looks", "envelopes"):
        edit(ledger, table, {"agent": heard.agent, "sequence": 2}, None)
    back = {"head_sequence": 1, "head_digest": first.digest, "head_content": first.content}
    edit(ledger, "agents", {"id": heard.agent}, back | {"vector": first.vector})
    told = "the newest follows report 2, which is not here: the chain ends in 1"
    assert heard.named(whole=whole) == f"the heartbeats of {TODAY + 2 * DAY}: {told}"
    for day in range(3):
        edit(ledger, "heartbeats", {"agent": heard.agent, "day": TODAY + day * DAY}, None)
    assert heard.verified(whole=whole).faults == []


def test_a_machine_that_was_freed_from_quarantine_past_the_audit_log_is_named(
    heard: Heard, desk: Desk
) -> None:
    machine = heard.machine
    with desk.ledger.read() as tx:
        (first,) = tx.chain.at(heard.agent, 1, 1)
    machine.sequence, machine.previous = 1, first.digest
    assert desk.accept(machine.report(NOW + 2 * HOUR, {5}), NOW + 4 * DAY).status == 409
    assert heard.verified().faults == []
    edit(desk.ledger, "agents", {"id": heard.agent}, {"status": "active"})
    assert heard.named() == "its row is not what the audit log says: quarantined in epoch 1"
    edit(desk.ledger, "agents", {"id": heard.agent}, {"status": "quarantined"})
    heard.add(LateHeartbeat(heard.agent, 1, 900, NOW + 4 * DAY, NOW + 5 * DAY))
    assert "was over" in heard.told()


def test_what_an_epoch_that_was_over_heard_is_told(heard: Heard, desk: Desk) -> None:
    machine, moment = heard.machine, NOW + 4 * DAY
    machine.key = Machine(seed=40).key
    desk.enrol(machine, desk.token(host=machine.agent_id, now=moment), moment)
    desk.accept(machine.report(moment + MINUTE, {4}), moment + MINUTE)
    heard.beat(moment + HOUR)
    assert heard.verified().faults == heard.verified(whole=True).faults == []
    heard.add(LateHeartbeat(heard.agent, 1, 900, NOW, moment + DAY))
    assert "was over" in heard.told(whole=True)


def test_what_retention_left_of_heartbeats_is_no_fault(desk: Desk, machine: Machine) -> None:
    for month in range(1, 7):
        monthly(desk, machine, range(month, month + 1))
        for day in range(16, 20):
            moment = at(month, day)
            desk.accept(machine.heartbeat(moment), moment)
    retain(desk.ledger, MONTHS, now=at(7), actor="test")
    for whole in (False, True):
        assert verify_ledger(desk.ledger, whole=whole).faults == []
