"""Apache's configuration files: directives, and sections in angle brackets.

Source: httpd.apache.org/docs/2.4/configuring.html, "Syntax of the configuration files". Includes, conditions and
variables are the reader's work.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .lines import significant

MAX_DEPTH: Final = 32
"""Sections inside sections."""


class Directive(NamedTuple):
    """`name` in lower case; `block` is None for what is no section; quotes around arguments are taken off."""

    name: str
    arguments: tuple[str, ...]
    block: list[Directive] | None
    line: int


def parse(text: str) -> list[Directive]:
    """The directives of one file. Raises ValueError: sections that do not match, over MAX_DEPTH, too many lines."""
    into: list[Directive] = []
    outer: list[tuple[str, list[Directive]]] = []
    for number, line in significant(text, continuation="\\"):
        if line.startswith("</"):
            name = line[2:].partition(">")[0].strip().lower()
            if not outer or outer[-1][0] != name:
                raise ValueError(f"line {number}: </{name[:80]}> closes nothing")
            into = outer.pop()[1]
        elif line.startswith("<"):
            name, arguments = _split(line[1:].rstrip().removesuffix(">"))
            if len(outer) >= MAX_DEPTH:
                raise ValueError(f"line {number}: sections nested deeper than {MAX_DEPTH}")
            block: list[Directive] = []
            into.append(Directive(name, arguments, block, number))
            outer.append((name, into))
            into = block
        else:
            name, arguments = _split(line)
            into.append(Directive(name, arguments, None, number))
    if outer:
        raise ValueError(f"<{outer[-1][0][:80]}> is not closed")
    return into


def _split(line: str) -> tuple[str, tuple[str, ...]]:
    name, *rest = line.split(maxsplit=1)[:2] or [""]
    return name.lower(), tuple(_arguments(rest[0] if rest else ""))


def _arguments(text: str) -> list[str]:
    """Only a quote at the begin of a word groups; a backslash is undone before that quote alone (ap_getword_conf)."""
    if '"' not in text and "'" not in text:
        return text.split()
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        quote = text[at] if text[at] in "\"'" else ""
        end = at = at + len(quote)
        while end < len(text) and (text[end] != quote if quote else not text[end].isspace()):
            end += 2 if quote and text[end : end + 2] == "\\" + quote else 1
        word = text[at:end]
        found.append(word.replace("\\" + quote, quote) if quote else word)
        at = end + len(quote)
    return found
