"""Random countries for the properties of the scoring, and everything that is scored in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from hypothesis import strategies as st

from vonggac_collector.score.freshness import effective_host
from vonggac_collector.score.host import host_score
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.score.system import agency_score, by_cause, parent_score
from vonggac_collector.score.values import (
    CAPS,
    FULL,
    AgencyInput,
    AgencyScore,
    Deduction,
    HeldCap,
    HostInput,
    ParentScore,
    PlacedHost,
    RuleOutcome,
    RuleWeight,
    SystemInput,
)
from vonggac_contract.finding import DOMAINS, SEVERITIES, Outcome

NOW = 1_795_000_000
DAY = 86_400
PARAMETERS = load_parameters()
HARMLESS = (Outcome.PASS, Outcome.NOT_APPLICABLE)


class Placed(msgspec.Struct, frozen=True):
    """One host of the country: what it says, and where it stands. `system` None: unassigned."""

    input: HostInput
    full: tuple[RuleWeight, ...]
    agency: str
    system: str | None
    looked_at: int | None
    expected: bool
    criticality: int


class Country(msgspec.Struct, frozen=True):
    """`levels`: (agency, system) -> level, also of systems without hosts."""

    agencies: tuple[str, ...]
    levels: dict[tuple[str, str], int]
    hosts: tuple[Placed, ...]

    def changed(self, host: str, change: Callable[[Placed], Placed]) -> Country:
        hosts = tuple(change(placed) if placed.input.host == host else placed for placed in self.hosts)
        return Country(self.agencies, self.levels, hosts)

    def with_hosts(self, hosts: Iterable[Placed]) -> Country:
        return Country(self.agencies, self.levels, tuple(hosts))


@st.composite
def rule_lists(draw: st.DrawFn, least: int = 0) -> tuple[RuleWeight, ...]:
    rules = draw(
        st.lists(st.tuples(st.sampled_from(DOMAINS), st.sampled_from(SEVERITIES)), min_size=least, max_size=6)
    )
    return tuple(RuleWeight(f"rule-{i}", domain, severity) for i, (domain, severity) in enumerate(rules))


@st.composite
def outcomes(draw: st.DrawFn, rule: RuleWeight) -> RuleOutcome:
    outcome = draw(st.sampled_from(Outcome))
    passed = of = 0
    if outcome == Outcome.PARTIAL:
        of = draw(st.one_of(st.integers(1, 12), st.integers(1, 2**53)))
        passed = draw(st.integers(0, of))
    return RuleOutcome(rule.rule, rule.domain, rule.severity, outcome, passed, of, "why")


@st.composite
def host_inputs(draw: st.DrawFn, host: str, full: tuple[RuleWeight, ...]) -> HostInput:
    said = tuple(draw(outcomes(rule)) for rule in full)
    names = [rule.rule for rule in full]
    caps = draw(st.lists(st.sampled_from(CAPS), max_size=2))
    held = st.frozensets(st.sampled_from(names), max_size=2) if names else st.just(frozenset[str]())
    return HostInput(host, said, tuple(HeldCap(cap, draw(held)) for cap in caps))


@st.composite
def countries(draw: st.DrawFn) -> Country:
    """One to three agencies, systems of every level, some empty; hosts heard at any age or never, some not expected."""
    agencies = tuple(f"agency-{i}" for i in range(draw(st.integers(1, 3))))
    levels = {
        (agency, f"{agency}/system-{i}"): draw(st.integers(1, 5))
        for agency in agencies
        for i in range(draw(st.integers(0, 3)))
    }
    lists = draw(st.lists(rule_lists(), min_size=1, max_size=2))
    hosts: list[Placed] = []
    for agency in agencies:
        places = [None, *(system for owner, system in levels if owner == agency)]
        for _ in range(draw(st.integers(0, 5))):
            full = draw(st.sampled_from(lists))
            hosts.append(
                Placed(
                    draw(host_inputs(f"host-{len(hosts)}", full)),
                    full,
                    agency,
                    draw(st.sampled_from(places)),
                    draw(st.none() | st.integers(0, 3 * DAY).map(_ago) | st.integers(0, 16 * DAY).map(_ago)),
                    draw(st.integers(0, 9)) > 0,
                    draw(st.integers(1, 3)),
                )
            )
    return Country(agencies, levels, tuple(hosts))


@st.composite
def countries_with_host(draw: st.DrawFn) -> tuple[Country, Placed]:
    """A country and one of its hosts."""
    country = draw(countries().filter(lambda country: bool(country.hosts)))
    return country, draw(st.sampled_from(country.hosts))


def _ago(seconds: int) -> int:
    return NOW - seconds


def placed_host(placed: Placed) -> PlacedHost:
    score = None if placed.looked_at is None else host_score(placed.input, PARAMETERS)
    return PlacedHost(placed.input.host, score, placed.looked_at, placed.expected, placed.criticality)


def agency_input(country: Country, agency: str) -> AgencyInput:
    def hosts(system: str | None) -> tuple[PlacedHost, ...]:
        return tuple(
            placed_host(placed)
            for placed in country.hosts
            if placed.agency == agency and placed.system == system
        )

    systems = tuple(
        SystemInput(system, level, hosts(system))
        for (owner, system), level in country.levels.items()
        if owner == agency
    )
    return AgencyInput(agency, systems, hosts(None))


class Scored(msgspec.Struct, frozen=True):
    """Everything scored in a country. `points` by (level, id); a level that is not scored is not in it."""

    points: dict[tuple[str, ...], int]
    parent: ParentScore
    agencies: tuple[AgencyScore, ...]
    deductions: list[tuple[int, tuple[Deduction, ...]]]


def scored(country: Country, now: int = NOW) -> Scored:
    points: dict[tuple[str, ...], int] = {}
    deductions: list[tuple[int, tuple[Deduction, ...]]] = []

    def put(key: tuple[str, ...], score: int | None, missing: tuple[Deduction, ...]) -> None:
        if score is not None:
            points[key] = score
            deductions.append((score, missing))

    for placed in country.hosts:
        name = placed.input.host
        base = host_score(placed.input, PARAMETERS)
        put(("host", name), base.score, base.deductions)
        for domain in base.domains:
            put(("domain", name, domain.domain), domain.score, domain.deductions)
        effective = effective_host(placed_host(placed), now, PARAMETERS)
        put(("effective", name), effective.score, effective.deductions)
    agencies = tuple(
        agency_score(agency_input(country, agency), now, PARAMETERS) for agency in country.agencies
    )
    parent = parent_score("province", agencies, PARAMETERS)
    for agency in agencies:
        for system in agency.systems:
            put(("system", system.system), system.score, system.deductions)
            put(("system by cause", system.system), system.score, by_cause(system))
        put(("agency", agency.agency), agency.score, agency.deductions)
        put(("agency by cause", agency.agency), agency.score, by_cause(agency))
    put(("parent",), parent.score, parent.deductions)
    put(("parent by cause",), parent.score, by_cause(parent))
    return Scored(points, parent, agencies, deductions)


def add_up(scores: Scored) -> bool:
    """Whether every score's deductions are whole, none negative, and add up to what is missing from it."""
    return all(
        sum(deduction.points for deduction in missing) == FULL - score
        and all(deduction.points >= 0 for deduction in missing)
        for score, missing in scores.deductions
    )


def risen(before: Scored, after: Scored) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Scores that are higher after than before."""
    for key, points in after.points.items():
        if key in before.points and points > before.points[key]:
            yield key, before.points[key], points
