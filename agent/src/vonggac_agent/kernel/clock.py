"""Asks the kernel whether its clock is disciplined: adjtimex(2) with no mode set, which changes nothing.

The structure is that of 64-bit Linux, the same on every such architecture (linux/timex.h).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ctypes

STA_UNSYNC: Final = 0x0040
"""linux/timex.h: the clock is not synchronised."""


def timex() -> type[ctypes.Structure]:
    """`struct timex` of linux/timex.h."""
    import ctypes

    long = ctypes.c_long

    class Timex(ctypes.Structure):
        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", long),
            ("freq", long),
            ("maxerror", long),
            ("esterror", long),
            ("status", ctypes.c_int),
            ("constant", long),
            ("precision", long),
            ("tolerance", long),
            ("time_seconds", long),
            ("time_fraction", long),
            ("tick", long),
            ("ppsfreq", long),
            ("jitter", long),
            ("shift", ctypes.c_int),
            ("stabil", long),
            ("jitcnt", long),
            ("calcnt", long),
            ("errcnt", long),
            ("stbcnt", long),
            ("tai", ctypes.c_int),
            ("reserved", ctypes.c_int * 11),
        )

    return Timex


def synchronised() -> bool | None:
    """True if some program keeps the clock right; None where the kernel cannot or may not be asked."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    import ctypes

    asked = timex()(modes=0)
    answer: int = ctypes.CDLL(None).adjtimex(ctypes.byref(asked))
    return None if answer < 0 else not asked.status & STA_UNSYNC
