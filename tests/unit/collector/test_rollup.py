"""Scores of the past are those of what the ledger held then, whatever came later and in whatever order."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from tests.unit.collector.conftest import NOW, Desk, plant
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector import rulebooks
from vonggac_collector.board import BoardMaker
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Placement
from vonggac_collector.rollup import Worker, daily_scores, day_of, end_of, publish_day, publish_missing
from vonggac_collector.rounds import Keeper
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def maker_of(ledger: Ledger) -> BoardMaker:
    return BoardMaker(ledger, Shelf(ledger), load_parameters())


def live_a_while(desk: Desk, days: int = 6) -> list[tuple[datetime, dict[str, int | None]]]:
    """Some machines report, beat, fall silent, move and come late; what was published each day."""
    published = []
    machines = [desk.enrol(Machine(f"may-{n}", seed=n + 1)) for n in range(3)]
    for day in range(days):
        at = NOW + day * DAY
        desk.accept(machines[0].report(at, {day % 5}), at)
        if day == 0:
            desk.accept(machines[1].report(at, {1, 2}), at)
        else:
            desk.accept(machines[1].heartbeat(at, looked_at=at - timedelta(minutes=3)), at)
        late = machines[2].report(at - DAY * 2, {day % 3, 7})
        desk.accept(late, at + HOUR)
        if day == 3:
            with desk.ledger.write() as tx:
                tx.tree.set_level("hsyt", 1, at)
                tx.tree.place(Placement(machines[0].agent_id, "ha-noi/so-y-te", None, 3, None, at))
        if day == 4:
            rulebooks.publish(desk.ledger, a_rulebook(rules=12, version="2"), now=at, actor="test")
        made = publish_day(desk.ledger, day_of(at), at + 2 * HOUR)
        published.append((made[0].as_of, {r.id: r.score for r in made if r.kind == "unit"}))
    return published


def test_a_past_moment_computed_again_is_what_was_published_then(desk: Desk) -> None:
    published = live_a_while(desk)
    assert len({repr(scores) for _, scores in published}) > 3
    again = maker_of(desk.ledger)
    for as_of, scores in published:
        assert {c: s.score for c, s in again.at(as_of).scores.items()} == scores
        with desk.ledger.read() as tx:
            rows = {r.id: r.score for r in tx.scores.day(day_of(as_of)) if r.kind == "unit"}
        assert rows == scores


def test_publishing_with_a_remembering_maker_and_without_is_the_same(desk: Desk) -> None:
    published = live_a_while(desk)
    maker = maker_of(desk.ledger)
    for as_of, _ in published:
        day = day_of(as_of)
        made = daily_scores(desk.ledger, maker, as_of, day)
        assert made == daily_scores(desk.ledger, maker_of(desk.ledger), as_of, day)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_arrival_changes_no_score(order: tuple[int, ...]) -> None:
    boards = []
    for sequence in ((0, 1, 2), order):
        ledger = MemoryLedger()
        plant(ledger)
        desk = Desk(ledger)
        machine = desk.enrol(Machine())
        raws = [machine.report(NOW + n * HOUR, {n}) for n in range(3)]
        for n in sequence:
            desk.accept(raws[n], NOW + 3 * HOUR)
        boards.append({c: s.score for c, s in maker_of(ledger).at(NOW + 4 * HOUR).scores.items()})
    assert boards[0] == boards[1]


def test_a_report_that_waits_for_an_earlier_one_does_not_count_yet(desk: Desk, machine: Machine) -> None:
    first, second = machine.report(NOW, {1, 2, 3}), machine.report(NOW + HOUR)
    desk.accept(second, NOW + HOUR)
    assert maker_of(desk.ledger).at(NOW + 2 * HOUR).hosts[machine.agent_id].look is None
    desk.accept(first, NOW + 3 * HOUR)
    assert maker_of(desk.ledger).at(NOW + 2 * HOUR).hosts[machine.agent_id].look is None
    assert maker_of(desk.ledger).at(NOW + 3 * HOUR).hosts[machine.agent_id].looked_at == NOW + HOUR


def test_a_change_of_level_leaves_a_day_to_look_again(desk: Desk, machine: Machine) -> None:
    with desk.ledger.write() as tx:
        tx.tree.set_level("hsyt", 1, NOW)
    machine.profile = "level-1"
    desk.accept(machine.report(NOW + 30 * HOUR), NOW + 30 * HOUR)
    with desk.ledger.write() as tx:
        tx.tree.set_level("hsyt", 3, NOW + 31 * HOUR)
    maker = maker_of(desk.ledger)
    judged = [maker.at(NOW + h * HOUR).hosts[machine.agent_id] for h in (32, 56)]
    assert [(j.profile, j.judged is not None and j.judged.score.score == 1_000_000) for j in judged] == [
        ("level-1", True),
        ("level-3", False),
    ]


def test_missing_days_are_published_when_the_collector_was_off(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    publish_day(desk.ledger, day_of(NOW), NOW + HOUR)
    keeper = Keeper(desk.ledger, maker_of(desk.ledger))
    assert publish_missing(desk.ledger, keeper, NOW + 3 * DAY) == 4
    with desk.ledger.read() as tx:
        series = tx.scores.series("unit", ["vn"], day_of(NOW), day_of(NOW + 3 * DAY))["vn"]
        first = tx.scores.day(day_of(NOW))[0]
    assert len(series) == 4
    assert first.as_of == end_of(day_of(NOW))


def test_the_worker_publishes_after_a_change_and_stops(desk: Desk, machine: Machine) -> None:
    worker = Worker(desk.ledger, maker_of(desk.ledger), lambda: NOW + HOUR, debounce_s=0.01)
    worker.start()
    try:
        desk.accept(machine.report(NOW, {1}), NOW)
        for _ in range(500):
            with desk.ledger.read() as tx:
                found = tx.scores.series("unit", ["vn"], day_of(NOW), day_of(NOW))["vn"]
            if found.get(day_of(NOW)):
                break
            time.sleep(0.01)
    finally:
        worker.stop()
    assert found[day_of(NOW)] is not None
