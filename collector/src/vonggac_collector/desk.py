"""The one thread that writes while the collector serves: takes what waits into one transaction (group commit).

Answers are handed out only after its COMMIT returned. If one of them fails, the transaction is undone and
each is done by itself, so that nobody fails for another's fault.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from .errors import Busy
from .ledger.interface import Ledger

T = TypeVar("T")
MAX_WAITING: Final = 1_000
MAX_TOGETHER: Final = 64
"""Few enough that the first does not wait long for the last; the project's own figure."""


class _Task:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.done: Future[Any] = Future()


class Desk:
    """Takes callables that write to the ledger; see the module."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: queue.Queue[_Task | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do `work` in the writing thread; the future is done when it is committed. Raises Busy if too much waits."""
        task = _Task(work)
        try:
            self._waiting.put_nowait(task)
        except queue.Full:
            raise Busy("too many envelopes wait") from None
        return task.done

    def _run(self) -> None:
        while True:
            tasks = self._next()
            if tasks is None:
                return
            if not self._together(tasks):
                for task in tasks:
                    self._alone(task)

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
        return tasks

    def _together(self, tasks: list[_Task]) -> bool:
        if len(tasks) == 1:
            return False
        try:
            with self._ledger.batch():
                results = [task.work() for task in tasks]
        except Exception:  # noqa: BLE001  whatever it is, each is done again by itself and gets its own
            return False
        for task, result in zip(tasks, results, strict=True):
            task.done.set_result(result)
        return True

    def _alone(self, task: _Task) -> None:
        try:
            result = task.work()
        except Exception as e:  # noqa: BLE001  handed to whoever waits for it
            task.done.set_exception(e)
        else:
            task.done.set_result(result)
