"""What agencies bring, added up in any groups, says what scoring them all at once says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_collector.score.gain import agency_gains, parent_gains
from vonggac_collector.score.parts import Part, deductions_of, gains_of, part_of, points_of, together
from vonggac_collector.score.system import agency_score, by_cause, parent_score

from .countries import NOW, PARAMETERS, Country, agency_input, countries


def parts(country: Country) -> list[Part]:
    found = []
    for agency in country.agencies:
        given_in = agency_input(country, agency)
        hosts = [p.input for p in country.hosts if p.agency == agency and p.looked_at is not None]
        gains = agency_gains(given_in, hosts, NOW, PARAMETERS)
        found.append(part_of(agency_score(given_in, NOW, PARAMETERS), gains))
    return found


@pytest.mark.worlds
@given(countries(), st.integers(0, 3))
def test_parts_added_up_by_provinces_say_what_the_whole_country_says(country: Country, cut: int) -> None:
    found = parts(country)
    whole = together([together(found[:cut]), together(found[cut:])])
    agencies = [agency_input(country, a) for a in country.agencies]
    score = parent_score("vn", [agency_score(a, NOW, PARAMETERS) for a in agencies], PARAMETERS)
    hosts = [p.input for p in country.hosts if p.looked_at is not None]
    gains = parent_gains(agencies, hosts, NOW, PARAMETERS)
    assert (points_of(whole), whole.weight) == (score.score, score.weight)
    assert deductions_of(whole) == list(by_cause(score))
    assert gains_of(whole) == [(g.rule, len(g.hosts), g.points) for g in gains]


def test_nothing_added_up_is_not_scored() -> None:
    nothing = together([])
    assert (points_of(nothing), deductions_of(nothing), gains_of(nothing)) == (None, [], [])
