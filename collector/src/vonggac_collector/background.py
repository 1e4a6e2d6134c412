"""A thread that works beside the collector until it is stopped. What it does is its own.

A fault that it did not foresee is logged, and it begins again: search and scores would stand still unnoticed without.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from contextlib import closing
from typing import Final

import structlog

from .errors import CollectorError
from .ledger.interface import Duty, Ledger

_AGAIN_S: Final = 30.0
"""After a fault."""
_LOG: Final = structlog.get_logger("vonggac.background")


class Background(ABC):
    """`run` works until `_stop` is set, and waits on it in between."""

    def __init__(self, name: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when what it is at is done."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                return self.run()
            except Exception:  # noqa: BLE001  whatever it is, it is told and does not end the thread
                _LOG.exception("a thread failed, and begins again", thread=self._thread.name)
            self._stop.wait(_AGAIN_S)

    @abstractmethod
    def run(self) -> None:
        """Work until stopped."""


class OnDuty(Background):
    """Takes turns at a duty of the ledger, which one worker has at a time.

    `failed` is logged of what is `tried_again`.
    """

    failed: str
    tried_again: tuple[type[CollectorError], ...]

    def __init__(self, name: str, ledger: Ledger, duty: str) -> None:
        super().__init__(name)
        self._ledger = ledger
        self._duty = duty

    def run(self) -> None:
        """Until stopped."""
        with closing(self._ledger.duty(self._duty)) as duty:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    self.turn(duty)
                except self.tried_again as e:
                    _LOG.warning(self.failed, reason=e.code, detail=str(e))
                self._stop.wait(self.pause_s(time.monotonic() - began))

    @abstractmethod
    def turn(self, duty: Duty) -> None:
        """What there is to do now, if the duty is held."""

    @abstractmethod
    def pause_s(self, took_s: float) -> float:
        """Seconds until the next turn, after one that took so long."""
