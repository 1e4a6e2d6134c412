"""State marks: colour, shape and word together, so that none of them has to be relied on alone."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from ..language import Language
from ..words import word

SHAPES: Final = {
    "fail": Markup('<path d="M1 1h10v10H1z"/>'),
    "partial": Markup('<path d="M1.5 1.5h9v9h-9z" class="edge"/><path d="M1 1h5v10H1z"/>'),
    "unknown": Markup(
        '<circle cx="6" cy="6" r="4.5" class="edge"/><path d="M3 8.5 8.5 3M5.5 9.5 9.5 5.5" class="edge"/>'
    ),
    "pass": Markup('<path d="m1.5 6.5 3 3 6-7" class="edge"/>'),
    "not-applicable": Markup('<path d="M2 6h8" class="edge"/>'),
    "waived": Markup('<path d="M1.5 1.5h9v9h-9z" class="edge dashed"/>'),
}
SEVERITY_BARS: Final = {"critical": 4, "high": 3, "medium": 2, "low": 1}


def mark(language: Language, outcome: str, text: str = "") -> Markup:
    """The mark of `outcome` with its word, or with `text` in the word's place."""
    shape = SHAPES.get(outcome, SHAPES["unknown"])
    return Markup(
        '<span class="mark mark-{}">'
        '<svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{}</svg> {}</span>'
    ).format(outcome if outcome in SHAPES else "unknown", shape, text or word(language, "outcome", outcome))


def severity(language: Language, level: str) -> Markup:
    """The severity as one to four bars and its word."""
    filled = SEVERITY_BARS.get(level, 0)
    bars = Markup("").join(
        Markup('<path d="M{} {}h2v{}h-2z"{}/>').format(
            i * 3, 9 - 3 * i, 3 + 3 * i, "" if i < filled else Markup(' class="off"')
        )
        for i in range(4)
    )
    return Markup(
        '<span class="severity severity-{}">'
        '<svg viewBox="0 0 11 12" width="11" height="12" aria-hidden="true">{}</svg> {}</span>'
    ).format(level if level in SEVERITY_BARS else "low", bars, word(language, "severity", level))


def grade_badge(language: Language, grade: str | None) -> Markup:
    """The class of a score, A to E, as a coloured square with its letter; hollow where there is none."""
    if grade is None:
        return Markup('<span class="grade grade-none" title="{}">–</span>').format(
            language.gettext("No class: insufficient data")
        )
    said = language.gettext("Class %(grade)s") % {"grade": grade}
    return Markup('<span class="grade grade-{}" title="{}">{}</span>').format(grade, said, grade)
