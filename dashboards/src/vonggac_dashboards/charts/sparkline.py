"""A score over days as a line; days without a score are gaps, never bridged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from ..format import POINT, day_text, score
from ..language import Language

DAYS: Final = 60
LEAST_SPAN: Final = 16
"""Points of score that the height covers at least, so that a tenth of a point does not look like a cliff."""
Point = tuple[date, int | None]


def window(points: Sequence[Point]) -> tuple[float, float]:
    """The lowest and highest score of the drawing, 0 to 100: around the line, at least LEAST_SPAN apart."""
    known = [p / POINT for _, p in points if p is not None]
    if not known:
        return 0.0, 100.0
    low, high = min(known), max(known)
    spare = max(0.0, LEAST_SPAN - (high - low)) / 2
    low, high = low - spare, high + spare
    if low < 0:
        low, high = 0.0, high - low
    if high > 100:
        low, high = max(0.0, low - (high - 100)), 100.0
    return low, high


def runs(points: Sequence[Point]) -> list[list[tuple[int, int]]]:
    """The unbroken stretches as (place, points)."""
    stretches: list[list[tuple[int, int]]] = [[]]
    for i, (_, value) in enumerate(points):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append((i, value))
    return [s for s in stretches if s]


def said(language: Language, points: Sequence[Point]) -> str:
    """The line in one sentence."""
    known = [(d, p) for d, p in points if p is not None]
    if not known:
        return language.gettext("No score in these days")
    lowest, highest = min(p for _, p in known), max(p for _, p in known)
    return language.gettext(
        "From %(first)s to %(last)s: lowest %(low)s, highest %(high)s, latest %(latest)s"
    ) % {
        "first": day_text(language, points[0][0]),
        "last": day_text(language, points[-1][0]),
        "low": score(language, lowest),
        "high": score(language, highest),
        "latest": score(language, known[-1][1]),
    }


def sparkline(language: Language, points: Sequence[Point], *, width: int = 120, height: int = 24) -> Markup:
    """The line of the last DAYS days; a lone day is a dot, days without a score leave their place empty.

    Drawn on a grid of half pixels with whole, relative steps: a page holds dozens of these.
    """
    points = list(points)[-DAYS:]
    low, high = window(points)
    step = (width - 4) / max(1, len(points) - 1)

    def place(i: int, value: int) -> tuple[int, int]:
        y = 2 + (height - 4) * (1 - (value / POINT - low) / (high - low))
        return round(2 * (2 + i * step)), round(2 * y)

    lines, dots = "", [place(i, v) for i, v in (s[-1] for s in runs(points)[-1:])]
    for stretch in runs(points):
        spots = [place(i, v) for i, v in stretch]
        if len(spots) == 1:
            dots.append(spots[0])
        else:
            lines += path_of(spots)
    return Markup(
        '<svg class="sparkline" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<path d="M0 {}H{}" class="base"/><path d="{}" class="line"/>{}</svg>'
    ).format(
        2 * width, 2 * height, said(language, points), 2 * height - 1, 2 * width, lines,
        Markup("").join(Markup('<circle cx="{}" cy="{}" r="4" class="dot"/>').format(*d) for d in dots),
    )  # fmt: skip


def path_of(spots: Sequence[tuple[int, int]]) -> str:
    """A line through `spots` as SVG path data with relative steps; days of one score are one step."""
    (x, y), steps, flat = spots[0], list[str](), 0
    for (ax, ay), (bx, by) in pairwise(spots):
        if by == ay:
            flat += bx - ax
            continue
        if flat:
            steps.append(f"{flat} 0")
        drop = str(by - ay)
        steps.append(f"{bx - ax}{drop if drop.startswith('-') else ' ' + drop}")
        flat = 0
    if flat:
        steps.append(f"{flat} 0")
    return f"M{x} {y}l{' '.join(steps)}"
