"""A score as a bar on a scale of 0 to 100, with the limits of the classes ticked."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from ..format import POINT, score
from ..language import Language

CLASS_LIMITS: Final = (35, 50, 65, 80)
"""A > 80, B > 65, C > 50, D > 35 (docs/scoring.md)."""


def score_bar(language: Language, points: int | None) -> Markup:
    """The bar of `points` (1/10,000 of a point); hatched where there is no score."""
    ticks = Markup('<path d="{}" class="tick"/>').format("".join(f"M{x} 0v10" for x in CLASS_LIMITS))
    if points is None:
        label = language.gettext("No score")
        inside = Markup('<path d="{}" class="hatch"/>').format(
            "".join(f"M{x} 9l9-9" for x in range(0, 91, 12))
        )
    else:
        label = language.gettext("Score %(score)s of 100") % {"score": score(language, points)}
        inside = Markup('<path d="M0 0h{:g}v10H0z" class="fill"/>').format(round(points / POINT, 1))
    return Markup(
        '<svg class="score-bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path d="M0 0h100v10H0z" class="track"/>{}{}</svg>'
    ).format(label, inside, ticks)
