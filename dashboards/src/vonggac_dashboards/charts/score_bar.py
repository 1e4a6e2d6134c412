"""A score as a bar on a scale of 0 to 100. It stands beside the figure, so it says nothing of its own.

The scale and its ticks at the limits of the classes are the style sheet's (`.score-bar`): a page holds dozens of these.
"""

from __future__ import annotations

from markupsafe import Markup

from ..format import POINT


def score_bar(points: int | None) -> Markup:
    """The bar of `points` (1/10,000 of a point); hatched where there is no score."""
    if points is None:
        return Markup('<svg class="score-bar none" aria-hidden="true"></svg>')
    return Markup(
        '<svg class="score-bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        '<path d="M0 0h{:g}v1H0z"/></svg>'
    ).format(round(points / POINT, 1))
