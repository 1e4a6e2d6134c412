"""Reports that a machine dropped for want of room: by its signed word the chain goes on after them, and it shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine, envelope_of
from tests.unit.collector.test_retention import MONTHS, at
from tests.unit.collector.test_verification import edit

from vonggac_collector.gaps import missing
from vonggac_collector.ledger.keeping import REPORTS_DROPPED
from vonggac_collector.retention import retain
from vonggac_collector.verification import verify_ledger
from vonggac_contract.report import Dropped, statement_from_envelope


def digest(raw: bytes) -> str:
    return envelope_of(raw).digest


def dropping(machine: Machine, when: datetime = NOW, **other: Any) -> list[bytes]:
    """Reports 1 and 2, and 6, which says that 3 to 5 were dropped, or something else of them."""
    kept = [machine.report(when, {n}) for n in range(2)]
    for n in range(3):
        machine.report(when, {n + 2})
    dropped = msgspec.structs.replace(Dropped(3, 5, digest(kept[1])), **other)
    return [*kept, machine.report(when, {9}, dropped=dropped)]


def committed(desk: Desk, machine: Machine) -> list[int]:
    with desk.ledger.read() as tx:
        return [e.sequence for e in tx.chain.walk(machine.agent_id, (0, 0), 100)]


def faults(desk: Desk) -> list[object]:
    return [*verify_ledger(desk.ledger, whole=True).faults]


def test_the_chain_goes_on_after_reports_that_the_machine_says_it_dropped_and_people_are_told(
    desk: Desk, machine: Machine
) -> None:
    sent = dropping(machine)
    assert [desk.accept(raw).status for raw in sent] == [200, 200, 200]
    assert committed(desk, machine) == [1, 2, 6]
    assert desk.accept(machine.report(NOW, {3})).status == 200
    assert desk.accept(machine.heartbeat(NOW)).status == 200
    assert [*missing(desk.ledger, NOW)] == []
    with desk.ledger.read() as tx:
        (told,) = [row for row in tx.trail.walk(0, 100) if row.action == REPORTS_DROPPED]
        look = tx.chain.look(digest(sent[2]))
    assert told.subject == machine.agent_id
    assert told.detail.startswith("reports 3 to 5, says report 6 ")
    assert look is not None
    assert look.flags == REPORTS_DROPPED
    assert faults(desk) == []


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2, 1, 0), (1, 2, 0)])
def test_in_whatever_order_they_come_the_chain_is_the_same(
    desk: Desk, machine: Machine, order: tuple[int, ...]
) -> None:
    sent = dropping(machine)
    assert [desk.accept(sent[n]).status for n in order][-1] == 200
    assert committed(desk, machine) == [1, 2, 6]
    assert [desk.accept(raw).status for raw in sent] == [200] * 3
    assert faults(desk) == []


def test_of_what_comes_before_a_report_that_waits_what_the_machine_dropped_is_not_called_missing(
    desk: Desk, machine: Machine
) -> None:
    sent = dropping(machine)
    assert [desk.accept(sent[n]).status for n in (0, 2)] == [200, 202]
    (gap,) = missing(desk.ledger, NOW)
    assert (gap.head, gap.first, gap.last, gap.digest) == (1, 2, 2, digest(sent[1]))


def test_nothing_is_missing_between_two_reports_that_wait_if_the_machine_dropped_it(
    desk: Desk, machine: Machine
) -> None:
    sent = dropping(machine)
    assert [desk.accept(sent[n]).status for n in (1, 2)] == [202, 202]
    (gap,) = missing(desk.ledger, NOW)
    assert (gap.first, gap.last) == (1, 1)


def test_whoever_says_so_of_another_chain_than_the_one_here_is_a_fork(desk: Desk, machine: Machine) -> None:
    sent = dropping(machine, previous="f" * 64)
    assert [desk.accept(raw).status for raw in sent] == [200, 200, 409]
    assert committed(desk, machine) == [1, 2]


@pytest.mark.parametrize("here", [2, 3, 6])
def test_who_says_that_reports_were_dropped_which_are_here_is_a_fork(
    desk: Desk, machine: Machine, here: int
) -> None:
    sent = [machine.report(NOW, {n}) for n in range(6)]
    late = machine.report(NOW, {9}, dropped=Dropped(2, 6, digest(sent[0])))
    assert [desk.accept(raw).status for raw in sent[:here]] == [200] * here
    assert desk.accept(late).code == "seq-fork"


@pytest.mark.parametrize(
    ("order", "answers", "here"), [((0, 1, 2), [200, 200, 409], [1, 2]), ((0, 2, 1), [200, 409, 403], [1])]
)
def test_who_names_the_head_and_says_that_it_was_dropped_is_a_fork_and_no_fault_of_the_ledger(
    desk: Desk, machine: Machine, order: tuple[int, ...], answers: list[int], here: list[int]
) -> None:
    sent = dropping(machine, first=2)
    assert [desk.accept(sent[n]).status for n in order] == answers
    assert committed(desk, machine) == here
    assert faults(desk) == []


@pytest.mark.parametrize("impossible", [{"first": 1}, {"first": 6}, {"last": 4}, {"last": 6}, {"first": 7}])
def test_what_cannot_have_been_dropped_is_malformed(
    desk: Desk, machine: Machine, impossible: dict[str, int]
) -> None:
    *_, last = dropping(machine, NOW, **impossible)
    answer = desk.accept(last)
    assert (answer.status, answer.code) == (422, "malformed")


def test_a_report_that_was_dropped_and_comes_after_all_is_refused_and_blames_nobody(
    desk: Desk, machine: Machine
) -> None:
    kept = [machine.report(NOW, {n}) for n in range(2)]
    gone = machine.report(NOW, {3})
    after = machine.report(NOW, {4}, dropped=Dropped(3, 3, digest(kept[1])))
    assert [desk.accept(raw).status for raw in (*kept, after)] == [200, 200, 200]
    assert desk.accept(gone).code == "kept-no-longer"
    assert desk.accept(machine.report(NOW, {5})).status == 200


def test_a_row_before_the_gap_that_was_taken_away_is_missed(desk: Desk, machine: Machine) -> None:
    for raw in dropping(machine):
        desk.accept(raw)
    edit(desk.ledger, "envelopes", {"agent": machine.agent_id, "sequence": 2}, None)
    assert faults(desk) != []


def test_retention_up_to_the_gap_and_past_it_leaves_a_chain_that_verifies(
    desk: Desk, machine: Machine
) -> None:
    kept = [machine.report(at(1, 10 + n), {n}) for n in range(2)]
    for n, raw in enumerate(kept):
        desk.accept(raw, at(1, 10 + n))
    machine.report(at(2), {3})
    after = machine.report(at(3), {4}, dropped=Dropped(3, 3, digest(kept[1])))
    assert desk.accept(after, at(3)).status == 200
    desk.accept(machine.report(at(9), {5}), at(9))
    desk.accept(machine.report(at(12), {5, 6}), at(12))
    for month in (5, 8, 12):
        retain(desk.ledger, MONTHS, now=at(month) + timedelta(days=1), actor="test")
        assert faults(desk) == []
    assert committed(desk, machine) != [1, 2, 4, 5, 6], "something was let go"


def test_the_word_of_what_was_dropped_survives_a_reader_that_does_not_know_it(machine: Machine) -> None:
    machine.agent_id, machine.rulebook, machine.profile = (
        "0" * 8 + "-0000-4000-8000-" + "0" * 12,
        "0" * 64,
        "p",
    )
    *_, last = dropping(machine)
    assert statement_from_envelope(envelope_of(last)).report.dropped != msgspec.UNSET
