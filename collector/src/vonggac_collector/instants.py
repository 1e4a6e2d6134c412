"""Moments as numbers: microseconds since 1970 UTC, which sort and compare alike in every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

FAR: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Behind every moment that anything is of."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC. ValueError for a time without zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The UTC time of `to_microseconds`."""
    return _EPOCH + value * _MICROSECOND


def written(moment: datetime) -> str:
    """As commands write it: RFC 3339 in UTC, to the second, such as 2026-11-26T19:05:00Z."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
