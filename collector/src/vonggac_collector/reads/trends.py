"""Published daily scores as trends, changes and ranks of 30 days before."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import msgspec

from vonggac_collector import views
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import DailyScore
from vonggac_collector.ledger.standings import Head
from vonggac_collector.score.grades import grade, is_sufficient
from vonggac_collector.score.parameters import Parameters
from vonggac_collector.score.values import Coverage

from .sight import Sight

DAYS: Final = 60
CHANGE_DAYS: Final = 30
_PERCENT: Final = 100


class Trends(msgspec.Struct, frozen=True):
    """Of some units: scores by day, and how they were published CHANGE_DAYS before `today`."""

    today: date
    series: dict[str, dict[date, int | None]]
    then: dict[str, DailyScore]

    def of(self, code: str) -> list[views.TrendPoint]:
        """One point a day, oldest first, ending today."""
        known = self.series.get(code, {})
        days = [self.today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
        return [views.TrendPoint(day, known.get(day)) for day in days]

    def change(self, code: str, score: int | None) -> int | None:
        """Points won or lost in CHANGE_DAYS; None if there was no score then or is none now."""
        then = self.then.get(code)
        if score is None or then is None or then.score is None:
            return None
        return score - then.score

    def ranks_then(self, codes: list[str], parameters: Parameters) -> dict[str, int]:
        """Ranks among `codes` by what was published then."""
        rated = [
            self.then[c]
            for c in codes
            if c in self.then
            and self.then[c].score is not None
            and self.then[c].coverage * _PERCENT >= parameters.coverage_floor_percent
        ]
        return ranks({s.id: s.score for s in rated if s.score is not None})


def read_trends(tx: Transaction, codes: list[str], today: date) -> Trends:
    """What was published of those units."""
    series = tx.scores.series("unit", codes, today - timedelta(days=DAYS - 1), today)
    before = tx.scores.day(today - timedelta(days=CHANGE_DAYS), codes)
    return Trends(today, series, {s.id: s for s in before})


def ranks(scores: dict[str, int]) -> dict[str, int]:
    """Place by score, the best 1; equal scores share a place."""
    ordered = sorted(scores.values(), reverse=True)
    return {code: ordered.index(score) + 1 for code, score in scores.items()}


def standing(head: Head, code: str, trends: Trends, sight: Sight) -> views.Standing:
    """A score with what stands beside it."""
    score = head.score
    sufficient = score is not None and is_sufficient(
        Coverage(head.expected, head.heard, ()), sight.parameters
    )
    return views.Standing(
        score=score,
        grade=grade(score, sight.parameters) if score is not None and sufficient else None,
        # No waivers exist yet: the two are the same score.
        with_waivers=score,
        coverage=head.share,
        freshness=head.freshness(sight.as_of),
        sufficient=sufficient,
        change=trends.change(code, score),
    )
