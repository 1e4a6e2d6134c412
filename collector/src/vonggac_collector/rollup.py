"""Publishes each day's scores, so that trends show what was known then, and keeps what pages show fresh while it runs.

Days are those of Viet Nam (UTC+7 all year). A day's scores are those of its last moment, or of now while it lasts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from typing import Final, Literal

import msgspec
import structlog

from .background import OnDuty
from .board import BoardMaker
from .errors import Busy, StoreFailed
from .ledger.interface import Duty, Ledger, Transaction
from .ledger.rows import DailyScore
from .ledger.standings import Head
from .rounds import Keeper, portions
from .rulebooks import Shelf
from .score.coverage import merged
from .score.parameters import load_parameters
from .score.system import mean_points
from .score.values import AgencyScore, Coverage
from .unit_tree import UnitTree

VIETNAM: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
_DEBOUNCE_S: Final = 5.0
_AT_LEAST: Final = timedelta(minutes=5)
"""Looks grow old without anything being written, and scores with them."""
_KEPT: Final = timedelta(days=28)
"""What is of then, retention keeps at every level."""
_REST: Final = 4
"""Times as long as the work took is rested after it."""
_LOG: Final = structlog.get_logger("vonggac.rollup")


def day_of(moment: datetime) -> date:
    """The day in Viet Nam."""
    return moment.astimezone(VIETNAM).date()


def end_of(day: date) -> datetime:
    """The moment that the day ends."""
    return datetime.combine(day + timedelta(days=1), time_of_day(), VIETNAM)


def publish_day(
    ledger: Ledger, day: date, now: datetime, *, maker: BoardMaker | None = None
) -> list[DailyScore]:
    """Write the scores of `day` as they stood at its end, or stand `now` if it lasts, worked out from the record.

    Give one `maker` when publishing several days: what it judged once it need not judge again.
    """
    maker = maker or BoardMaker(ledger, Shelf(ledger), load_parameters())
    made = daily_scores(ledger, maker, min(now, end_of(day)), day)
    publish(ledger, day, made, now)
    return made


def publish(ledger: Ledger, day: date, made: Sequence[DailyScore], now: datetime) -> None:
    """Write a day's scores. What is only later, and the same, is left as it is until the day has ended; what is of a
    later moment, by a clock that was ahead, is not.
    """
    with ledger.write() as tx:
        there = {(r.kind, r.id): r for r in tx.scores.day(day)}
        differs = [r for r in made if _differs(there.get((r.kind, r.id)), r)]
        written = list(made) if now >= end_of(day) else differs
        tx.scores.put(written)
        if differs:
            # Telling the index is a change of the ledger, so what does not differ is not told.
            since = min(r.as_of for r in written)
            tx.outbox.add("scores", [f"{day.isoformat()}/{since.isoformat()}"], now)


def _differs(there: DailyScore | None, made: DailyScore) -> bool:
    return there is None or _said(there) != _said(made) or there.as_of > made.as_of


def _said(row: DailyScore) -> tuple[object, ...]:
    return (row.score, row.with_waivers, row.coverage, row.parameters)


def daily_scores(ledger: Ledger, maker: BoardMaker, as_of: datetime, day: date) -> list[DailyScore]:
    """The rows to publish under `day`, of every unit and system; a few hundred hosts are judged at a time."""
    with ledger.read() as tx:
        tree = UnitTree(tx.tree.units(as_of))
        hosts = Counter(p.unit for p in tx.tree.placements(as_of))
    agencies: dict[str, AgencyScore] = {}
    rows = []
    for portion in portions(tree.units.values(), lambda u: hosts[u.code]):
        board = maker.at(as_of, portion)
        for code, agency in board.agencies.items():
            for system in agency.systems:
                found = (system.score, system.coverage, maker.parameters.version)
                rows.append(_row("system", system.system, day, as_of, *found))
            agencies[code] = msgspec.structs.replace(agency, systems=(), deductions=(), shares=())
    for code in tree.units:
        if code in agencies and code not in tree.children:
            score, covered = agencies[code].score, agencies[code].coverage
        else:
            beneath = [agencies[c] for c in tree.subtree(code) if c in agencies]
            score = mean_points((a.weight, a.score) for a in beneath if a.score is not None)
            covered = merged(a.coverage for a in beneath)
        rows.append(_row("unit", code, day, as_of, score, covered, maker.parameters.version))
    return rows


def _row(
    kind: Literal["unit", "system"],
    identifier: str,
    day: date,
    as_of: datetime,
    score: int | None,
    covered: Coverage,
    parameters: int,
) -> DailyScore:
    # No waivers exist yet: the two are the same score.
    return DailyScore(
        kind, identifier, day, as_of, score, score, covered.share, covered.freshness_s, parameters
    )


def rows_of(heads: Iterable[Head], as_of: datetime, day: date, parameters: int) -> list[DailyScore]:
    """The same rows, from what a round kept."""
    return [
        DailyScore(h.kind, h.id, day, as_of, h.score, h.score, h.share, h.freshness(as_of), parameters)
        for h in heads
        if h.kind != "own"
    ]


def publish_missing(ledger: Ledger, keeper: Keeper, now: datetime) -> int:
    """Keep and publish every day from the newest published one to today; returns how many days these were.

    The newest is published once more: it may have been published before it ended. So are those right before it that
    were not published at their end: a clock was ahead then.
    """
    today = day_of(now)
    with ledger.read() as tx:
        newest = tx.scores.newest_day()
        day = today if newest is None else min(newest, today)
        while today - day < _KEPT and _ended_unpublished(tx, day - timedelta(days=1)):
            day -= timedelta(days=1)
    published = 0
    while day <= today:
        as_of = min(now, end_of(day))
        made = rows_of(keeper.round(as_of), as_of, day, keeper.parameters.version)
        publish(ledger, day, made, now)
        day += timedelta(days=1)
        published += 1
    return published


def _ended_unpublished(tx: Transaction, day: date) -> bool:
    """Whether what was published under the day, as its root's score says, is not of its end."""
    root = [u.code for u in tx.tree.units(end_of(day))[:1]]
    return any(r.as_of != end_of(day) for r in tx.scores.day(day, root))


class Worker(OnDuty):
    """A thread that keeps and publishes after changes, and when a day ends: at most every few seconds, and at most a
    fifth of the time.
    """

    failed = "publishing failed, will be tried again"
    tried_again = (Busy, StoreFailed)

    def __init__(
        self,
        ledger: Ledger,
        maker: BoardMaker,
        now: Callable[[], datetime],
        *,
        debounce_s: float = _DEBOUNCE_S,
    ) -> None:
        super().__init__("rollup", ledger, "publish")
        self._keeper = Keeper(ledger, maker, now)
        self._now = now
        self._debounce_s = debounce_s
        self._seen = -1
        self._published_at: datetime | None = None

    def turn(self, duty: Duty) -> None:
        """Publish, if anything changed."""
        if duty.held():
            self._publish(self._now())

    def pause_s(self, took_s: float) -> float:
        """See the class."""
        return max(self._debounce_s, _REST * took_s)

    def _publish(self, now: datetime) -> None:
        before, kept = self._ledger.version(), self._keeper.commits
        lately = self._published_at is not None and now - self._published_at < _AT_LEAST
        if lately and before == self._seen:
            return
        published = publish_missing(self._ledger, self._keeper, now)
        own = self._keeper.commits - kept + published
        # Its own commits are no reason to publish again; anybody else's meanwhile are.
        after = self._ledger.version()
        self._seen, self._published_at = after if after == before + own else -1, now
