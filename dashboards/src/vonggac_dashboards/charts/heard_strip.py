"""Who was heard from: one small bar per host, from the freshest to the longest silent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from ..language import Language

FRESH: Final = 24 * 3600
SILENT: Final = 14 * 24 * 3600
"""Seconds: a look counts in full for 24 hours and for nothing after 14 days (docs/scoring.md, freshness)."""
WIDTH: Final = 600
CELL: Final = 10


def heard_of(age: float | None) -> str:
    """`fresh`, `late` or `silent` for the age of a last look in seconds; None was never heard."""
    if age is None or age >= SILENT:
        return "silent"
    return "fresh" if age <= FRESH else "late"


def counts(ages: Sequence[float | None]) -> dict[str, int]:
    """How many are fresh, late, silent."""
    heard = [heard_of(a) for a in ages]
    return {kind: heard.count(kind) for kind in ("fresh", "late", "silent")}


def heard_strip(language: Language, ages: Sequence[float | None]) -> Markup:
    """The strip with its legend in words and figures. Bars differ in height and filling as well as in colour."""
    ordered = sorted(ages, key=lambda a: (a is None, a or 0.0))
    step = min(CELL, WIDTH / max(1, len(ordered)))
    tops = {"fresh": (0, 16), "late": (6, 10), "silent": (12, 4)}
    width = round(max(0.8, step - 2), 1)
    drawn = dict.fromkeys(tops, "")
    for i, kind in enumerate(heard_of(a) for a in ordered):
        top, height = tops[kind]
        drawn[kind] += f"M{round(i * step, 1):g} {top}h{width:g}v{height}h-{width:g}z"
    bars = [Markup('<path d="{}" class="heard-{}"/>').format(d, kind) for kind, d in drawn.items() if d]
    n = counts(ages)
    legend = [
        ("fresh", language.gettext("heard within 24 hours")),
        ("late", language.gettext("last heard 1 to 14 days ago")),
        ("silent", language.gettext("silent for 14 days or never heard")),
    ]
    items = Markup("").join(
        Markup('<li class="heard heard-{}"><b class="num">{}</b> {}</li>').format(kind, n[kind], text)
        for kind, text in legend
    )
    return Markup(
        '<div class="heard-strip"><svg viewBox="0 0 {0} 16" width="{0}" height="16" aria-hidden="true">{1}</svg>'
        '<ul class="legend">{2}</ul></div>'
    ).format(math.ceil(step * len(ordered)), Markup("").join(bars), items)
