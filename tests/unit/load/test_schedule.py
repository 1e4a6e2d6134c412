"""When a fleet looks and what an outage leaves, by seeded chance."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from tests.load.schedule import DAY_S, Schedule, changed_part


def test_a_fleets_first_looks_are_spread_over_the_interval() -> None:
    chance = random.Random(1)
    firsts = sorted(Schedule(900, 0).first(chance) for _ in range(9_000))
    for tenth in range(10):
        assert abs(sum(tenth * 90 <= f < (tenth + 1) * 90 for f in firsts) - 900) < 150


def test_the_changes_of_a_day_are_as_many_as_were_asked_for() -> None:
    chance, schedule = random.Random(2), Schedule(900, changed_part(2, 900))
    looks = int(DAY_S / 900)
    reports = sum(schedule.is_changed(chance) for _ in range(looks * 1_000))
    assert abs(reports / 1_000 - 2) < 0.15
    assert changed_part(1e9, 900) == 1.0


@given(
    hours=st.floats(0.1, 100),
    interval=st.just(0.0) | st.floats(60, 7_200),
    changed=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_an_outage_leaves_its_reports_in_order_and_at_most_the_newest_heartbeat(
    hours: float, interval: float, changed: float, seed: int
) -> None:
    kept = Schedule(interval, changed).outage(hours, random.Random(seed))
    times = [ago for ago, _ in kept]
    assert times == sorted(times, reverse=True)
    assert all(0 <= ago <= hours * 3600 for ago in times)
    assert all(is_report for _, is_report in kept[:-1])


def test_without_an_interval_there_is_no_pause() -> None:
    assert Schedule(0, 1).pause(random.Random(3)) == 0
