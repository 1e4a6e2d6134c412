"""Takes rsyslog's configuration apart: objects with their parameters, legacy lines, and the braces around them. Pure.

What they mean is the work of `rsyslog_syntax`. Source: rsyslog's manual, "Configuration Formats" and "RainerScript".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

MAX_DEPTH: Final = 16
_STOP: Final = re.compile(
    r"(?P<end>\n)|(?P<comment>#|/\*)|(?P<quote>\"[^\"\n]*+\"?|'[^'\n]*+'?)"
    r"|(?<![\w.$!])(?P<object>module|input|action|global|include|template|ruleset|main_queue|parser|timezone"
    r"|lookup_table|dyn_stats|ratelimit)\s*+\(",
    re.IGNORECASE,
)
BRACE: Final = re.compile(r"[{}]|\"[^\"\n]*+\"|'[^'\n]*+'")
RULESET: Final = "ruleset"
"""Stands for the filter of a ruleset's braces; no selector."""
_PARAMETER: Final = re.compile(r'[\s,]*+([A-Za-z_.0-9]++)\s*+=\s*+"([^"\\]*+(?:\\.?+[^"\\]*+)*+)"', re.DOTALL)
_BLANK: Final = re.compile(r"[\s,]++|#[^\n]*+")


class Item(NamedTuple):
    """An object with its parameters, keys in lower case (`name` its kind), or a legacy line (`name` empty).

    `line` is what stands before the object, or the legacy line; `blocks`: what stands before each of the braces around
    it, outermost first, RULESET before those of a ruleset.
    """

    name: str
    parameters: Mapping[str, str]
    line: str = ""
    blocks: tuple[str, ...] = ()


class _Blocks:
    """The braces that stand open, by what stands before each."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.behind = ""
        """Name of the object that was read last, until a brace begins."""

    def between(self, text: str) -> Iterator[Item]:
        """The legacy lines of a text: what braces begin with is none, what they end is one, and so is what is left."""
        start = 0
        for brace in BRACE.finditer(text):
            if brace[0] not in "{}":
                continue
            told = text[start : brace.start()].strip()
            start = brace.end()
            if brace[0] == "{":
                self.open.append(RULESET if self.behind == RULESET and not told else told)
                self.behind = ""
                if len(self.open) > MAX_DEPTH:
                    raise ValueError(f"rsyslog's configuration has blocks over {MAX_DEPTH} deep")
                continue
            if told:
                yield Item("", {}, told, tuple(self.open))
            del self.open[-1:]
        yield Item("", {}, text[start:].strip(), tuple(self.open))


def items(text: str) -> Iterator[Item]:
    """Objects and legacy lines in file order, comments left out. What is neither is passed over.

    Raises ValueError for blocks within blocks beyond MAX_DEPTH.
    """
    return (item for item in _items(text) if item.name or item.line)


def _items(text: str) -> Iterator[Item]:
    at = kept = 0
    parts: list[str] = []
    blocks = _Blocks()
    while stop := _STOP.search(text, at):
        at = stop.end()
        if stop.lastgroup == "comment":
            # Inside a word it is part of it: /etc/rsyslog.d/*.conf
            if _free(text, stop.start()):
                parts.append(text[kept : stop.start()])
                kept = at = _comment_end(text, stop.start())
        elif stop.lastgroup == "end" and text[at - 2 : at - 1] == "\\":
            parts.append(text[kept : at - 2])
            kept = at
        elif stop.lastgroup == "end":
            yield from blocks.between("".join([*parts, text[kept:at]]))
            parts.clear()
            kept = at
        elif stop.lastgroup == "object":
            *ended, before = blocks.between("".join([*parts, text[kept : stop.start()]]))
            yield from ended
            parts.clear()
            blocks.behind = stop["object"].lower()
            parameters, at = _parameters(text, at)
            kept = at
            yield before._replace(name=blocks.behind, parameters=parameters)
    yield from blocks.between("".join([*parts, text[kept:]]))


def _free(text: str, at: int) -> bool:
    """Nothing of a word stands right before `at`."""
    return at == 0 or text[at - 1].isspace() or text[at - 1] in "{};)"


def _comment_end(text: str, at: int) -> int:
    end = text.find("\n", at) if text[at] == "#" else text.find("*/", at + 2)
    return len(text) if end < 0 else end if text[at] == "#" else end + 2


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    """Parameters from behind `(` on, and the place behind `)`. What does not read as one ends the object."""
    found: dict[str, str] = {}
    while match := _PARAMETER.match(text, at) or _BLANK.match(text, at):
        at = match.end()
        if match.lastindex:
            found[match[1].lower()] = match[2]
    if text[at : at + 1] == ")":
        return found, at + 1
    end = text.find(")", at)
    return found, len(text) if end < 0 else end + 1
