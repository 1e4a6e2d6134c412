"""What an honest ledger goes through is no fault: verification names what was forged, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_retention import MONTHS
from tests.unit.collector.test_verification import edit

from vonggac_collector import audit, checking, verification
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Placement
from vonggac_collector.published import maker_of
from vonggac_collector.retention import FORGOTTEN, kept_since, retain
from vonggac_collector.rollup import day_of, end_of, publish_missing
from vonggac_collector.rounds import Keeper
from vonggac_collector.structure import NewUnit, add_units, place_host
from vonggac_collector.verification import Fault, Verified, verify_ledger

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def verified(desk: Desk, now: datetime, *, whole: bool = True, seed: int = 0) -> Verified:
    return verify_ledger(desk.ledger, whole=whole, now=lambda: now, seed=seed)


def publish(desk: Desk, now: datetime) -> None:
    publish_missing(desk.ledger, Keeper(desk.ledger, maker_of(desk.ledger)), now)


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], *, after: bool = True) -> None:
    """Let it happen while verification reads the chains, or after it did."""
    real = checking.checked

    def checked(batches: Iterator[Any], *rest: Any) -> Iterator[Any]:
        if not after:
            happens()
        yield from real(batches, *rest)
        if after:
            happens()

    monkeypatch.setattr(verification, "checked", checked)


def lives_by_heartbeats(desk: Desk, machine: Machine, days: int, first: int = 0) -> datetime:
    """A heartbeat a day, publications, and retention once a week; returns the moment after them."""
    keeper = Keeper(desk.ledger, maker_of(desk.ledger))
    for day in range(first, days):
        now = NOW + day * DAY
        desk.accept(machine.heartbeat(now + HOUR), now + HOUR + timedelta(seconds=4))
        if day % 7 == 0 or day == days - 1:
            publish_missing(desk.ledger, keeper, now + 2 * HOUR)
            retain(desk.ledger, MONTHS, now=now + 2 * HOUR, actor="worker")
    return NOW + days * DAY


def never_changes(desk: Desk) -> Machine:
    """A machine of level 1 with one report."""
    machine = desk.enrol(Machine("a", seed=3), desk.token("hue/so-y-te", "hue-portal"))
    desk.accept(machine.report(NOW, {1}))
    return machine


def test_machines_live_on_while_verification_lasts(
    desk: Desk, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.accept(machine.report(NOW, {3}))
    clock = [NOW + HOUR]

    def beat() -> None:
        clock[0] += 40 * MINUTE
        desk.accept(machine.heartbeat(clock[0]), clock[0])

    meanwhile(monkeypatch, beat, after=False)
    found = verify_ledger(desk.ledger, now=lambda: clock[0])
    assert (found.faults, found.notes) == ([], [])


def test_heartbeats_that_retention_forgot_make_no_score_a_forgery(desk: Desk) -> None:
    now = lives_by_heartbeats(desk, never_changes(desk), 71)
    found = verified(desk, now)
    assert (found.faults, found.notes) == ([], [])
    with desk.ledger.read() as tx:
        rows = [r for r in tx.trail.walk(0, 1_000) if r.action == FORGOTTEN]
    since = kept_since(now, 1)
    said = [("L1", moment.isoformat()) for moment in (kept_since(since, 1), since)]
    assert [(r.subject, r.detail) for r in rows] == said
    assert found.left_out == (since.date() - NOW.date()).days


def test_heartbeats_that_a_release_without_a_word_forgot_make_no_score_a_forgery(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = audit.record

    def silent(tx: Any, now: datetime, actor: str, action: str, *rest: Any) -> None:
        if action != FORGOTTEN:
            record(tx, now, actor, action, *rest)

    monkeypatch.setattr(audit, "record", silent)
    found = verified(desk, lives_by_heartbeats(desk, never_changes(desk), 71))
    assert found.faults == []
    assert found.left_out < 10


def test_a_machine_that_moved_to_a_lower_level_makes_no_score_a_forgery(desk: Desk) -> None:
    machine = desk.enrol(Machine("a", seed=3))
    desk.accept(machine.report(NOW, {1}))
    now = lives_by_heartbeats(desk, machine, 64)
    with desk.ledger.write() as tx:
        place_host(tx, Placement(machine.agent_id, "hue/so-y-te", "hue-portal", 2, None, now), "admin")
    assert verified(desk, lives_by_heartbeats(desk, machine, 71, 64)).faults == []


def test_retention_may_run_while_scores_are_worked_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = desk.enrol(Machine("a", seed=3), desk.token("hue/so-y-te", "hue-portal"))
    keeper, now = Keeper(desk.ledger, maker_of(desk.ledger)), NOW
    while now < NOW + 37 * DAY:
        desk.accept(machine.report(now, {now.day % 5}), now)
        publish_missing(desk.ledger, keeper, now + 2 * HOUR)
        now += DAY
    assert verified(desk, now).faults == []
    meanwhile(monkeypatch, lambda: retain(desk.ledger, MONTHS, now=now + 5 * DAY, actor="worker"))
    assert verified(desk, now + 5 * DAY).faults == []


@pytest.mark.parametrize("whole", [False, True])
def test_a_machine_set_back_to_a_snapshot_counts_on_from_then(
    desk: Desk, machine: Machine, whole: bool
) -> None:
    desk.accept(machine.report(NOW, {3}))
    for quarters in range(1, 9):
        beat(desk, machine, NOW + quarters * 15 * MINUTE)
    machine.counter = 2
    for quarters in range(14, 18):
        beat(desk, machine, NOW + quarters * 15 * MINUTE)
    found = verified(desk, NOW + DAY, whole=whole)
    assert (found.faults, found.notes) == ([], [])


def beat(desk: Desk, machine: Machine, at: datetime, late: timedelta = timedelta(seconds=5)) -> None:
    assert desk.accept(machine.heartbeat(at), at + late).status == 200


def test_a_late_heartbeat_of_a_machine_set_back_is_kept_beside_the_one_with_its_number(
    desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW, {3}))
    for start in (NOW, NOW + 3 * HOUR):
        machine.counter = 0
        for n in range(2):
            beat(desk, machine, start + n * HOUR, late=5 * HOUR)
        machine.counter = 1
        beat(desk, machine, start + HOUR, late=6 * HOUR)
    with desk.ledger.read() as tx:
        looks = sorted(r.looked_at for r in tx.heartbeats.late(machine.agent_id, 9))
    assert looks == [NOW + n * HOUR for n in (0, 1, 3, 4)]


def test_a_unit_added_while_scores_are_worked_out_makes_none_a_forgery(
    desk: Desk, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.accept(machine.report(NOW, {3}))
    publish(desk, NOW + 2 * HOUR)
    now = NOW + 3 * HOUR

    def add() -> None:
        add_units(desk.ledger, [NewUnit("hue/so-moi", "hue", "agency", "Mới", "New")], now=now, actor="a")
        added = desk.enrol(Machine("new", seed=20), desk.token("hue/so-moi", None, now), now)
        desk.accept(added.report(now, {1, 2, 3, 4}), now)
        publish(desk, now + 2 * MINUTE)

    with monkeypatch.context() as patched:
        meanwhile(patched, add)
        assert verified(desk, NOW + 4 * HOUR, whole=False).faults == []
    assert verified(desk, NOW + 4 * HOUR, whole=False).faults == []


def test_a_clock_that_was_ahead_when_a_machine_was_enrolled_is_told(desk: Desk) -> None:
    machine = desk.enrol(Machine("a", seed=3), now=NOW + 7 * HOUR)
    desk.accept(machine.report(NOW, {1}), NOW + MINUTE)
    for hours in range(1, 5):
        beat(desk, machine, NOW + hours * HOUR)
    found = verified(desk, NOW + DAY)
    assert found.faults == []
    assert [n.where for n in found.notes] == [f"agent {machine.agent_id}"]


def test_a_day_that_a_clock_which_was_ahead_ended_is_published_again_at_its_end(
    desk: Desk, machine: Machine
) -> None:
    keeper = Keeper(desk.ledger, maker_of(desk.ledger))
    desk.accept(machine.report(NOW, {1, 2, 3}))
    publish_missing(desk.ledger, keeper, NOW + HOUR)
    publish_missing(desk.ledger, keeper, NOW + 17 * HOUR)
    publish_missing(desk.ledger, keeper, NOW + 2 * HOUR)
    assert verified(desk, NOW + 2 * HOUR).faults == []
    desk.accept(machine.report(NOW + 3 * HOUR, {1}), NOW + 3 * HOUR)
    for hours in (4, 10, 18, 30):
        publish_missing(desk.ledger, keeper, NOW + hours * HOUR)
        found = verified(desk, NOW + hours * HOUR)
        assert (found.faults, found.left_out) == ([], int(hours < 14))
    with desk.ledger.read() as tx:
        assert {r.as_of for r in tx.scores.day(day_of(NOW))} == {end_of(day_of(NOW))}


def scores_of(desk: Desk, days: int, machine: Machine) -> None:
    for day in range(days):
        desk.accept(machine.report(NOW + day * DAY, {day, 5}), NOW + day * DAY)
        publish(desk, NOW + day * DAY + HOUR)


def test_parameters_that_fall_from_one_day_to_the_next_are_named(desk: Desk, machine: Machine) -> None:
    scores_of(desk, 3, machine)
    table = "scores" if isinstance(desk.ledger, MemoryLedger) else "scores_daily"
    for day in (1, 0):
        edit(desk.ledger, table, {"day": day_of(NOW + day * DAY)}, {"score": 990_000, "parameters": 1})
        found = verified(desk, NOW + 3 * DAY, whole=False)
        falls = Fault(f"scores of {day_of(NOW + DAY)}", "are by parameters 1, those of a day before by 2")
        assert found.faults == ([falls] if day else [])
        assert found.left_out == 2 - day


def test_scores_of_what_was_not_there_are_named(desk: Desk, machine: Machine) -> None:
    scores_of(desk, 2, machine)
    today, before = day_of(NOW + DAY), day_of(NOW) - 3 * DAY
    with desk.ledger.read() as tx:
        row = next(r for r in tx.scores.day(today) if r.id == "hsyt")
    with desk.ledger.write() as tx:
        tx.scores.put([msgspec.structs.replace(row, id="nowhere")])
    (fault,) = verified(desk, NOW + 2 * DAY, whole=False).faults
    assert (fault.where, fault.what) == ("system nowhere", f"has a score of {today}, and was not there")
    edit(
        desk.ledger,
        "scores" if isinstance(desk.ledger, MemoryLedger) else "scores_daily",
        {"id": "nowhere"},
        None,
    )
    with desk.ledger.write() as tx:
        tx.scores.put([msgspec.structs.replace(row, day=before, as_of=end_of(before))])
    faults = [
        f for f in verified(desk, NOW + 2 * DAY, whole=False).faults if f.where == f"scores of {before}"
    ]
    assert "before there was any unit" in faults[0].what
