"""The one thread that writes while the collector serves: takes what waits into one transaction (group commit).

Answers are handed out only after its COMMIT returned. If one of them fails, the transaction is undone and each is done
by itself, so that nobody fails for another's fault. So work must come to the same when it is done twice: it begins by
looking whether it was done. That is also how the outcome is found when the answer to COMMIT was lost.

What waits is bounded. Whoever comes when that is full is sent away with a turn (`Turns`): those who come back together
after an outage are spread over the time that the desk needs for all of them.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from .errors import Busy, Conflict, Full, OutcomeUnknown, StoreFailed
from .ledger.interface import Ledger

T = TypeVar("T")
MAX_WAITING: Final = 1_000
MAX_TOGETHER: Final = 64
"""Few enough that the first does not wait long for the last; the project's own figure."""
TRIES: Final = 3
"""Of one by itself, as long as others are in its way; the project's own figure."""
MOMENT_S: Final = 0.2
"""How long after a transaction the desk counts as busy; the project's own figure."""
PATIENCE_S: Final = 10.0
"""How long those of one transaction are done again one by one: two waits for a lock. Who is left then is told Busy."""
_FIRST_GUESS_S: Final = 0.005
"""For an envelope, before the desk's own pace is known; of the order that docs/capacity.md measures."""
_NEW: Final = 0.1
"""Weight of the newest transaction in the pace; the project's own figure."""
_SLOWEST_S: Final = 0.1
"""For an envelope: a lock or a server that is away is no pace."""
LONGEST_TURN_S: Final = 900
"""No turn is given for later: agents look again by then (their default interval). A flood takes no turns beyond it."""


class _Task:
    def __init__(self, work: Callable[[], Any], sender: str) -> None:
        self.work = work
        self.sender = sender
        self.done: Future[Any] = Future()
        # Whoever waits may go away; the work is done all the same.
        self.done.set_running_or_notify_cancel()


class Turns:
    """When those who are sent away should come again: one after the other, at the pace at which the desk works."""

    def __init__(self) -> None:
        self.each_s = _FIRST_GUESS_S
        self._last = 0.0

    def worked(self, number: int, seconds: float) -> None:
        """So many were done in so long."""
        self.each_s += _NEW * (min(seconds / number, _SLOWEST_S) - self.each_s)

    def give(self, now: float, waiting: int) -> float:
        """Seconds until the next turn: behind all that wait and all turns that were given; any, if none is left."""
        turn = max(self._last, now + waiting * self.each_s) + self.each_s
        if turn - now > LONGEST_TURN_S:
            return random.uniform(0, LONGEST_TURN_S)  # noqa: S311  spreads, guards nothing
        self._last = turn
        return turn - now


class Desk:
    """Takes callables that write to the ledger; see the module."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: queue.Queue[_Task | None] = queue.Queue(MAX_WAITING)
        self._busy_until = 0.0
        self._turns = Turns()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def submit(self, work: Callable[[], T], sender: str = "") -> Future[T]:
        """Do `work` in the writing thread; the future is done when it is committed. Raises Full if too much waits.

        `sender`: the key id of whose row is locked. What is written together is done in their order: if every process
        orders by what it locks, they wait for each other instead of meeting in a deadlock.
        """
        task = _Task(work, sender)
        try:
            self._waiting.put_nowait(task)
        except queue.Full:
            raise Full(lambda: self._turns.give(time.monotonic(), MAX_WAITING)) from None
        return task.done

    def busy(self) -> bool:
        """Whether anything waits, or did a moment ago: who has time works later."""
        return not self._waiting.empty() or time.monotonic() < self._busy_until

    def _run(self) -> None:
        while tasks := self._next():
            began = time.monotonic()
            self._busy_until = began + MOMENT_S
            if len(tasks) == 1:
                self._alone(tasks[0])
            elif (failed := self._together(tasks)) is not None:
                self._one_by_one(tasks, failed)
            self._turns.worked(len(tasks), time.monotonic() - began)

    def _next(self) -> list[_Task] | None:
        first = self._waiting.get()
        if first is None:
            return None
        tasks = [first]
        while len(tasks) < MAX_TOGETHER:
            try:
                task = self._waiting.get_nowait()
            except queue.Empty:
                break
            if task is None:
                self._waiting.put(None)
                break
            tasks.append(task)
        return sorted(tasks, key=lambda t: t.sender)

    def _together(self, tasks: list[_Task]) -> Exception | None:
        """Do all in one transaction; what it failed with, if it did."""
        try:
            with self._ledger.batch({task.sender for task in tasks if task.sender}):
                results = [task.work() for task in tasks]
        except Exception as e:  # noqa: BLE001  whatever it is, each is done again by itself and gets its own
            return e
        for task, result in zip(tasks, results, strict=True):
            task.done.set_result(result)
        return None

    def _one_by_one(self, tasks: list[_Task], failed: Exception | None) -> None:
        until = time.monotonic() + PATIENCE_S
        for task in tasks:
            # A server that is gone is not asked again for each; one that only did not answer is, and tells what became.
            if isinstance(failed, StoreFailed) and not isinstance(failed, OutcomeUnknown):
                task.done.set_exception(failed)
            elif time.monotonic() > until:
                task.done.set_exception(Busy("what was written together took too long one by one"))
            else:
                failed = self._alone(task)

    def _alone(self, task: _Task) -> Exception | None:
        """Do one by itself; what it failed with, if it did."""
        tries = 0
        while True:
            tries += 1
            try:
                task.done.set_result(task.work())
            except (Conflict, OutcomeUnknown) as e:
                if tries < TRIES:
                    continue
                failed: Exception = e
            except Exception as e:  # noqa: BLE001  handed to whoever waits for it
                failed = e
            else:
                return None
            task.done.set_exception(failed)
            return failed
