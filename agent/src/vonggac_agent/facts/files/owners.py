"""Names of owners from the root's own passwd(5) and group(5), not from this machine's name service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

from ...host import Host
from ...untrusted import bounded

MAX_ACCOUNTS: Final = limits.MAX_FACT_LIST
"""Lines of a file of the account database: no fact holds more accounts, so more are not taken apart either."""
MAX_ACCOUNT_FILE: Final = 3 * limits.MIB
"""Bytes of such a file: 150 a line. The longest usual ones, of shadow with a yescrypt hash, have some 120, crypt(5)."""
MAX_FIELDS: Final = 10 * MAX_ACCOUNTS
"""Colons and, apart, commas of such a file: shadow(5) has eight a line, group(5) one comma less than members."""


def lines(host: Host, file: str) -> list[str]:
    """The lines of a file of the account database, [] if it is absent. Raises CouldNotLook(too-large) beyond the bounds
    above, and as `Host.read` does.
    """
    text = host.text(file, limit=MAX_ACCOUNT_FILE)
    if not text:
        return []
    if text.count("\n") > MAX_ACCOUNTS:
        raise CouldNotLook(Reason.TOO_LARGE, f"{file} is over {MAX_ACCOUNTS} lines")
    if max(map(text.count, ":,")) > MAX_FIELDS:
        raise CouldNotLook(Reason.TOO_LARGE, f"{file} has over {MAX_FIELDS} fields or names")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


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
