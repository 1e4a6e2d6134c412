"""INI files: `[section]` lines and `key = value` lines, in the dialects that Linux programs read.

There is no standard; each option names the dialect it is for. What a repeated key means (the first, the last, all) is
the reader's choice: entries come in file order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .lines import significant


class Entry(NamedTuple):
    """One setting. `section` is "" before the first section line; `value` "" for a key that stands alone."""

    section: str
    key: str
    value: str
    line: int


def parse(
    text: str,
    *,
    comments: str = "#;",
    delimiters: str = "=",
    inline: bool = False,
    fold: bool = False,
    continuation: str = "",
    between: bool = False,
    alone: bool = True,
) -> list[Entry]:
    r"""Every entry, blanks around section, key and value taken off.

    `delimiters`: characters that may end a key, the first in the line counts (gpg, samba: "="; Python, PHP: "=:").
    `inline`: a comment may follow a value (PHP, my.cnf). `fold`: sections and keys in lower case (smb.conf, systemd).
    `continuation`: "\\" for smb.conf and systemd; `between`: over comments in between (systemd).
    `alone`: a key without a delimiter counts. Raises ValueError for over `lines.MAX_LINES` lines.
    """
    found: list[Entry] = []
    section = ""
    for number, line in significant(
        text, comments, continuation=continuation, inline=inline, between=between
    ):
        if line.startswith("["):
            section = line[1:].partition("]")[0].strip()
            section = section.lower() if fold else section
            continue
        at = min((i for i in map(line.find, delimiters) if i >= 0), default=len(line))
        key, value = line[:at].strip(), line[at + 1 :].strip()
        if key and (alone or at < len(line)):
            found.append(Entry(section, key.lower() if fold else key, value, number))
    return found


def systemd(text: str) -> list[Entry]:
    r"""Entries of systemd's own files, systemd.syntax(7). Raises ValueError as `parse` does."""
    return parse(text, continuation="\\", between=True, alone=False)


def last(entries: Iterable[Entry], section: str, key: str) -> str | None:
    """The value of the last entry of that section and key; None if there is none."""
    value = None
    for entry in entries:
        if entry.section == section and entry.key == key:
            value = entry.value
    return value
