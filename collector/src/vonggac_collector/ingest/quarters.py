"""A day of looks in 96 bits, one a quarter hour. Pure.

Only heartbeats that came within LATE of their look set a bit. So whatever the bit of a quarter says was known, at the
latest, two quarters after it began; what was known at any past moment can be told from the mask alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

QUARTER: Final = timedelta(minutes=15)
LATE: Final = timedelta(minutes=15)
"""A heartbeat older than this when it arrives is kept by itself, exactly."""
NO_QUARTERS: Final = bytes(12)
_PER_HOUR: Final = 4


def quarter_of(moment: datetime) -> int:
    """0 to 95, of the UTC day."""
    return moment.hour * _PER_HOUR + moment.minute // 15


def with_quarter(mask: bytes, quarter: int) -> bytes:
    """`mask` with that bit set; bit 0 is the lowest of the first byte."""
    return (int.from_bytes(mask, "little") | 1 << quarter).to_bytes(12, "little")


def has_quarter(mask: bytes, quarter: int) -> bool:
    """Whether that bit is set."""
    return bool(int.from_bytes(mask, "little") >> quarter & 1)


def newest_known(day: date, mask: bytes, as_of: datetime) -> datetime | None:
    """The beginning of the newest quarter that was surely known at `as_of`; None if there is none.

    The look was in that quarter, so at most 15 minutes later: the age is never shown too small.
    """
    midnight = datetime.combine(day, time(), UTC)
    known = (as_of - midnight - LATE) // QUARTER
    if known <= 0:
        return None
    bits = int.from_bytes(mask, "little") & ((1 << min(known, 96)) - 1)
    return midnight + (bits.bit_length() - 1) * QUARTER if bits else None
