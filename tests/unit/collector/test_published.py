"""A published score that does not follow from the record is named, and so is one that was deleted."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_retention import MONTHS, at, monthly
from tests.unit.collector.test_verification import again, edit

from vonggac_collector import verification
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import DailyScore
from vonggac_collector.published import gaps, maker_of
from vonggac_collector.retention import retain
from vonggac_collector.rollup import day_of, end_of, publish_day, publish_missing
from vonggac_collector.rounds import Keeper
from vonggac_collector.verification import Fault, verify_ledger

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST = day_of(NOW)


class Country:
    """Machines of three agencies that report now and then, over five days; the last of them lasts."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.ledger = desk, desk.ledger
        self.keeper = Keeper(desk.ledger, maker_of(desk.ledger))
        desk.enrol(Machine("silent", seed=9))
        places = [("ha-noi/so-y-te", "hsyt"), ("ha-noi/so-noi-vu", None), ("hue/so-y-te", "hue-portal")]
        tokens = [desk.token(*place) for place in places]
        self.machines = [desk.enrol(Machine(f"may-{n}", seed=n + 1), tokens[n % 3]) for n in range(4)]
        for day in range(5):
            for number, machine in enumerate(self.machines):
                moment = NOW + day * DAY + number * HOUR
                if (day + number) % 2 == 0:
                    desk.accept(machine.report(moment, {day, number + 3}), moment)
                elif machine.sequence:
                    desk.accept(machine.heartbeat(moment), moment + number * HOUR)
                if day == 4 or number == 3:
                    self.publish(moment + HOUR)

    def publish(self, now: Any) -> None:
        publish_missing(self.ledger, self.keeper, now)

    def row(self, kind: str, identifier: str, day: int) -> DailyScore:
        with self.ledger.read() as tx:
            return next(r for r in tx.scores.day(FIRST + day * DAY) if (r.kind, r.id) == (kind, identifier))

    def edit(self, row: DailyScore, change: dict[str, Any] | None) -> None:
        key = {"kind": row.kind, "id": row.id, "day": row.day}
        table = "scores" if isinstance(self.ledger, MemoryLedger) else "scores_daily"
        edit(self.ledger, table, key, change)

    def faults(self, **more: Any) -> list[Fault]:
        return verify_ledger(self.ledger, **more).faults


@pytest.fixture
def country(desk: Desk) -> Country:
    made = Country(desk)
    assert made.faults(whole=True) == made.faults() == []
    return made


SCORES = [
    ("unit", "vn"),
    ("unit", "hue"),
    ("unit", "ha-noi/so-y-te"),
    ("unit", "ha-noi/so-noi-vu"),
    ("system", "hsyt"),
    ("system", "hue-portal"),
]


@pytest.mark.parametrize(("kind", "identifier"), SCORES)
def test_a_score_that_does_not_follow_from_the_ledger_is_named(
    kind: str, identifier: str, country: Country
) -> None:
    row = country.row(kind, identifier, 4)
    for change in ({"score": 999_999}, {"with_waivers": 999_999}, {"coverage": 0.25}, {"parameters": 1}):
        country.edit(row, change)
        (fault,) = country.faults()
        assert fault.where == f"{kind} {identifier}" or "so are" in fault.what
        country.edit(row, {n: getattr(row, n) for n in change})
    country.edit(row, None)
    assert country.faults() == [Fault(f"{kind} {identifier}", f"its score of {row.day} is missing")]
    put_back(country, row)
    assert country.faults() == []


@pytest.mark.parametrize("identifier", ["vn", "hue", "ha-noi/so-y-te"])
def test_of_a_day_that_ended_everything_is_of_its_end(identifier: str, country: Country) -> None:
    row = country.row("unit", identifier, 1)
    changes: list[dict[str, Any]] = [{"freshness": 7}, {"as_of": row.as_of - HOUR}, {"score": 999_999}]
    for change in changes:
        country.edit(row, change)
        (fault,) = country.faults(whole=True)
        assert fault.where == f"unit {identifier}" or "so are" in fault.what
        country.edit(row, {n: getattr(row, n) for n in change})


def put_back(country: Country, row: DailyScore) -> None:
    with country.ledger.write() as tx:
        tx.scores.put([row])


def test_what_was_published_and_what_was_worked_out_are_told(country: Country) -> None:
    row = country.row("unit", "ha-noi/so-noi-vu", 4)
    country.edit(row, {"score": 1_000_000})
    (fault,) = country.faults()
    assert fault.where == f"unit {row.id}"
    assert row.score is not None
    assert fault.what.startswith(f"its published score 100, worked out {row.score / 10_000:g}")


def test_the_newest_day_and_one_that_is_drawn_are_worked_out_and_all_of_them_by_whole(
    country: Country,
) -> None:
    row = country.row("unit", "ha-noi/so-y-te", 2)
    country.edit(row, {"score": 999_999, "with_waivers": 999_999})
    assert country.faults(whole=True)
    found = [bool(country.faults(seed=seed)) for seed in range(8)]
    assert True in found
    assert False in found


def test_a_day_of_which_all_scores_were_deleted_is_missed(country: Country) -> None:
    with country.ledger.read() as tx:
        rows = tx.scores.day(FIRST + DAY)
    for row in rows:
        country.edit(row, None)
    assert country.faults() == [Fault(f"scores of {FIRST + DAY}", "are missing")]


def test_several_processes_name_the_same_scores(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_WORTH", 1)
    country.edit(country.row("unit", "hue/so-y-te", 4), {"score": 999_999})
    found = verify_ledger(country.ledger, processes=2, again=again(country.ledger))
    assert [f.where for f in found.faults] == ["unit hue"]
    assert found == verify_ledger(country.ledger)


def test_only_days_between_others_are_missing() -> None:
    assert gaps([]) == gaps([date(2026, 1, 1)]) == []
    assert gaps([date(2026, 1, 30), date(2026, 2, 2)]) == [date(2026, 1, 31), date(2026, 2, 1)]


def test_what_came_in_the_last_minute_of_a_publication_may_have_been_missed_by_it(country: Country) -> None:
    machine, end = country.machines[1], end_of(FIRST + 4 * DAY)
    country.publish(end + timedelta(seconds=1))
    moment = end - timedelta(seconds=1)
    country.desk.accept(machine.report(moment, {1, 2, 3, 4, 5, 6}), moment)
    assert country.faults(whole=True) == []
    for row in (country.row("unit", "ha-noi/so-y-te", 4), country.row("unit", "vn", 4)):
        country.edit(row, {"score": 999_999})
        assert country.faults(whole=True)
        country.edit(row, {"score": row.score})


def test_days_that_retention_let_go_are_left_alone(desk: Desk, machine: Machine) -> None:
    monthly(desk, machine, range(1, 7))
    days = [day_of(at(2)), day_of(at(6, 18)), day_of(at(6, 19))]
    for day in days:
        publish_day(desk.ledger, day, end_of(day))
    retain(desk.ledger, MONTHS, now=at(7), actor="test")
    assert named(desk) == {f"scores of {days[0] + DAY}"}
    for day, faults in ((days[0], set[str]()), (days[1], {"unit vn"})):
        with desk.ledger.write() as tx:
            row = next(r for r in tx.scores.day(day) if r.id == "vn")
            tx.scores.put([msgspec.structs.replace(row, score=1)])
        assert named(desk) == {f"scores of {days[0] + DAY}"} | faults


def named(desk: Desk) -> set[str]:
    return {f.where for f in verify_ledger(desk.ledger, whole=True).faults}
