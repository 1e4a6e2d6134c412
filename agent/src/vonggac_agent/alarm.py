"""Interrupts a computation that takes too long, by the kernel's timer (setitimer(2)): the last bound on hostile input.

Only the main thread of a process can be interrupted so; elsewhere nothing is done, and the deadlines asked at each
access to the host remain.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from vonggac_contract.facts import CouldNotLook, Reason


@contextmanager
def after(seconds: float) -> Iterator[None]:
    """Raise CouldNotLook(timed-out) in the block once `seconds` have passed; 0: never."""
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return
    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, _interrupt)
    # Again each second, in case a part of the computation takes the first one for its own.
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # somebody else's timer goes on
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - began)), every)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise CouldNotLook(Reason.TIMED_OUT, "what there is to read takes too long to work out")
