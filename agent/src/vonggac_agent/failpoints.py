"""Places where a test build can be killed, so that tests prove what survives a power cut.

Nothing happens unless the environment names a point AND the module `vonggac_test_build`, which no distribution of this
project contains, can be found: the tests bring it along.
"""

from __future__ import annotations

import importlib.util
import os
import signal
from enum import StrEnum


class Failpoint(StrEnum):
    """Every place, in the order in which one round passes them."""

    LOOKED = "looked"
    """The report is built; nothing is sealed."""
    SEALED = "sealed"
    """The envelope is signed; the transaction that numbers it is open."""
    INSERTED = "inserted"
    """The row is written; COMMIT was not called."""
    COMMITTED = "committed"
    """COMMIT returned."""
    SENT = "sent"
    """The collector answered; nothing of the answer is noted."""
    RECEIPTED = "receipted"
    """The receipt is in the spool."""


def _armed() -> str | None:
    wanted = os.environ.get("VONGGAC_FAILPOINT")
    if wanted is None or importlib.util.find_spec("vonggac_test_build") is None:
        return None
    return wanted


_ARMED = _armed()


def reach(point: Failpoint) -> None:
    """Kill this process as a power cut would, if a test asked for it here."""
    if point == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
