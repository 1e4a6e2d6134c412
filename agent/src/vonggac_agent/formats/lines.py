"""Lines that say something: numbered, without comments and blank lines, continued ones joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from vonggac_contract import limits

MAX_LINES: Final = 100_000
"""Lines of one file; the longest configuration of a distribution's package has some 10,000 (mime.types, services)."""


class Line(NamedTuple):
    """`number` counts from 1 and is that of the first line, where several were joined."""

    number: int
    text: str


def significant(
    text: str, comments: str = "#", *, continuation: str = "", inline: bool = False, between: bool = False
) -> list[Line]:
    r"""Lines with blanks at both ends taken off; those that begin with one of the characters `comments` are left out.

    `continuation` ("\\"): a line that ends in it goes on in the next; `between`: comments in between are left out too.
    `inline`: a comment may also begin after a blank. Raises ValueError for over MAX_LINES lines.
    """
    return list(_significant(text, comments, continuation, inline, between))


def _significant(text: str, comments: str, continuation: str, inline: bool, between: bool) -> Iterator[Line]:
    first, carried = 0, list[str]()
    for number, raw in enumerate(split(text), 1):
        line = raw.strip()
        if line[:1] and line[0] in comments and (between or not carried):
            continue
        if inline:
            line = without_comment(line, comments)
        if continuation and line.endswith(continuation):
            first = first or number
            carried.append(line[: -len(continuation)].rstrip())
            continue
        if carried:
            carried.append(line)
            line = " ".join(part for part in carried if part)
        if line:
            yield Line(first or number, line)
        first, carried = 0, []
    rest = " ".join(part for part in carried if part)
    if rest:
        yield Line(first, rest)


def split(text: str) -> list[str]:
    """The lines of `text` without their ends. Raises ValueError for over MAX_LINES."""
    if text.count("\n") > MAX_LINES:
        raise ValueError(f"over {MAX_LINES} lines")
    return text.split("\n")


def without_comment(line: str, comments: str) -> str:
    """`line` up to the first comment character that stands at its begin or after a blank."""
    for i, character in enumerate(line):
        if character in comments and (i == 0 or line[i - 1].isspace()):
            return line[:i].rstrip()
    return line


def within(text: str, limit: int = limits.MAX_FILE_BYTES) -> str:
    """`text`. Raises ValueError if it is longer than a file that `Host` hands out, for parsers with costly lines."""
    if len(text) > limit:
        raise ValueError(f"over {limit} characters")
    return text
