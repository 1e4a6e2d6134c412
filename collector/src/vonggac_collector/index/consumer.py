"""Tells the index what the outbox announces: claims rows, reads what the ledger says now, writes, is done with them.

At least once and idempotent: a row leaves the outbox only after the index took what it announced, whoever dies between.
An index that does not answer is tried again with growing pauses; one that lost something is rebuilt (`rebuild`). While
nothing waits, hosts are compared in turn with what the index has, each once a day.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from vonggac_collector.background import Background
from vonggac_collector.errors import Busy, IndexFailed, IndexMissing, StoreFailed
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import DeadLetter, OutboxRow

from .interface import Index
from .reading import Reader
from .rebuild import ABOUT_HOSTS, TOGETHER, Stopped, rebuild, tell

CLAIMED: Final = 200
"""Rows in one turn."""
LEASE: Final = timedelta(minutes=1)
"""How long what a dead worker had claimed waits for another; a living one renews it. Were it too short, two would do
the same and overtake each other, which costs time and nothing else; the project's own figure."""
WAY: Final = 3.0
"""Of the time that a piece of work took, how much is left to others while they are busy: a quarter is search's own, so
that it is never starved; once it is LATE behind, a half. The project's own figures."""
LATE: Final = timedelta(minutes=2)
FEW: Final = 5
"""Hosts that are read and written at once while others are busy, some 0.1 s of one processor."""
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_CHECK_S: Final = 60.0
_DAY_S: Final = 86_400.0
_FIRST_S: Final = 3_600.0
"""When the first hosts are compared."""
_LOG: Final = structlog.get_logger("vonggac.index")


class Consumer(Background):
    """A thread that tells the index; see the module. Any number of them may work at one ledger and one index."""

    def __init__(
        self,
        ledger: Ledger,
        index: Index,
        reader: Reader,
        now: Callable[[], datetime],
        *,
        busy: Callable[[], bool] = lambda: False,
        pause_s: float = _PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`busy`: whether this process has machines to answer, which go before."""
        super().__init__("index")
        self._ledger = ledger
        self._index = index
        self._reader = reader
        self._now = now
        self._busy = busy
        self._spent_s = 0.0
        self._oldest = now()
        self._pause_s = pause_s
        self._clock = clock
        self._checked_at: float | None = None
        self._compare_at = clock() + _FIRST_S
        self._every_s = _DAY_S
        self._round: list[str] = []
        self._duty = ledger.duty("index")

    def run(self) -> None:
        """Tell until stopped. Whatever fails is tried again."""
        failures = 0
        while not self._stop.is_set():
            try:
                busy = self.turn()
                failures = 0
            except Stopped:
                return
            except (IndexFailed, Busy, StoreFailed) as e:
                failures += 1
                busy = False
                _LOG.warning("the index is behind, will be tried again", reason=e.code, detail=str(e))
            if not busy:
                self._stop.wait(min(self._pause_s * 2 ** min(failures, 10), _LONGEST_PAUSE_S))
        self._duty.close()

    def turn(self) -> bool:
        """Do what is due; says whether there was anything. Raises IndexFailed, Busy, StoreFailed."""
        if self._checked_at is None or self._clock() - self._checked_at >= _CHECK_S:
            self._check()
        if self.tell_some():
            return True
        self._compare()
        return False

    def tell_some(self) -> bool:
        """One turn's rows; says whether there were any. Raises as `turn`."""
        now = self._now()
        with self._ledger.read() as tx:
            due = tx.outbox.due_at()
        if due is None or due > now:
            return False
        with self._ledger.write() as tx:
            rows = tx.outbox.claim(CLAIMED, now, now + LEASE)
            ticket = tx.outbox.ticket()
        if not rows:
            return False
        self._oldest = rows[0].queued_at
        try:
            with self._claimed([r.number for r in rows]):
                self._tell(rows, ticket)
        except IndexFailed as e:
            if isinstance(e, IndexMissing):
                self._checked_at = None
            with self._ledger.write() as tx:
                wait = timedelta(seconds=min(2.0 ** min(rows[0].attempts, 6), _LONGEST_PAUSE_S))
                tx.outbox.fail([r.number for r in rows], str(e), self._now() + wait * random.uniform(0.5, 1))  # noqa: S311
            raise
        return True

    @contextmanager
    def _claimed(self, numbers: Sequence[int]) -> Iterator[None]:
        """Renew the claim as long as the block takes."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(LEASE.total_seconds() / 3):
                with suppress(Busy, StoreFailed), self._ledger.write() as tx:
                    tx.outbox.keep(numbers, self._now() + LEASE)

        renewing = threading.Thread(target=renew, name="index-claim", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            over.set()
            renewing.join()

    def _tell(self, rows: Sequence[OutboxRow], ticket: int) -> None:
        newest = {r.subject: r for r in rows if r.kind in ABOUT_HOSTS}
        taken = tell(self._index, self._reader, list(newest), ticket, size=self._size, after=self._give_way)
        dead = {newest[agent].number: why for agent, why in taken.refused.items()}
        for row in rows:
            if row.kind == "scores":
                day, _, since = row.subject.partition("/")
                days, after = [date.fromisoformat(day)], datetime.fromisoformat(since) if since else None
                for scores in self._reader.scores(days, after):
                    for why in list(self._index.put_scores(scores, ticket).values())[:1]:
                        dead[row.number] = why
        everybody = self._reader.hosts() if any(r.kind == "rulebook" for r in rows) else []
        self._index.mark(ticket)
        again = [r.number for r in rows if r.kind in ABOUT_HOSTS and r.subject in taken.overtaken]
        with self._ledger.write() as tx:
            now = self._now()
            # A rule's texts are in the documents of every host that it fails on.
            tx.outbox.add("host", everybody, now)
            for row in rows:
                if row.number in dead:
                    tx.outbox.bury(DeadLetter(row.number, row.kind, row.subject, dead[row.number], now))
            tx.outbox.done([r.number for r in rows if r.number not in dead and r.number not in again])
            tx.outbox.fail(again, "another worker wrote it meanwhile", now)
            tx.outbox.mark(ticket)
        for number, why in dead.items():
            _LOG.error("the index refuses a document for good", outbox=number, detail=why)

    def _check(self) -> None:
        """Rebuild an index that is not what the ledger has told it."""
        why = self._fault()
        if why and self._duty.held():
            _LOG.warning("the index is rebuilt from the ledger", detail=why)
            rebuild(
                self._ledger,
                self._index,
                self._reader,
                self._now,
                meanwhile=self._meanwhile,
                size=self._size,
                stop=self._stop,
            )
        self._checked_at = self._clock()

    def _meanwhile(self) -> None:
        self._give_way()
        self.tell_some()

    def _size(self) -> int:
        return FEW if self._busy() else TOGETHER

    def _give_way(self) -> None:
        """After a piece of work, leave the processor to those that machines wait for."""
        spent_s = time.thread_time()
        if self._busy():
            way = WAY if self._now() - self._oldest < LATE else 1.0
            self._stop.wait(way * (spent_s - self._spent_s))
        self._spent_s = spent_s

    def _fault(self) -> str:
        health = self._index.health()
        if health.state == "missing":
            return health.detail
        if health.state == "rebuilding":
            return ""
        with self._ledger.read() as tx:
            marked = tx.outbox.marked()
        if health.ticket < marked:
            return f"it was told up to {marked} and has only what was told up to {health.ticket}"
        # Between both marks a worker may have died; but no ticket beyond the ledger's newest can have been drawn.
        if health.ticket > marked and health.ticket > self._ticket():
            return f"it was told up to {health.ticket}, by a ledger that is gone"
        return ""

    def _ticket(self) -> int:
        with self._ledger.write() as tx:
            return tx.outbox.ticket()

    def _compare(self) -> None:
        """Compare some hosts with what the index has of them, in a round that takes a day."""
        if self._clock() < self._compare_at:
            return
        if not self._round:
            self._round = self._reader.hosts()
            self._every_s = _DAY_S / max(1, math.ceil(len(self._round) / TOGETHER))
        self._compare_at = self._clock() + self._every_s
        some, self._round = self._round[:TOGETHER], self._round[TOGETHER:]
        tell(self._index, self._reader, some, self._ticket(), thorough=True)
