"""Words of a line as shells and most daemons split them: blanks between, quotes around, a backslash before one.

shlex would refuse what a daemon takes (an apostrophe in a banner); here an open quote ends with the line.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"""[^\s"'\\]+""")


def words(text: str, *, quotes: str = "\"'", escape: bool = True) -> list[str]:
    r"""Split at blanks; quotes group and are taken off; `escape`: a backslash keeps the next character (not in '…')."""
    if not any(mark in text for mark in quotes) and not (escape and "\\" in text):
        return text.split()
    found: list[str] = []
    part: list[str] = []
    open_quote = ""
    started = False
    i = 0
    while i < len(text):
        character = text[i]
        if escape and character == "\\" and open_quote != "'" and i + 1 < len(text):
            part.append(text[i + 1])
            started = True
            i += 2
            continue
        if open_quote:
            if character == open_quote:
                open_quote = ""
            else:
                part.append(character)
        elif character in quotes:
            open_quote, started = character, True
        elif character.isspace():
            if started:
                found.append("".join(part))
                part, started = [], False
        else:
            run = _PLAIN.match(text, i)
            piece = run.group() if run else character
            part.append(piece)
            started = True
            i += len(piece)
            continue
        i += 1
    if started:
        found.append("".join(part))
    return found


def bare(text: str, *, quoted: bool = False) -> tuple[list[tuple[int, str]], bool]:
    """(places and characters that no quotation mark or backslash covers, whether a quotation is open at the end).

    `quoted`: one is open at the start.
    """
    found: list[tuple[int, str]] = []
    escaped = False
    for place, sign in enumerate(text):
        if escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            quoted = not quoted
        elif not quoted:
            found.append((place, sign))
    return found, quoted


def unquoted(text: str) -> str:
    """`text` without the pair of equal quotes around it, if there is one."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
