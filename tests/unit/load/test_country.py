"""The country that growth is measured on, and how growth is told."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from tests.bench.scale import exponent
from tests.bench.scale.country import LEVELS, SYSTEMS, country


def test_the_country_has_every_unit_of_viet_nam_with_parents_before_children() -> None:
    made = country(0)
    assert Counter(u.kind for u in made.units) == {"root": 1, "province": 34, "agency": 3_321}
    seen = {""}
    for unit in made.units:
        assert unit.parent in seen
        seen.add(unit.code)


def test_every_machine_stands_at_a_system_of_its_unit_or_at_none_and_has_the_level_that_it_is_judged_by() -> (
    None
):
    made = country(3_000)
    systems = {s.id: s for s in made.systems}
    highest = {s.unit: max(o.level for o in made.systems if o.unit == s.unit) for s in made.systems[:60]}
    for spot in made.spots:
        if spot.system is not None:
            assert (systems[spot.system].unit, systems[spot.system].level) == (spot.unit, spot.level)
        elif spot.unit in highest:
            assert spot.level == highest[spot.unit]
    assert {s.level for s in made.spots} == set(LEVELS)
    assert set(Counter(s.unit for s in made.systems).values()) == set(range(SYSTEMS[0], SYSTEMS[1] + 1))


def test_the_machines_of_a_small_country_are_the_first_ones_of_a_large_one() -> None:
    assert country(2_000).spots[:500] == country(500).spots


@pytest.mark.parametrize(
    ("before", "after", "power"), [(7.0, 7.0, 0.0), (7.0, 70.0, 1.0), (7.0, 700.0, 2.0), (7.0, 0.7, -1.0)]
)
def test_the_power_says_how_a_figure_grows_with_ten_times_the_hosts(
    before: float, after: float, power: float
) -> None:
    assert exponent(1_000, before, 10_000, after) == pytest.approx(power)


@pytest.mark.parametrize(("before", "after"), [(0.0, 1.0), (1.0, 0.0), (1.0, math.inf)])
def test_what_was_not_answered_or_is_nothing_has_no_power(before: float, after: float) -> None:
    assert exponent(1_000, before, 10_000, after) is None
