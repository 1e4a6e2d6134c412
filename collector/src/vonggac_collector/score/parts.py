"""What agencies bring to the units above them, as values that add up: the score, its causes and its gains of a unit
with three thousand agencies beneath come from the sums of its children.

Says exactly what `system.parent_score`, `system.by_cause` and `gain.parent_gains` say of all the agencies at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .apportion import apportion
from .gain import Gain
from .system import scaled
from .values import FULL, AgencyScore, Deduction, Kind


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Why agencies are not at 100: on how many hosts, and its share in the loss of a unit above them."""

    hosts: int
    share: int


class Rise(msgspec.Struct, frozen=True, gc=False):
    """Fixing a rule on `hosts`: the sum over the agencies of weight x points that it adds."""

    hosts: int
    points: int


class Part(msgspec.Struct, frozen=True):
    """Of one agency, or of several together. `points`: the sum of weight x points."""

    weight: int
    points: int
    causes: dict[tuple[Kind, str], Cause]
    rises: dict[str, Rise]


def part_of(score: AgencyScore, gains: Iterable[Gain]) -> Part:
    """What one agency brings. `gains`: its `gain.agency_gains`."""
    causes: dict[tuple[Kind, str], Cause] = {}
    if score.score is not None and score.weight:
        grouped, within = score.causes
        shares = scaled(within, score.weight, FULL - score.score)
        causes = {(d.kind, d.what): Cause(d.hosts, s) for d, s in zip(grouped, shares, strict=True)}
    rises = {g.rule: Rise(len(g.hosts), score.weight * g.points) for g in gains}
    return Part(score.weight, score.weight * (score.score or 0), causes, rises)


def together(parts: Iterable[Part]) -> Part:
    """Several parts as one; no agency is in two of them."""
    weight = points = 0
    causes: dict[tuple[Kind, str], Cause] = {}
    rises: dict[str, Rise] = {}
    for part in parts:
        weight += part.weight
        points += part.points
        for key, cause in part.causes.items():
            held = causes.get(key)
            causes[key] = cause if held is None else Cause(held.hosts + cause.hosts, held.share + cause.share)
        for rule, rise in part.rises.items():
            known = rises.get(rule)
            rises[rule] = (
                rise if known is None else Rise(known.hosts + rise.hosts, known.points + rise.points)
            )
    return Part(weight, points, causes, rises)


def points_of(part: Part) -> int | None:
    """The score of the unit above exactly these agencies; None if none of them has weight."""
    return part.points // part.weight if part.weight else None


def deductions_of(part: Part) -> list[Deduction]:
    """What keeps that score from 100, largest first; adds up to FULL - score."""
    points = points_of(part)
    if points is None:
        return []
    keys = sorted(part.causes)
    losses = apportion(FULL - points, [part.causes[k].share for k in keys])
    found = [
        Deduction(kind, what, loss, hosts=part.causes[kind, what].hosts)
        for (kind, what), loss in zip(keys, losses, strict=True)
    ]
    return sorted(found, key=lambda d: (-d.points, d.kind, d.what))


def gains_of(part: Part) -> list[tuple[str, int, int]]:
    """Rule, number of hosts, and what fixing it on all of them adds to that score; largest first."""
    weight = part.weight or 1
    before = part.points // weight
    found = [
        (r, rise.hosts, (part.points + rise.points) // weight - before) for r, rise in part.rises.items()
    ]
    return sorted(found, key=lambda g: (-g[2], g[0]))
