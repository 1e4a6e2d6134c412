"""State marks: colour, shape and word together, so that none of them has to be relied on alone.

A page carries each shape once, as a symbol (`symbols`), and marks refer to it: a page holds hundreds of them.
"""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from ..language import Language
from ..words import word

SHAPES: Final = {
    "fail": '<path d="M1 1h10v10H1z" fill="currentColor"/>',
    "partial": '<path d="M1.7 1.7h8.6v8.6H1.7z"/><path d="M1 1h5v10H1z" fill="currentColor" stroke="none"/>',
    "unknown": '<circle cx="6" cy="6" r="4.5"/><path d="M3 8.5 8.5 3M5.5 9.5l4-4"/>',
    "pass": '<path d="m1.5 6.5 3 3 6-7"/>',
    "not-applicable": '<path d="M2 6h8"/>',
    "waived": '<path d="M1.7 1.7h8.6v8.6H1.7z" stroke-dasharray="2.2 1.4"/>',
}
SEVERITIES: Final = ("low", "medium", "high", "critical")


def symbols() -> Markup:
    """Every shape, to be put once into a page."""
    marks = [(f"mark-{outcome}", Markup(shape)) for outcome, shape in SHAPES.items()]  # noqa: S704  written above
    bars = [(f"bars-{name}", _bars(i + 1)) for i, name in enumerate(SEVERITIES)]
    drawn = Markup("").join(
        Markup('<symbol id="{}" viewBox="0 0 12 12">{}</symbol>').format(name, shape)
        for name, shape in marks + bars
    )
    return Markup('<svg class="unseen" aria-hidden="true"><defs>{}</defs></svg>').format(drawn)


def _bars(filled: int) -> Markup:
    return Markup("").join(
        Markup('<path d="M{} {}h2v{}h-2z" fill="currentColor" stroke="none"{}/>').format(
            i * 3, 9 - 3 * i, 3 + 3 * i, "" if i < filled else Markup(' opacity=".25"')
        )
        for i in range(4)
    )


def mark(language: Language, outcome: str, text: str = "") -> Markup:
    """The mark of `outcome` with its word, or with `text` in the word's place."""
    shape = outcome if outcome in SHAPES else "unknown"
    return Markup('<span class="mark {0}"><svg><use href="#mark-{0}"/></svg>{1}</span>').format(
        shape, text or word(language, "outcome", outcome)
    )


def severity(language: Language, level: str) -> Markup:
    """The severity as one to four bars and its word."""
    bars = level if level in SEVERITIES else "low"
    return Markup('<span class="mark {0}"><svg><use href="#bars-{0}"/></svg>{1}</span>').format(
        bars, word(language, "severity", level)
    )


def grade_badge(language: Language, grade: str | None) -> Markup:
    """The class of a score, A to E, as a coloured square with its letter; hollow where there is none."""
    if grade is None:
        return Markup('<span class="grade grade-none" title="{}">–</span>').format(
            language.gettext("No class: insufficient data")
        )
    said = language.gettext("Class %(grade)s") % {"grade": grade}
    return Markup('<span class="grade grade-{}" title="{}">{}</span>').format(grade, said, grade)
