"""Durations and sizes as rules write them: ISO 8601 durations, and sizes with binary or decimal units."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_DURATION: Final = re.compile(
    r"(?P<sign>-?)P(?:(?P<y>\d{1,4})Y)?(?:(?P<mo>\d{1,4})M)?(?:(?P<w>\d{1,4})W)?(?:(?P<d>\d{1,5})D)?"
    r"(?:T(?:(?P<h>\d{1,5})H)?(?:(?P<mi>\d{1,6})M)?(?:(?P<s>\d{1,8})S)?)?"
)
_SIZE: Final = re.compile(r"(\d{1,12}) ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_FACTORS: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


def duration(text: str) -> timedelta:
    """Read `P30D`, `PT15M`, `-P1Y` (ISO 8601-1:2019 clause 5.5.2). A month is 30 days and a year 365, so that the
    same rule asks the same in every month. Raises ValueError."""
    m = _DURATION.fullmatch(text)
    if m is None or text.endswith(("P", "T")):
        raise ValueError(f"{text!r} is no duration such as P30D or PT15M")
    n = {k: int(v or 0) for k, v in m.groupdict().items() if k != "sign"}
    span = timedelta(
        days=n["y"] * 365 + n["mo"] * 30 + n["w"] * 7 + n["d"], hours=n["h"], minutes=n["mi"], seconds=n["s"]
    )
    return -span if m["sign"] else span


def size(text: str) -> int:
    """Read `10 MiB` or `1GB` as bytes (IEC 80000-13). Raises ValueError."""
    m = _SIZE.fullmatch(text)
    if m is None:
        raise ValueError(f"{text!r} is no size such as 10 MiB")
    return int(m[1]) * _FACTORS[m[2]]


_UNITS: Final = {"s": 1, "minutes": 60, "hours": 3600, "days": 86400}


def in_unit(text: str, unit: str) -> int:
    """A duration or size in the unit that a field declares. Raises ValueError if that unit is neither."""
    if unit == "bytes":
        return size(text)
    if unit not in _UNITS:
        raise ValueError(f"{text!r} is a text, and the field is a plain number")
    seconds = duration(text).total_seconds()
    return int(seconds // _UNITS[unit])
