"""Publishes each day's scores, so that trends show what was known then, and keeps today's fresh while it runs.

Days are those of Viet Nam (UTC+7 all year). A day's scores are those of its last moment, or of now while it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

import structlog

from .background import Background
from .board import Board, BoardMaker
from .errors import Busy, StoreFailed
from .ledger.interface import Ledger
from .ledger.rows import DailyScore
from .rulebooks import Shelf
from .score.parameters import load_parameters
from .score.values import GroupScore

VIETNAM: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
_DEBOUNCE_S: Final = 5.0
_AT_LEAST: Final = timedelta(minutes=5)
"""Looks grow old without anything being written, and scores with them."""
_LOG: Final = structlog.get_logger("vonggac.rollup")


def day_of(moment: datetime) -> date:
    """The day in Viet Nam."""
    return moment.astimezone(VIETNAM).date()


def end_of(day: date) -> datetime:
    """The moment that the day ends."""
    return datetime.combine(day + timedelta(days=1), time(), VIETNAM)


def publish_day(ledger: Ledger, day: date, now: datetime, *, maker: BoardMaker | None = None) -> Board:
    """Write the scores of `day` as they stood at its end, or stand `now` if it lasts; returns the board they are from.

    Give one `maker` when publishing several days: what it judged once it need not judge again.
    """
    maker = maker or BoardMaker(ledger, Shelf(ledger), load_parameters())
    board = maker.at(min(now, end_of(day)))
    made = daily_scores(board, day)
    with ledger.write() as tx:
        # What is only later, and the same, is not told to the index: telling is a change that would be published again.
        differs = {_said(r) for r in tx.scores.day(day)} != {_said(r) for r in made}
        tx.scores.put(made)
        if differs:
            tx.outbox.add("scores", [day.isoformat()], now)
    return board


def _said(row: DailyScore) -> tuple[object, ...]:
    return (row.kind, row.id, row.score, row.with_waivers, row.coverage, row.parameters)


def daily_scores(board: Board, day: date) -> list[DailyScore]:
    """The rows that the board publishes under `day`."""
    units = [_row("unit", code, score, board, day) for code, score in board.scores.items()]
    systems = [_row("system", s, score, board, day) for s, score in board.system_scores.items()]
    return units + systems


def _row(kind: str, identifier: str, score: GroupScore, board: Board, day: date) -> DailyScore:
    return DailyScore(
        kind="unit" if kind == "unit" else "system",
        id=identifier,
        day=day,
        as_of=board.as_of,
        score=score.score,
        # No waivers exist yet: the two are the same score.
        with_waivers=score.score,
        coverage=score.coverage.share,
        freshness=score.coverage.freshness_s,
        parameters=board.parameters.version,
    )


def publish_missing(ledger: Ledger, maker: BoardMaker, now: datetime) -> int:
    """Publish every day from the newest published one to today; returns how many transactions that took.

    The newest is published once more: it may have been published before it ended.
    """
    with ledger.read() as tx:
        newest = tx.scores.newest_day()
    today = day_of(now)
    day = today if newest is None else min(newest, today)
    published = 0
    while day <= today:
        publish_day(ledger, day, now, maker=maker)
        day += timedelta(days=1)
        published += 1
    return published


class Worker(Background):
    """A thread that publishes after changes, at most every few seconds, and when a day ends."""

    def __init__(
        self,
        ledger: Ledger,
        maker: BoardMaker,
        now: Callable[[], datetime],
        *,
        debounce_s: float = _DEBOUNCE_S,
    ) -> None:
        super().__init__("rollup")
        self._ledger = ledger
        self._maker = maker
        self._now = now
        self._debounce_s = debounce_s
        self._seen = -1
        self._published_at: datetime | None = None

    def wait(self, seconds: float) -> None:
        """Wait that long, or until it is stopped."""
        self._stop.wait(seconds)

    def run(self) -> None:
        """Publish until stopped, while no other worker does. A ledger that is busy or failing is tried again."""
        duty = self._ledger.duty("publish")
        while not self._stop.is_set():
            try:
                if duty.held():
                    self._publish(self._now())
            except (Busy, StoreFailed) as e:
                _LOG.warning("publishing failed, will be tried again", reason=e.code, detail=str(e))
            self.wait(self._debounce_s)
        duty.close()

    def _publish(self, now: datetime) -> None:
        before = self._ledger.version()
        lately = self._published_at is not None and now - self._published_at < _AT_LEAST
        if lately and before == self._seen:
            return
        own = publish_missing(self._ledger, self._maker, now)
        # Its own commits are no reason to publish again; anybody else's meanwhile are.
        after = self._ledger.version()
        self._seen, self._published_at = after if after == before + own else -1, now
