"""Whoever edits where hosts belong, or a system's level, past the commands that are audited is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_verification import edit

from vonggac_collector import audit
from vonggac_collector.errors import Invalid
from vonggac_collector.instants import written
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Placement
from vonggac_collector.structure import move_host, place_host, set_level
from vonggac_collector.verification import Fault, verify_ledger

HOUR = timedelta(hours=1)


def faults(desk: Desk) -> list[Fault]:
    return verify_ledger(desk.ledger).faults


@pytest.mark.parametrize(
    "change",
    [
        {"criticality": 1},
        {"criticality": 9},
        {"unit": "hue/so-y-te"},
        {"system": None},
        {"system": "hue-portal"},
        {"profile": "level-1"},
        {"since": NOW + HOUR},
        None,
    ],
    ids=str,
)
def test_a_place_that_was_edited_or_deleted_is_named(
    change: dict[str, Any] | None, desk: Desk, machine: Machine
) -> None:
    assert faults(desk) == []
    edit(desk.ledger, "placements", {"host": machine.agent_id}, change)
    (fault,) = faults(desk)
    assert fault.where == f"host {machine.agent_id}"
    assert "the audit log" in fault.what


def test_a_host_that_was_moved_or_ended_by_sql_is_named(desk: Desk, machine: Machine) -> None:
    place = Placement(machine.agent_id, "hue/so-y-te", None, 1, None, NOW + HOUR)
    with desk.ledger.write() as tx:
        tx.tree.place(place)
    (fault,) = faults(desk)
    assert "(unit hue/so-y-te, no system, criticality 1, no profile of its own)" in fault.what
    with desk.ledger.write() as tx:
        audit.record(tx, place.since, "test", "host-placed", place.host, "unit hue/so-y-te, and so on")
    assert faults(desk) == [fault]
    if not isinstance(desk.ledger, MemoryLedger):
        desk.enrol(Machine(seed=2))
        with desk.ledger.read() as tx:
            (other,) = {p.host for p in tx.tree.placements(NOW)} - {machine.agent_id}
        edit(desk.ledger, "placements", {"host": other}, {"until": NOW + HOUR})
        assert sum("so are 1 more" in f.what for f in faults(desk)) == 1


def test_a_host_that_a_person_moved_is_no_fault_and_is_held_against_that(
    desk: Desk, machine: Machine
) -> None:
    place = Placement(machine.agent_id, "hue/so-y-te", "hue-portal", 3, "level-3", NOW + HOUR)
    with desk.ledger.write() as tx:
        place_host(tx, place, "test")
    assert faults(desk) == []
    edit(desk.ledger, "placements", {"host": machine.agent_id, "since": place.since}, {"criticality": 1})
    (fault,) = faults(desk)
    assert "criticality 1, profile level-3" in fault.what


def test_a_host_that_is_said_to_be_expected_only_later_is_named(desk: Desk, machine: Machine) -> None:
    edit(desk.ledger, "hosts", {"id": machine.agent_id}, {"expected_since": NOW + 1_000 * HOUR})
    (fault,) = faults(desk)
    assert fault.what == f"was enrolled at {written(NOW)}, its row says otherwise"


def test_tokens_of_an_earlier_release_say_no_system(desk: Desk, machine: Machine) -> None:
    with desk.ledger.read() as tx:
        before = next(r for r in tx.trail.walk(0, 100) if r.action == "token-created")
    assert ", system hsyt, " in before.detail
    rewrite(desk.ledger, before.number, before.detail.replace("system hsyt, ", ""))
    assert faults(desk) == []
    edit(desk.ledger, "placements", {"host": machine.agent_id}, {"unit": "ha-noi/so-noi-vu"})
    assert len(faults(desk)) == 1


def test_what_an_earlier_release_put_there_without_a_row_is_no_fault_and_what_this_one_puts_is(
    desk: Desk, machine: Machine
) -> None:
    """Of a ledger whose first token names no system: only from the first row on that does, everything has its row."""
    with desk.ledger.read() as tx:
        before = next(r for r in tx.trail.walk(0, 100) if r.action == "token-created")
    earlier = Placement(machine.agent_id, "ha-noi/so-y-te", "hsyt", 3, None, NOW + HOUR)
    later = msgspec.structs.replace(earlier, criticality=1, since=NOW + 3 * HOUR)
    with desk.ledger.write() as tx:
        tx.tree.place(earlier)
        (known, *_) = tx.tree.systems(NOW)
        tx.tree.add_system(msgspec.structs.replace(known, id="earlier"))
    assert {f.where for f in faults(desk)} == {f"host {machine.agent_id}", "system earlier"}
    rewrite(desk.ledger, before.number, before.detail.replace("system hsyt, ", ""))
    assert faults(desk) == []
    with desk.ledger.write() as tx:
        place_host(tx, msgspec.structs.replace(earlier, criticality=2, since=NOW + 2 * HOUR), "test")
    assert faults(desk) == []
    with desk.ledger.write() as tx:
        tx.tree.place(later)
        tx.tree.add_system(msgspec.structs.replace(known, id="later", created_at=later.since))
    assert {f.where for f in faults(desk)} == {f"host {machine.agent_id}", "system later"}


def rewrite(ledger: Any, number: int, detail: str) -> None:
    """The log from that row on anew, with another detail there."""
    with ledger.read() as tx:
        rows = tx.trail.walk(0, 1_000)
    previous = rows[number - 2].hash
    for row in rows[number - 1 :]:
        said = detail if row.number == number else row.detail
        made = audit.row_hash(row.number, row.at, row.actor, row.action, row.subject, said, previous)
        edit(ledger, "audit", {"number": row.number}, {"detail": said, "previous": previous, "hash": made})
        previous = made


@pytest.mark.parametrize("change", [{"level": 1}, {"level": 9}, {"since": NOW - HOUR}, None], ids=str)
def test_a_level_that_was_edited_or_deleted_is_named(
    change: dict[str, Any] | None, desk: Desk, machine: Machine
) -> None:
    ledger = desk.ledger
    if isinstance(ledger, MemoryLedger):
        system, since, level = ledger._store.levels[0]
        put = change or {}
        new = (system, put.get("since", since), put.get("level", level))
        ledger._store.levels[:1] = [] if change is None else [new]
    else:
        edit(ledger, "system_levels", {"system": "hsyt"}, change)
    (fault,) = faults(desk)
    assert fault.where == "system hsyt"
    assert "the audit log" in fault.what


def test_a_level_that_was_ended_or_followed_by_another_is_named(desk: Desk) -> None:
    with desk.ledger.write() as tx:
        tx.tree.set_level("hsyt", 1, NOW + HOUR)
    (fault,) = faults(desk)
    assert fault.where == "system hsyt"


def test_a_system_that_was_moved_or_put_there_by_sql_is_named(desk: Desk) -> None:
    edit(desk.ledger, "systems", {"id": "hsyt"}, {"unit": "hue/so-y-te"})
    (fault,) = faults(desk)
    assert "(level 3, unit hue/so-y-te) is by no row" in fault.what
    edit(desk.ledger, "systems", {"id": "hsyt"}, {"unit": "ha-noi/so-y-te"})
    with desk.ledger.write() as tx:
        (first, *_) = tx.tree.systems(NOW)
        tx.tree.add_system(msgspec.structs.replace(first, id="another"))
    (fault,) = faults(desk)
    assert fault.where == "system another"


def test_a_level_that_a_person_gives_counts_from_then_on_and_is_held_against_that(desk: Desk) -> None:
    for number, level in enumerate([1, 3, 5], 1):
        set_level(desk.ledger, "hsyt", level, "1234/QĐ-UBND: tạm", now=NOW + number * HOUR, actor="test")
    with desk.ledger.read() as tx:
        levels = [
            s.level for n in range(5) for s in tx.tree.systems(NOW + n * HOUR - HOUR / 2) if s.id == "hsyt"
        ]
    assert levels == [3, 1, 3, 5]
    assert faults(desk) == []
    if not isinstance(desk.ledger, MemoryLedger):
        edit(desk.ledger, "system_levels", {"system": "hsyt", "since": NOW + 2 * HOUR}, {"level": 2})
        (fault,) = faults(desk)
        assert fault.where == "system hsyt"
        assert "(level 2, unit ha-noi/so-y-te)" in fault.what


@pytest.mark.parametrize(
    ("system", "level", "reason", "told"),
    [
        ("hsyt", 3, "x", "already"),
        ("hsyt", 6, "x", "not 1 to 5"),
        ("hsyt", 2, "  ", "reason"),
        ("no", 2, "x", "there is no system"),
    ],
)
def test_a_level_that_does_not_fit_is_refused_and_nothing_changes(
    system: str, level: int, reason: str, told: str, desk: Desk
) -> None:
    with pytest.raises(Invalid, match=told):
        set_level(desk.ledger, system, level, reason, now=NOW + HOUR, actor="test")
    with desk.ledger.read() as tx:
        assert {s.id: s.level for s in tx.tree.systems(NOW + 2 * HOUR)} == {"hsyt": 3, "hue-portal": 1}


def test_a_host_that_is_moved_leaves_its_system_behind_and_can_be_moved_back(
    desk: Desk, machine: Machine
) -> None:
    host = machine.agent_id
    moves: list[dict[str, Any]] = [
        {"unit": "hue/so-y-te"},
        {"system": "hue-portal", "criticality": 3},
        {"system": ""},
        {"unit": "ha-noi/so-y-te", "system": "hsyt", "criticality": 2},
    ]
    places = [
        move_host(desk.ledger, host, **to, now=NOW + number * HOUR, actor="test")
        for number, to in enumerate(moves, 1)
    ]
    assert [(p.unit, p.system, p.criticality) for p in places] == [
        ("hue/so-y-te", None, 2),
        ("hue/so-y-te", "hue-portal", 3),
        ("hue/so-y-te", None, 3),
        ("ha-noi/so-y-te", "hsyt", 2),
    ]
    with desk.ledger.read() as tx:
        assert tx.tree.located([host], NOW + 5 * HOUR)[host][1] == places[-1]
    assert faults(desk) == []


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ({}, "is there already"),
        ({"unit": "ha-noi/so-y-te"}, "is there already"),
        ({"unit": "no"}, "no unit"),
        ({"system": "hue-portal"}, "has no system"),
        ({"unit": "hue/so-y-te", "system": "hsyt"}, "has no system"),
        ({"criticality": 4}, "not 1 to 3"),
    ],
)
def test_a_move_that_does_not_fit_is_refused(
    to: dict[str, Any], told: str, desk: Desk, machine: Machine
) -> None:
    with pytest.raises(Invalid, match=told):
        move_host(desk.ledger, machine.agent_id, **to, now=NOW + HOUR, actor="test")
    with pytest.raises(Invalid, match="no host"):
        move_host(desk.ledger, "00000000-0000-4000-8000-000000000000", **to, now=NOW + HOUR, actor="test")
    assert faults(desk) == []
