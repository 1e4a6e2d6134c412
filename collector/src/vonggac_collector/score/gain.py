"""What fixing a rule would bring, foretold by the same arithmetic that will score it. Which rule to recommend is the
pages' choice.

A prediction holds everything else as it is, the times of the looks too. For a host whose look still counts fully that
is what the next report shows; for one that was silent longer, the next look gives back the silence deduction besides.
Gains don't add up: of two faults under one cap the first fixed may bring nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from vonggac_contract.finding import Outcome

from .freshness import age, effective_points
from .host import capped, losses, points_left
from .parameters import Parameters
from .system import Standing, agency_points, mean_points, system_points
from .values import AgencyInput, HeldCap, HostInput, PlacedHost, SystemInput


class Gain(msgspec.Struct, frozen=True):
    """Fixing `rule` on each of `hosts` (by id) would lift the score by `points`."""

    rule: str
    hosts: tuple[str, ...]
    points: int


def _lifted(caps: Iterable[HeldCap], rule: str) -> tuple[HeldCap, ...]:
    return tuple(HeldCap(held.cap, held.rules - {rule}) for held in caps if held.rules != {rule})


def fixed(host: HostInput, rule: str) -> HostInput:
    """The host as it will be once `rule` passes; a cap that this rule alone held is lifted."""
    rules = tuple(
        msgspec.structs.replace(outcome, outcome=Outcome.PASS, passed=0, of=0, reason="")
        if outcome.rule == rule
        else outcome
        for outcome in host.rules
    )
    return HostInput(host.host, rules, _lifted(host.caps, rule))


def points_if_fixed(host: HostInput, parameters: Parameters) -> dict[str, int]:
    """For each rule that deducts or holds a cap: the host's score, before freshness, once that rule alone is fixed."""
    if not host.rules:
        return {}
    lost = losses(host, parameters)
    shares = {loss.outcome.rule: loss.share for loss in lost.rules}
    whole = sum(shares.values())
    rules = set(shares).union(*(held.rules for held in host.caps))
    return {
        rule: capped(
            points_left(whole - shares.get(rule, 0), lost.denominator), _lifted(host.caps, rule), parameters
        )
        for rule in sorted(rules)
    }


def host_gain(host: HostInput, rule: str, parameters: Parameters) -> int:
    """Points that fixing `rule` adds to the host's score, before freshness; 0 if it deducts nothing."""
    after = points_if_fixed(host, parameters).get(rule)
    if after is None:
        return 0
    lost = losses(host, parameters)
    return after - capped(
        points_left(sum(loss.share for loss in lost.rules), lost.denominator), host.caps, parameters
    )


class _Group:
    """Expected hosts of one group, ready to be scored again with some hosts' points replaced."""

    def __init__(self, hosts: Sequence[PlacedHost], now: int, parameters: Parameters) -> None:
        self._parameters = parameters
        self._places: dict[str, int] = {}
        self._ages: list[int | None] = []
        self._standings: list[Standing] = []
        for host in hosts:
            if host.expected:
                base = host.score.score if host.score is not None else 0
                seconds = age(host, now) if host.score is not None else None
                self._places[host.host] = len(self._ages)
                self._ages.append(seconds)
                self._standings.append(
                    Standing(host.criticality, effective_points(base, seconds, parameters))
                )

    def standings(self, points: Mapping[str, int]) -> Sequence[Standing]:
        """`points`: host id -> score before freshness, for the hosts that change."""
        changed = [(self._places[host], base) for host, base in points.items() if host in self._places]
        if not changed:
            return self._standings
        standings = list(self._standings)
        for place, base in changed:
            criticality = standings[place].criticality
            standings[place] = Standing(
                criticality, effective_points(base, self._ages[place], self._parameters)
            )
        return standings


class _Agency:
    """An agency, ready to be scored again with some hosts' points replaced."""

    def __init__(self, agency: AgencyInput, now: int, parameters: Parameters) -> None:
        self._parameters = parameters
        self._systems = [(system.level, _Group(system.hosts, now, parameters)) for system in agency.systems]
        self._unassigned = _Group(agency.unassigned, now, parameters)

    def weighted(self, points: Mapping[str, int]) -> tuple[int, int | None]:
        """Weight in the parent, and points."""
        systems = [
            (level, system_points(group.standings(points), self._parameters))
            for level, group in self._systems
        ]
        whole = agency_points(systems, self._unassigned.standings(points), self._parameters)
        return whole.weight, whole.points


def _fixed_points(hosts: Iterable[HostInput], rule: str, parameters: Parameters) -> dict[str, int]:
    after = {host.host: points_if_fixed(host, parameters).get(rule) for host in hosts}
    return {host: points for host, points in after.items() if points is not None}


def system_gain(
    system: SystemInput, rule: str, hosts: Iterable[HostInput], now: int, parameters: Parameters
) -> int:
    """Points that fixing `rule` on `hosts` adds to the system's score at `now`; 0 if the system is not scored.

    `hosts` are the inputs from which the placed hosts' scores were made; those that are not of the system change
    nothing.
    """
    group = _Group(system.hosts, now, parameters)
    before = system_points(group.standings({}), parameters)
    after = system_points(group.standings(_fixed_points(hosts, rule, parameters)), parameters)
    return (after or 0) - (before or 0)


def agency_gain(
    agency: AgencyInput, rule: str, hosts: Iterable[HostInput], now: int, parameters: Parameters
) -> int:
    """Points that fixing `rule` on `hosts` adds to the agency's score at `now`; see `system_gain`."""
    board = _Agency(agency, now, parameters)
    after = board.weighted(_fixed_points(hosts, rule, parameters))[1]
    return (after or 0) - (board.weighted({})[1] or 0)


def agency_gains(
    agency: AgencyInput, hosts: Iterable[HostInput], now: int, parameters: Parameters
) -> list[Gain]:
    """For each rule that deducts or holds a cap on some of `hosts`: the agency's gain from fixing it on all of them.
    Largest first.
    """
    board = _Agency(agency, now, parameters)
    before = board.weighted({})[1] or 0
    return sorted(
        (
            Gain(rule, tuple(sorted(points)), (board.weighted(points)[1] or 0) - before)
            for rule, points in _points_by_rule(hosts, parameters).items()
        ),
        key=_largest_first,
    )


def parent_gains(
    agencies: Sequence[AgencyInput], hosts: Iterable[HostInput], now: int, parameters: Parameters
) -> list[Gain]:
    """As `agency_gains`, for the unit above `agencies`; a rule is fixed on all of `hosts` in all of them."""
    boards = [_Agency(agency, now, parameters) for agency in agencies]

    def whole(points: Mapping[str, int]) -> int:
        scored = [board.weighted(points) for board in boards]
        return mean_points((weight, score) for weight, score in scored if score is not None) or 0

    before = whole({})
    return sorted(
        (
            Gain(rule, tuple(sorted(points)), whole(points) - before)
            for rule, points in _points_by_rule(hosts, parameters).items()
        ),
        key=_largest_first,
    )


def _points_by_rule(hosts: Iterable[HostInput], parameters: Parameters) -> dict[str, dict[str, int]]:
    rules: dict[str, dict[str, int]] = {}
    for host in hosts:
        for rule, points in points_if_fixed(host, parameters).items():
            rules.setdefault(rule, {})[host.host] = points
    return rules


def _largest_first(gain: Gain) -> tuple[int, str]:
    return -gain.points, gain.rule
