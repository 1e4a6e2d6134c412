"""Reads postgresql.conf and pg_hba.conf as the server does, files that they draw in included.

Sources: postgresql.org/docs/15: "Setting Parameters" (19.1, with its units), "The pg_hba.conf File" (21.1).
Passwords never stand in these files; options such as ldapbindpasswd are dropped with all options of a record.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits

from ...formats.lines import significant

MAX_DEPTH: Final = 10
"""Includes inside includes: the server's own bound (CONF_FILE_MAX_DEPTH)."""
MAX_RECORDS: Final = 20_000
_NAME: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.$]*)\s*(?:=\s*|\s+|$)(.*)", re.DOTALL)
_QUOTED: Final = re.compile(r"'((?:[^'\\]|''|\\.)*)'")
_TIMES: Final = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
"""Milliseconds of each unit, 19.1.1."""
_NUMBER: Final = re.compile(r"\s*(-?[0-9]{1,15})(?:\.[0-9]{1,9})?\s*([A-Za-z]*)\s*")
_TOKEN: Final = re.compile(r'"([^"]*)"|([^\s,"#]+)|(,)|(#.*)|\s+|(")')
Scope = Literal["socket", "loopback", "private", "public", "any"]
Read = Callable[[str], str | None]
"""The text of a file by its name as written, from the folder of the including one; None if it is absent."""


class Record(NamedTuple):
    """One record of pg_hba.conf. `address` is empty for `local`."""

    type: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    address: str
    method: str
    line: int


class Include(NamedTuple):
    """`kind`: include, include_if_exists, include_dir."""

    kind: str
    path: str


def settings(text: str) -> Iterator[tuple[str, str] | Include]:
    """Settings of one file in order, names in lower case, and its includes. Raises ValueError for too many lines."""
    for _, line in significant(text):
        match = _NAME.fullmatch(line)
        if match is None:
            continue
        name, value = match[1].lower(), _value(match[2])
        if name in ("include", "include_if_exists", "include_dir"):
            yield Include(name, value)
        else:
            yield name, value


def _value(text: str) -> str:
    quoted = _QUOTED.match(text)
    if quoted:
        return re.sub(r"''|\\(.)", lambda m: m[1] or "'", quoted[1])
    return text.partition("#")[0].strip()


def records(text: str) -> Iterator[Record | Include]:
    """Records of one pg_hba.conf in order; a backslash at its end continues a line (14 and later).

    Raises ValueError for a record that the server would refuse, or too many lines.
    """
    for number, line in significant(text, continuation="\\"):
        fields = _fields(line)
        if not fields:
            continue
        kind = fields[0][0].lower()
        if kind in ("include", "include_if_exists", "include_dir"):
            yield Include(kind, fields[1][0] if len(fields) > 1 else "")
            continue
        if kind not in ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"):
            raise ValueError(f"pg_hba.conf line {number}: {kind[:40]!r} begins no record")
        rest = fields[1:]
        if len(rest) < (3 if kind == "local" else 4):
            raise ValueError(f"pg_hba.conf line {number} ends too soon")
        if kind == "local":
            yield Record(kind, rest[0], rest[1], "", rest[2][0].lower(), number)
            continue
        address, at = rest[2][0], 3
        if "/" not in address and _is_address(address) and len(rest) > 4 and _is_address(rest[3][0]):
            address, at = f"{address}/{rest[3][0]}", 4
        yield Record(kind, rest[0], rest[1], address, rest[at][0].lower(), number)


def _fields(line: str) -> list[tuple[str, ...]]:
    """Fields between blanks, each a list between commas; quotes are taken off."""
    fields: list[list[str]] = []
    joined = False
    at = 0
    for match in _TOKEN.finditer(line):
        if match[4] is not None:
            break
        word = match[1] if match[1] is not None else match[2]
        if match[3] is not None:
            joined = True
        elif word is not None:
            if joined and fields:
                fields[-1].append(word)
            elif (
                fields and match.start() == at and match.start() > 0 and not line[match.start() - 1].isspace()
            ):
                fields[-1][-1] += word
            else:
                fields.append([word])
            joined = False
        at = match.end()
    return [tuple(field) for field in fields]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def scope(record: Record) -> Scope:
    """Where a record lets clients come from; a host name or a suffix of one counts as public."""
    if record.type == "local":
        return "socket"
    if record.address in ("all", "0.0.0.0/0", "::/0", "0.0.0.0/0.0.0.0"):
        return "any"
    if record.address == "samehost":
        return "loopback"
    if record.address == "samenet":
        return "private"
    try:
        network = ipaddress.ip_network(record.address, strict=False)
    except ValueError:
        return "loopback" if record.address == "localhost" else "public"
    if network.prefixlen == 0:
        return "any"
    if network.is_loopback:
        return "loopback"
    return "private" if network.is_private or network.is_link_local else "public"


def truth(text: str) -> bool:
    """A boolean: on, true, yes, 1 and their unambiguous beginnings."""
    folded = text.strip().lower()
    return folded in ("1", "on") or (folded != "" and ("true".startswith(folded) or "yes".startswith(folded)))


def milliseconds(text: str, unit: str = "ms") -> int:
    """A time; a bare number is in `unit`. Raises ValueError."""
    match = _NUMBER.fullmatch(text)
    factor = _TIMES.get(match[2] or unit) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text[:40]!r} is no time")
    number = round(int(match[1]) * factor)
    return max(-limits.MAX_SAFE_INTEGER, min(number, limits.MAX_SAFE_INTEGER))


def whole(text: str) -> int:
    """A number without a unit. Raises ValueError."""
    match = _NUMBER.fullmatch(text)
    if match is None or match[2]:
        raise ValueError(f"{text[:40]!r} is no number")
    return int(match[1])


def listed(text: str) -> list[str]:
    """Names between commas, quotes taken off."""
    return [word for part in text.split(",") if (word := part.strip().strip('"'))]
