"""What is missing is named from the reports that wait for it, and no longer once it is here or a new epoch began."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.unit.collector.conftest import ADMIN, NOW, Desk
from tests.unit.collector.machines import Machine, envelope_of

from vonggac_collector import gaps
from vonggac_collector.gaps import STAYS, missing, staying
from vonggac_collector.ingest.projection import statement_of
from vonggac_collector.ledger.rows import Envelope as EnvelopeRow
from vonggac_collector.queries import Queries
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_contract.report import Statement

LATER = NOW + timedelta(minutes=1)


def places(desk: Desk) -> list[tuple[int, int, int]]:
    return [(g.head, g.first, g.last) for g in missing(desk.ledger, LATER)]


def test_every_hole_is_named_with_the_digest_that_the_next_report_has_of_it(
    desk: Desk, machine: Machine
) -> None:
    sent = [machine.report(NOW, {n}) for n in range(8)]
    for n in (0, 3, 4, 7):
        desk.accept(sent[n], LATER)
    first, second = missing(desk.ledger, LATER)
    assert (first.agent, first.hostname, first.epoch) == (machine.agent_id, machine.hostname, 1)
    assert (first.head, first.first, first.last) == (1, 2, 3)
    assert first.digest == envelope_of(sent[2]).digest
    assert first.since == LATER
    assert (second.head, second.first, second.last) == (5, 6, 7)
    assert msgspec.json.decode(desk.accept(sent[7], LATER).body())["missing"] == [2, 3]
    desk.accept(sent[1], LATER)
    assert places(desk) == [(2, 3, 3), (5, 6, 7)]
    desk.accept(sent[2], LATER)
    assert places(desk) == [(5, 6, 7)]
    desk.accept(sent[5], LATER)
    desk.accept(sent[6], LATER)
    assert places(desk) == []


def test_a_machine_that_begins_a_new_epoch_goes_on_without_what_is_missing(
    desk: Desk, machine: Machine
) -> None:
    machine.report(NOW)
    desk.accept(machine.report(NOW, {1}), LATER)
    assert places(desk) == [(0, 1, 1)]
    again = Machine(machine.hostname, seed=9)
    desk.enrol(again, desk.token(host=machine.agent_id), LATER)
    assert desk.accept(again.report(LATER), LATER).status == 200
    assert places(desk) == []


def test_a_fork_is_no_gap(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    machine.sequence, machine.previous = 0, None
    assert desk.accept(machine.report(NOW, {2})).status == 409
    assert places(desk) == []


def test_a_gap_is_counted_once_it_stays_and_shown_on_the_machines_page(desk: Desk, machine: Machine) -> None:
    machine.report(NOW)
    desk.accept(machine.report(NOW, {1}), LATER)
    assert (staying(desk.ledger, LATER + STAYS), staying(desk.ledger, LATER + STAYS + LATER.resolution)) == (
        0,
        1,
    )
    shown = queries_of(desk).host(ADMIN, machine.agent_id).missing
    assert [(row.epoch, row.first, row.last, row.since) for row in shown] == [(1, 1, 1, LATER)]


def test_a_machine_with_many_holes_makes_nobody_unpack_all_its_reports_again_and_again(
    desk: Desk, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gaps are told at each scrape of /metrics and on each page of the machine."""
    unpacked: list[str] = []

    def counting(row: EnvelopeRow) -> Statement:
        unpacked.append(row.digest)
        return statement_of(row)

    monkeypatch.setattr(gaps, "statement_of", counting)
    monkeypatch.setattr(gaps, "_FOLLOWED", {})
    for n in range(gaps.LOOKED_INTO + 5):
        machine.report(NOW)
        assert desk.accept(machine.report(NOW, {n}), LATER).status == 202
    for _ in range(3):
        assert places(desk) == [(2 * n, 2 * n + 1, 2 * n + 1) for n in range(gaps.LOOKED_INTO + 5)]
    assert len(unpacked) == gaps.LOOKED_INTO


def queries_of(desk: Desk) -> Queries:
    return Queries(desk.ledger, Shelf(desk.ledger), load_parameters(), lambda: LATER)
