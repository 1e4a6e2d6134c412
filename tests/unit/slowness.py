"""How slow this machine is just now, so that a bound on processor time means the same on a quiet one and a busy one."""

from __future__ import annotations

import time
from typing import Final

QUIET_S: Final = 0.008
"""What `work` takes on a quiet machine of the kind that the bounds were set on (2 processors, CPython 3.11)."""


def slowness() -> float:
    """1 on a quiet machine, more where other work shares its processors; never less than 1."""
    return max(1.0, max(work() for _ in range(3)) / QUIET_S)


def work() -> float:
    """Processor seconds of a fixed piece of work."""
    began = time.process_time()
    sum(i * i for i in range(200_000))
    return time.process_time() - began
