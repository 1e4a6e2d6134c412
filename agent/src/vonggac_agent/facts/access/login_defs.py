"""Reads etc/login.defs, login.defs(5): names and values that account.users and account.policy share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ...host import Host

_NUMBER: Final = re.compile(r"-?(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})")


def parse(lines: Iterable[str]) -> dict[str, str]:
    """Name to value; the last line of a name counts, as in the shadow suite."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.strip().replace("\t", " ").partition(" ")
        if name and not name.startswith("#"):
            found[name] = value.strip().strip('"')
    return found


def number(settings: Mapping[str, str], name: str) -> int | None:
    """The setting as a number (decimal, octal with a leading 0, hexadecimal, as strtol(3)); None if it is none."""
    value = settings.get(name, "")
    if not _NUMBER.fullmatch(value):
        return None
    digits = value.lstrip("-")
    octal = digits.startswith("0") and len(digits) > 1 and digits.isdigit() and not set(digits) & {"8", "9"}
    result = int(digits, 8) if octal else int(digits, 0 if digits[:2].lower() == "0x" else 10)
    return -result if value.startswith("-") else result


def read(host: Host) -> dict[str, str]:
    """The host's settings, parsed once; empty if the file is absent. SUSE keeps vendor values in usr/etc."""
    return host.once(
        "login.defs",
        lambda: {**parse(host.lines("usr/etc/login.defs")), **parse(host.lines("etc/login.defs"))},
    )
