"""Reads what systemd-journald is set to, and the heads of its files. Pure; `logging_state` looks.

Sources: journald.conf(5), journal-upload.conf(5); systemd.time(7) "Parsing time spans"; systemd's "Journal File
Format", Header.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from ...untrusted import without_userinfo

Storage = Literal["persistent", "volatile", "none", "absent"]
_SPAN: Final = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-zA-Zµ]*)")
_YEAR: Final = 31_557_600  # 365.25 days, systemd.time(7)
_MONTH: Final = 2_629_800  # 30.44 days, systemd.time(7): a twelfth of that year
_UNITS: Final[dict[str, float]] = {
    "usec": 1e-6,
    "us": 1e-6,
    "µs": 1e-6,
    "msec": 1e-3,
    "ms": 1e-3,
    **dict.fromkeys(("", "seconds", "second", "sec", "s"), 1),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600),
    **dict.fromkeys(("days", "day", "d"), 86_400),
    **dict.fromkeys(("weeks", "week", "w"), 604_800),
    **dict.fromkeys(("months", "month", "M"), _MONTH),
    **dict.fromkeys(("years", "year", "y"), _YEAR),
}
HEADER_BYTES: Final = 208
_SIGNATURE: Final = b"LPKSHHRH"
_HEAD_REALTIME: Final = struct.Struct("<Q")
_HEAD_REALTIME_AT: Final = 184
"""Byte at which the header holds the time of the first entry, microseconds since 1970."""


def span(text: str) -> float | None:
    """A time span in seconds; None for `infinity`. Raises ValueError for what systemd would not take."""
    if text.strip() == "infinity":
        return None
    total, place = 0.0, 0
    while place < len(text.rstrip()):
        match = _SPAN.match(text, place)
        if match is None or match[2] not in _UNITS:
            raise ValueError(f"no time span: {text[:80]!r}")
        total += float(match[1]) * _UNITS[match[2]]
        place = match.end()
    if not place:
        raise ValueError("an empty time span")
    return total


def retention_days(settings: Mapping[str, str]) -> int | None:
    """MaxRetentionSec in whole days; None if only size bounds the journal (0, infinity or not set)."""
    text = settings.get("maxretentionsec", "")
    seconds = span(text) if text else None
    return None if not seconds else int(min(seconds, 1e10) // 86_400)


def storage(settings: Mapping[str, str], *, has_folder: bool) -> Storage:
    """Where the journal goes: `auto`, the default, asks for var/log/journal. A bad value counts as auto."""
    told = settings.get("storage", "auto").lower()
    if told in ("persistent", "volatile", "none"):
        return "persistent" if told == "persistent" else "volatile" if told == "volatile" else "none"
    return "persistent" if has_folder else "volatile"


def first_entry(header: bytes) -> datetime | None:
    """Time of the first entry of a journal file, from its first `HEADER_BYTES`; None without one."""
    if len(header) < HEADER_BYTES or not header.startswith(_SIGNATURE):
        return None
    micros = _HEAD_REALTIME.unpack_from(header, _HEAD_REALTIME_AT)[0]
    # journald writes no time before 1970 and this reads none beyond the calendar
    return datetime.fromtimestamp(micros // 1_000_000, UTC) if 0 < micros < 200_000_000_000_000_000 else None


def upload_target(url: str) -> str:
    """The host of journal-upload's URL=, without scheme, port and path."""
    url = without_userinfo(url.strip())
    rest = url.partition("://")[2] or url
    host = rest.partition("/")[0]
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
