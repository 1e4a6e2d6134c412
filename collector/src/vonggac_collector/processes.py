"""Several web processes on one listening socket, and one that works beside them: started, revived, ended together.

Each is a program of its own (multiprocessing's spawn), so that no thread and no connection is inherited. They share the
socket, in which connections wait that nobody took yet, whoever dies; and a folder, so that `/metrics` of any of them
has the figures of all (prometheus_client's multiprocess mode).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

import structlog

from .errors import CollectorError

METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own name: https://prometheus.github.io/client_python/multiprocess/."""
GRACE_S: Final = 20.0
"""What ends gets that long, under the 30 s of the service: requests have 5 s, then the writing thread finishes."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
Start = Callable[[], SpawnProcess]
log = structlog.get_logger()


def pause_after(lived_s: float, before_s: float) -> float:
    """Seconds until a process that ended is started again: twice as long as before if it lived less than a minute."""
    return (
        _FIRST_PAUSE_S if lived_s > _LONGEST_PAUSE_S or not before_s else min(2 * before_s, _LONGEST_PAUSE_S)
    )


class Crew:
    """Processes by name, each made by its function and kept alive until somebody ends the crew."""

    def __init__(self, starts: Mapping[str, Start]) -> None:
        self._posts = [_Post(name, start) for name, start in starts.items()]

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then every process gets SIGTERM and GRACE_S. In the main thread only."""
        told, tell = socket.socketpair()
        tell.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: tell.send(b"."))
        while True:
            now = time.monotonic()
            for post in self._posts:
                post.look(now)
            running = [p.process.sentinel for p in self._posts if p.process is not None]
            due = min((p.due - now for p in self._posts if p.process is None), default=None)
            if told in wait([told, *running], due):
                break
        self._end()

    def _end(self) -> None:
        until = time.monotonic() + GRACE_S
        running = {p.name: p.process for p in self._posts if p.process is not None}
        for process in running.values():
            process.terminate()
        for name, process in running.items():
            process.join(max(0.0, until - time.monotonic()))
            if process.exitcode is None:
                log.warning("process killed", name=name, pid=process.pid, after_s=GRACE_S)
                process.kill()
                process.join()


class _Post:
    """One process's place. `due`: when it is to be started, in monotonic seconds."""

    def __init__(self, name: str, start: Start) -> None:
        self.name = name
        self.process: SpawnProcess | None = None
        self.due = 0.0
        self._start = start
        self._began = 0.0
        self._pause = 0.0

    def look(self, now: float) -> None:
        """Start it if it is due; note that it ended."""
        if self.process is not None and self.process.exitcode is not None:
            self._pause = pause_after(now - self._began, self._pause)
            log.warning(
                "process ended",
                name=self.name,
                pid=self.process.pid,
                code=self.process.exitcode,
                again_in_s=self._pause,
            )
            self.process.close()
            self.process, self.due = None, now + self._pause
        if self.process is None and now >= self.due:
            self.process, self._began = self._start(), now
            log.info("process started", name=self.name, pid=self.process.pid)


def run_crew(workers: int, listener: socket.socket, web: Callable[..., None], work: Callable[..., None] | None,
             *given: Any) -> None:  # fmt: skip
    """`workers` times `web(listener, *given)` and once `work(*given)`, until SIGTERM or SIGINT. Both are functions of a
    module, and what is given can be pickled.
    """
    with tempfile.TemporaryDirectory(prefix="vonggac-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder
        starts = {f"web {n}": _starter(web, listener, *given) for n in range(1, workers + 1)}
        if work is not None:
            starts["work"] = _starter(work, *given)
        Crew(starts).run()


def _starter(target: Callable[..., None], *given: Any) -> Start:
    def start() -> SpawnProcess:
        # A daemon: it does not outlive a parent that ends by itself.
        process = multiprocessing.get_context("spawn").Process(
            target=_within, args=(target, *given), daemon=True
        )
        process.start()
        return process

    return start


def _within(target: Callable[..., None], *given: Any) -> None:
    """What a process runs: its target, until its parent is gone."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        target(*given)
    except (CollectorError, OSError) as e:
        log.error("process failed", error=f"{type(e).__name__}: {e}"[:500])
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
