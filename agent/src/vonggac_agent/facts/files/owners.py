"""Names of owners from the root's own passwd(5) and group(5), not from this machine's name service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits

from ...host import Host
from ...untrusted import bounded

MAX_ACCOUNT_FILE: Final = 8 * limits.MIB
"""A file of the account database; 8 MiB hold some 100,000 accounts."""


def lines(host: Host, file: str) -> list[str]:
    """The lines of etc/passwd or etc/group. Raises CouldNotLook(too-large) for over MAX_ACCOUNT_FILE."""
    return host.lines(file, limit=MAX_ACCOUNT_FILE)


def names(host: Host, file: str) -> dict[int, str]:
    """Number to name of etc/passwd or etc/group, read once. Raises as `lines` does."""
    return host.once(f"names of {file}", lambda: names_by_number(lines(host, file)))


def names_by_number(account_lines: Iterable[str]) -> dict[int, str]:
    """Number to name from the lines of a passwd or group file; the first name of a number counts, as getpwuid(3)."""
    found: dict[int, str] = {}
    for line in account_lines:
        fields = line.split(":")
        if len(fields) >= 3 and fields[2].isascii() and fields[2].isdigit() and len(fields[2]) <= 10:
            found.setdefault(int(fields[2]), bounded(fields[0]))
    return found
