"""From a score and its coverage to a grade, or to "insufficient data". Ranking is left to the pages' queries."""

from __future__ import annotations

from .parameters import Parameters
from .values import POINT, Coverage, Grade


def grade(points: int, parameters: Parameters) -> Grade:
    """A above 80, B above 65, C above 50, D above 35, else E; decided on the published points, so exactly 80.0000 is
    B.
    """
    for bound in parameters.grades:
        if points > bound.above * POINT:
            return bound.grade
    return "E"


def is_sufficient(coverage: Coverage, parameters: Parameters) -> bool:
    """Whether enough expected hosts were heard from to be ranked; exactly at the floor is enough, nothing expected is
    not.
    """
    return (
        coverage.expected > 0
        and 100 * coverage.heard >= parameters.coverage_floor_percent * coverage.expected
    )
