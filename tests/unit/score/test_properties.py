"""The eight properties that the scoring promises for every input, over random countries."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vonggac_collector.score.gain import (
    agency_gain,
    agency_gains,
    fixed,
    host_gain,
    parent_gains,
    system_gain,
)
from vonggac_collector.score.host import complete, host_score
from vonggac_collector.score.system import (
    Standing,
    agency_points,
    agency_score,
    mean_points,
    system_points,
    system_score,
)
from vonggac_collector.score.values import (
    FULL,
    POINT,
    HeldCap,
    HostInput,
    PlacedHost,
    RuleOutcome,
    RuleWeight,
    SystemInput,
)
from vonggac_contract.finding import Outcome

from .countries import (
    DAY,
    HARMLESS,
    NOW,
    PARAMETERS,
    Country,
    Placed,
    add_up,
    agency_input,
    countries,
    countries_with_host,
    host_inputs,
    outcomes,
    risen,
    rule_lists,
    scored,
)

pytestmark = pytest.mark.worlds


def _with_rules(placed: Placed, rules: tuple[RuleOutcome, ...]) -> Placed:
    return msgspec.structs.replace(placed, input=msgspec.structs.replace(placed.input, rules=rules))


def _outcome(rule: RuleOutcome, outcome: Outcome) -> RuleOutcome:
    return RuleOutcome(rule.rule, rule.domain, rule.severity, outcome)


@given(countries_with_host(), st.data())
def test_meeting_a_rule_never_lowers_any_score(chosen: tuple[Country, Placed], data: st.DataObject) -> None:
    country, host = chosen
    assume(host.input.rules)
    better = data.draw(st.sets(st.sampled_from([rule.rule for rule in host.input.rules]), min_size=1))
    rules = tuple(
        _outcome(rule, data.draw(st.sampled_from(HARMLESS))) if rule.rule in better else rule
        for rule in host.input.rules
    )
    before, after = scored(country), scored(country.changed(host.input.host, lambda h: _with_rules(h, rules)))
    assert not list(risen(after, before))
    assert add_up(after)
    own = host_score(HostInput(host.input.host, rules, host.input.caps), PARAMETERS).deductions
    assert not better & {deduction.what for deduction in own}


@given(countries_with_host(), st.data())
def test_a_larger_fraction_never_lowers_any_score(
    chosen: tuple[Country, Placed], data: st.DataObject
) -> None:
    country, host = chosen
    partial = [rule for rule in host.input.rules if rule.outcome == Outcome.PARTIAL]
    assume(partial)
    grown = data.draw(st.sampled_from(partial))
    passed = data.draw(st.integers(grown.passed, grown.of))
    rules = tuple(
        msgspec.structs.replace(rule, passed=passed) if rule is grown else rule for rule in host.input.rules
    )
    after = scored(country.changed(host.input.host, lambda h: _with_rules(h, rules)))
    assert not list(risen(after, scored(country)))
    assert add_up(after)


@given(countries_with_host(), st.data())
def test_lifting_a_cap_never_lowers_any_score(chosen: tuple[Country, Placed], data: st.DataObject) -> None:
    country, host = chosen
    assume(host.input.caps)
    place = data.draw(st.integers(0, len(host.input.caps) - 1))
    caps = host.input.caps[:place] + host.input.caps[place + 1 :]
    lifted = msgspec.structs.replace(host, input=HostInput(host.input.host, host.input.rules, caps))
    after = scored(country.changed(host.input.host, lambda _: lifted))
    assert not list(risen(after, scored(country)))
    assert add_up(after)


@given(countries(), st.data())
def test_silence_and_older_looks_never_raise_any_score(country: Country, data: st.DataObject) -> None:
    def hidden(placed: Placed) -> Placed:
        if placed.looked_at is None or data.draw(st.booleans()):
            return placed
        older = data.draw(st.none() | st.integers(0, 15 * DAY))
        return msgspec.structs.replace(placed, looked_at=None if older is None else placed.looked_at - older)

    after = scored(country.with_hosts(map(hidden, country.hosts)))
    assert not list(risen(scored(country), after))
    assert add_up(after)


@given(countries(), st.data())
def test_rules_cut_from_or_muddled_in_a_report_never_raise_any_score(
    country: Country, data: st.DataObject
) -> None:
    def muddled(placed: Placed) -> Placed:
        said = list(data.draw(st.sets(st.sampled_from(placed.input.rules)))) if placed.input.rules else []
        if data.draw(st.booleans()) and said:
            said.append(_outcome(data.draw(st.sampled_from(said)), Outcome.PASS))
        said.append(RuleOutcome("invented", "patching", "critical", Outcome.PASS))
        return _with_rules(placed, complete(placed.full, said))

    after = scored(country.with_hosts(map(muddled, country.hosts)))
    assert not list(risen(scored(country), after))
    assert add_up(after)


@given(countries_with_host(), st.data())
def test_the_gain_foretold_for_a_fix_is_the_gain_seen_after_it(
    chosen: tuple[Country, Placed], data: st.DataObject
) -> None:
    country, host = chosen
    assume(host.full)
    rule = data.draw(st.sampled_from(host.full)).rule
    fixes = [placed for placed in country.hosts if placed is host or data.draw(st.booleans())]
    inputs = [placed.input for placed in fixes]
    mended = country.with_hosts(
        msgspec.structs.replace(placed, input=fixed(placed.input, rule)) if placed in fixes else placed
        for placed in country.hosts
    )
    before, after = scored(country), scored(mended)

    def seen(*key: str) -> int:
        return after.points.get(key, 0) - before.points.get(key, 0)

    for placed in fixes:
        assert host_gain(placed.input, rule, PARAMETERS) == seen("host", placed.input.host)
    agencies = [agency_input(country, agency) for agency in country.agencies]
    for agency in agencies:
        for system in agency.systems:
            assert system_gain(system, rule, inputs, NOW, PARAMETERS) == seen("system", system.system)
        assert agency_gain(agency, rule, inputs, NOW, PARAMETERS) == seen("agency", agency.agency)
        gains = {gain.rule: gain.points for gain in agency_gains(agency, inputs, NOW, PARAMETERS)}
        assert gains.get(rule, 0) == seen("agency", agency.agency)
    gains = {gain.rule: gain.points for gain in parent_gains(agencies, inputs, NOW, PARAMETERS)}
    assert gains.get(rule, 0) == seen("parent")


@given(countries())
def test_deductions_add_up_exactly_at_every_level(country: Country) -> None:
    scores = scored(country)
    assert add_up(scores)
    assert all(0 <= points <= FULL for points in scores.points.values())


@given(countries(), st.integers())
def test_the_order_of_anything_changes_nothing(country: Country, seed: int) -> None:
    chance = random.Random(seed)

    def mixed(placed: Placed) -> Placed:
        rules = tuple(chance.sample(placed.input.rules, len(placed.input.rules)))
        caps = tuple(chance.sample(placed.input.caps, len(placed.input.caps)))
        return msgspec.structs.replace(placed, input=HostInput(placed.input.host, rules, caps))

    other = Country(
        tuple(chance.sample(country.agencies, len(country.agencies))),
        dict(chance.sample(sorted(country.levels.items()), len(country.levels))),
        tuple(map(mixed, chance.sample(country.hosts, len(country.hosts)))),
    )
    one, two = scored(country), scored(other)
    assert one.parent == two.parent
    assert sorted(one.agencies, key=lambda a: a.agency) == sorted(two.agencies, key=lambda a: a.agency)
    assert one.points == two.points


@given(countries(), st.integers(0, 20 * 86_400))
def test_the_same_ledger_at_the_same_moment_gives_the_same_score(country: Country, later: int) -> None:
    def kept(host: PlacedHost) -> PlacedHost:
        return msgspec.json.decode(msgspec.json.encode(host), type=PlacedHost)

    for agency in country.agencies:
        given_now = agency_input(country, agency)
        stored = msgspec.structs.replace(
            given_now,
            systems=tuple(
                SystemInput(system.system, system.level, tuple(map(kept, system.hosts)))
                for system in given_now.systems
            ),
            unassigned=tuple(map(kept, given_now.unassigned)),
        )
        moment = agency_score(given_now, NOW, PARAMETERS)
        agency_score(stored, NOW + later, PARAMETERS)
        assert agency_score(stored, NOW, PARAMETERS) == moment


@given(countries())
def test_doubling_every_host_of_a_system_changes_nothing(country: Country) -> None:
    for agency in country.agencies:
        for system in agency_input(country, agency).systems:
            twins = tuple(msgspec.structs.replace(host, host=f"{host.host}-twin") for host in system.hosts)
            once = system_score(system, NOW, PARAMETERS)
            twice = system_score(msgspec.structs.replace(system, hosts=system.hosts + twins), NOW, PARAMETERS)
            assert twice.score == once.score
            assert twice.grade == once.grade
            assert sum(deduction.points for deduction in twice.deductions) == (
                sum(deduction.points for deduction in once.deductions)
            )


@given(countries_with_host(), st.integers(1, 40), st.integers(1, 3))
def test_perfect_hosts_never_lift_a_system_over_its_worst_critical_host(
    chosen: tuple[Country, Placed], many: int, criticality: int
) -> None:
    country, host = chosen
    critical = msgspec.structs.replace(host, expected=True, criticality=3, system=f"{host.agency}/guarded")
    guarded = Country(
        country.agencies,
        country.levels | {(host.agency, f"{host.agency}/guarded"): 3},
        tuple(critical if placed is host else placed for placed in country.hosts),
    )
    system = next(
        system for system in agency_input(guarded, host.agency).systems if system.system == critical.system
    )
    rules = (RuleOutcome("rule", "access", "high", Outcome.PASS),)
    perfect = host_score(HostInput("perfect", rules), PARAMETERS)
    padding = tuple(PlacedHost(f"perfect-{i}", perfect, NOW, True, criticality) for i in range(many))
    padded = system_score(msgspec.structs.replace(system, hosts=system.hosts + padding), NOW, PARAMETERS)
    worst = scored(guarded).points["effective", host.input.host]
    assert padded.score is not None
    assert padded.score <= worst + 30 * POINT


@given(countries(), st.data())
def test_unassigned_hosts_never_lift_an_agency_or_its_parent(country: Country, data: st.DataObject) -> None:
    full = data.draw(rule_lists(1))
    agency = data.draw(st.sampled_from(country.agencies))
    strangers = [
        Placed(data.draw(host_inputs(f"stranger-{i}", full)), full, agency, None, NOW, True, 1)
        for i in range(data.draw(st.integers(1, 3)))
    ]
    assigned = country.with_hosts(placed for placed in country.hosts if placed.system is not None)
    without = scored(assigned)
    for padded in (country, assigned.with_hosts([*assigned.hosts, *strangers])):
        assert not [rise for rise in risen(without, scored(padded)) if rise[0][0] in ("agency", "parent")]
    assert ("parent",) in without.points or ("parent",) not in scored(country).points


@given(countries_with_host(), st.data())
def test_a_hosts_fall_never_lifts_anything_above_it(
    chosen: tuple[Country, Placed], data: st.DataObject
) -> None:
    country, host = chosen
    rules = tuple(
        _outcome(rule, data.draw(st.sampled_from((Outcome.FAIL, Outcome.UNKNOWN))))
        if data.draw(st.booleans())
        else rule
        for rule in host.input.rules
    )
    caps = (*host.input.caps, *data.draw(st.lists(st.sampled_from([HeldCap("end-of-life")]), max_size=1)))
    fallen = msgspec.structs.replace(host, input=HostInput(host.input.host, rules, caps))
    after = scored(country.changed(host.input.host, lambda _: fallen))
    assert not list(risen(scored(country), after))
    assert add_up(after)


POINTS = st.integers(0, FULL)
STANDINGS = st.lists(st.builds(Standing, st.integers(1, 3), POINTS), max_size=5)


@given(STANDINGS.filter(bool), st.data())
def test_a_lower_host_never_lifts_its_system(standings: list[Standing], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(standings) - 1))
    lower = list(standings)
    lower[place] = Standing(lower[place].criticality, data.draw(st.integers(0, lower[place].points)))
    before, after = system_points(standings, PARAMETERS), system_points(lower, PARAMETERS)
    assert before is not None
    assert after is not None
    assert after <= before


@given(st.lists(st.tuples(st.integers(1, 5), POINTS), min_size=1, max_size=4), STANDINGS, st.data())
def test_a_lower_system_never_lifts_its_agency(
    systems: list[tuple[int, int]], unassigned: list[Standing], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(systems) - 1))
    lower = list(systems)
    lower[place] = (lower[place][0], data.draw(st.integers(0, lower[place][1])))
    before = agency_points(systems, unassigned, PARAMETERS).points
    after = agency_points(lower, unassigned, PARAMETERS).points
    assert before is not None
    assert after is not None
    assert after <= before


@given(st.lists(st.tuples(st.integers(0, 20), POINTS), min_size=1, max_size=6), st.data())
def test_a_lower_agency_never_lifts_its_parent(agencies: list[tuple[int, int]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(agencies) - 1))
    lower = list(agencies)
    lower[place] = (lower[place][0], data.draw(st.integers(0, lower[place][1])))
    before, after = mean_points(agencies), mean_points(lower)
    assert (before is None) == (after is None)
    assert before is None or after is None or after <= before


@given(rule_lists(1), st.data())
def test_a_report_of_everything_is_complete_as_it_is(
    full: tuple[RuleWeight, ...], data: st.DataObject
) -> None:
    said = tuple(data.draw(outcomes(rule)) for rule in full)
    assert complete(full, said) == said
