"""From hosts to systems, agencies and their parents. What a host counts by itself is left to `host` and `freshness`.

Each level is computed from the published points of the level below and rounded down, so that anybody can recompute it
from what is shown. `*_points` give scores alone, for `gain`; `*_score` give them with grade, coverage and deductions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .apportion import apportion
from .coverage import coverage, merged
from .freshness import effective_host
from .grades import grade, is_sufficient
from .parameters import Parameters
from .values import (
    FULL,
    POINT,
    AgencyInput,
    AgencyScore,
    Coverage,
    Deduction,
    EffectiveHost,
    Grade,
    GroupScore,
    ParentScore,
    PlacedHost,
    SystemInput,
    SystemScore,
)

_SHARE = 10**12
"""How finely a level's loss is split before it is added up above; far more than there are deductions in a country."""


class Standing(NamedTuple):
    """What an expected host brings to its group: criticality 1-3, effective points."""

    criticality: int
    points: int


class AgencyPoints(NamedTuple):
    """`unassigned`: the group's points, None without such hosts. `weight`: of the scored systems, for the parent."""

    points: int | None
    weight: int
    unassigned: int | None
    unassigned_weight: int


def mean_points(weighted: Iterable[tuple[int, int]]) -> int | None:
    """Weighted mean of (weight, points), rounded down; None without any weight."""
    total = weight = 0
    for part, points in weighted:
        total += part * points
        weight += part
    return total // weight if weight else None


def system_points(standings: Sequence[Standing], parameters: Parameters) -> int | None:
    """Mean by criticality, at most `above_worst_host` over the worst host of the highest criticality. None without
    hosts.
    """
    mean = mean_points(standings)
    worst = [
        standing.points for standing in standings if standing.criticality == parameters.highest_criticality
    ]
    if mean is None or not worst:
        return mean
    return min(mean, min(worst) + parameters.above_worst_host * POINT)


def agency_points(
    systems: Sequence[tuple[int, int | None]], unassigned: Sequence[Standing], parameters: Parameters
) -> AgencyPoints:
    """Mean of (level, points) weighted by level, with the unassigned hosts as one more part.

    Systems without points don't count. The unassigned hosts weigh like the highest level the agency has declared
    (with or without hosts in it) and count min(their mean, the mean of the systems), so that having them never lifts
    the agency. Without any scored system they are all there is to score, and the agency has no weight in its parent.
    """
    weights = parameters.level_weights
    scored = [(weights[level], points) for level, points in systems if points is not None]
    weight = sum(part for part, _ in scored)
    mean = mean_points(scored)
    group = mean_points(unassigned)
    if group is None:
        return AgencyPoints(mean, weight, None, 0)
    group_weight = unassigned_weight([level for level, _ in systems], parameters)
    if mean is not None:
        group = min(group, mean)
    return AgencyPoints(mean_points([*scored, (group_weight, group)]), weight, group, group_weight)


def unassigned_weight(levels: Iterable[int], parameters: Parameters) -> int:
    """What an agency's unassigned hosts weigh in it: like its highest level, 1 without any system."""
    return max((parameters.level_weights[level] for level in levels), default=1)


class _Leaf(NamedTuple):
    deduction: Deduction
    share: int


def _expected(hosts: Sequence[PlacedHost], group: str) -> list[PlacedHost]:
    if len({host.host for host in hosts}) != len(hosts):
        raise ValueError(f"{group}: a host is named twice")
    return sorted((host for host in hosts if host.expected), key=lambda host: host.host)


def _standings(hosts: Sequence[PlacedHost], effective: Sequence[EffectiveHost]) -> list[Standing]:
    return [Standing(host.criticality, now.score) for host, now in zip(hosts, effective, strict=True)]


def _leaves(
    standings: Sequence[Standing], effective: Sequence[EffectiveHost], points: int, held: Deduction
) -> list[_Leaf]:
    """The hosts' deductions with their shares in the group's loss, and `held` for what the group lost below its mean.

    Shares are points x criticality: together exactly (sum of criticalities) x (FULL - mean before rounding).
    """
    leaves = [
        _Leaf(deduction, standing.criticality * deduction.points)
        for standing, host in zip(standings, effective, strict=True)
        for deduction in host.deductions
    ]
    total = sum(standing.criticality * standing.points for standing in standings)
    weight = sum(standing.criticality for standing in standings)
    if total // weight > points:
        leaves.append(_Leaf(held, total - weight * points))
    return leaves


def _at_level(deduction: Deduction, points: int, system: str | None, agency: str | None) -> Deduction:
    return Deduction(
        deduction.kind,
        deduction.what,
        points,
        deduction.host,
        system,
        agency,
        deduction.reason,
        deduction.hosts,
    )


def scaled(shares: Sequence[int], weight: int, loss: int) -> list[int]:
    """Shares of one part in the loss of the whole: in proportion within the part, the part by its weighted loss."""
    whole = sum(shares)
    if whole == 0:
        return [0] * len(shares)
    scale = weight * loss * _SHARE
    return [share * scale // whole for share in shares]


def _beside(points: int | None, covered: Coverage, parameters: Parameters) -> tuple[bool, Grade | None]:
    sufficient = points is not None and is_sufficient(covered, parameters)
    return sufficient, grade(points, parameters) if points is not None and sufficient else None


def system_score(system: SystemInput, now: int, parameters: Parameters) -> SystemScore:
    """One system at `now` (seconds). Without expected hosts it is not scored. Raises ValueError for a host named
    twice.
    """
    hosts = _expected(system.hosts, f"system {system.system}")
    effective = [effective_host(host, now, parameters) for host in hosts]
    standings = _standings(hosts, effective)
    points = system_points(standings, parameters)
    leaves: list[_Leaf] = []
    if points is not None:
        worst = min(
            zip(standings, hosts, strict=True), key=lambda pair: (-pair[0].criticality, pair[0].points)
        )[1]
        held = Deduction("system-cap", "system-cap", 0, worst.host)
        leaves = _leaves(standings, effective, points, held)
    shares = [leaf.share for leaf in leaves]
    parts = apportion(FULL - points if points is not None else 0, shares)
    covered = coverage(hosts, now, parameters)
    sufficient, given = _beside(points, covered, parameters)
    return SystemScore(
        system=system.system,
        level=system.level,
        score=points,
        grade=given,
        sufficient=sufficient,
        weight=parameters.level_weights[system.level] if points is not None else 0,
        coverage=covered,
        deductions=tuple(
            _at_level(leaf.deduction, part, system.system, None)
            for leaf, part in zip(leaves, parts, strict=True)
        ),
        shares=tuple(shares),
        parameters=parameters.version,
    )


def agency_score(agency: AgencyInput, now: int, parameters: Parameters) -> AgencyScore:
    """One agency at `now` (seconds), with its systems. Raises ValueError for a host or system named twice."""
    if len({system.system for system in agency.systems}) != len(agency.systems):
        raise ValueError(f"agency {agency.agency}: a system is named twice")
    systems = sorted(
        (system_score(system, now, parameters) for system in agency.systems), key=lambda score: score.system
    )
    hosts = _expected(agency.unassigned, f"unassigned hosts of agency {agency.agency}")
    effective = [effective_host(host, now, parameters) for host in hosts]
    standings = _standings(hosts, effective)
    whole = agency_points([(score.level, score.score) for score in systems], standings, parameters)
    leaves: list[_Leaf] = []
    for score in systems:
        if score.score is not None:
            within = scaled(score.shares, score.weight, FULL - score.score)
            leaves += map(_Leaf, score.deductions, within)
    if whole.unassigned is not None:
        held = Deduction("unassigned", "unassigned", 0, hosts=len(hosts))
        group = _leaves(standings, effective, whole.unassigned, held)
        within = scaled([leaf.share for leaf in group], whole.unassigned_weight, FULL - whole.unassigned)
        leaves += [_Leaf(leaf.deduction, share) for leaf, share in zip(group, within, strict=True)]
    shares = [leaf.share for leaf in leaves]
    parts = apportion(FULL - whole.points if whole.points is not None else 0, shares)
    covered = coverage(
        [*(host for system in agency.systems for host in system.hosts), *agency.unassigned], now, parameters
    )
    sufficient, given = _beside(whole.points, covered, parameters)
    return AgencyScore(
        agency=agency.agency,
        systems=tuple(systems),
        unassigned=whole.unassigned,
        score=whole.points,
        grade=given,
        sufficient=sufficient,
        weight=whole.weight,
        coverage=covered,
        deductions=tuple(
            _at_level(leaf.deduction, part, leaf.deduction.system, agency.agency)
            for leaf, part in zip(leaves, parts, strict=True)
        ),
        shares=tuple(shares),
        parameters=parameters.version,
    )


def parent_score(parent: str, agencies: Sequence[AgencyScore], parameters: Parameters) -> ParentScore:
    """A unit above agencies: pass every agency beneath it, at any depth, so that no rounding lies in between.

    An agency without a scored system has no weight; its hosts still count in the coverage, and it is named in
    `weightless`. If no agency has weight, the parent is not scored. Raises ValueError for an agency named twice.
    """
    if len({agency.agency for agency in agencies}) != len(agencies):
        raise ValueError(f"unit {parent}: an agency is named twice")
    ordered = sorted(agencies, key=lambda agency: agency.agency)
    points = mean_points((agency.weight, agency.score) for agency in ordered if agency.score is not None)
    deductions: list[Deduction] = []
    shares: list[int] = []
    for agency in ordered:
        if agency.score is not None and agency.weight:
            grouped, within = agency.causes
            deductions += [_at_level(deduction, 0, None, agency.agency) for deduction in grouped]
            shares += scaled(within, agency.weight, FULL - agency.score)
    parts = apportion(FULL - points if points is not None else 0, shares)
    covered = merged(agency.coverage for agency in ordered)
    sufficient, given = _beside(points, covered, parameters)
    return ParentScore(
        parent=parent,
        weightless=tuple(agency.agency for agency in ordered if not agency.weight),
        score=points,
        grade=given,
        sufficient=sufficient,
        weight=sum(agency.weight for agency in ordered),
        coverage=covered,
        deductions=tuple(
            _at_level(deduction, part, None, deduction.agency)
            for deduction, part in zip(deductions, parts, strict=True)
        ),
        shares=tuple(shares),
        parameters=parameters.version,
    )


def by_cause(score: GroupScore) -> tuple[Deduction, ...]:
    """The score's deductions with hosts, systems and agencies added together, largest first; these add up too."""
    if score.score is None:
        return ()
    grouped, shares = score.causes
    parts = apportion(FULL - score.score, shares)
    placed = [_at_level(deduction, part, None, None) for deduction, part in zip(grouped, parts, strict=True)]
    return tuple(sorted(placed, key=lambda deduction: (-deduction.points, deduction.kind, deduction.what)))
