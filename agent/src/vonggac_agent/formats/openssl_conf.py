r"""OpenSSL's configuration: sections, quotes, `$variables`, lines that a backslash carries on, files that it includes.

Source: config(5ssl), "SYNTAX", "DIRECTIVES" and "SETTINGS". What the library refuses there makes it drop the whole
file, so it is refused here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from .ini import Entry
from .lines import split, within

DEFAULT: Final = "default"
"""The section before the first one, which may be named so as well."""
MAX_FILES: Final = 50
MAX_ENTRIES: Final = 50_000
MAX_VALUE: Final = 65_536
"""Characters of one value, config(5ssl) "LIMITATIONS" and conf_def.c's MAX_CONF_VALUE_LENGTH."""
MAX_CHARACTERS: Final = 1 << 20
"""Of all values together, which variables can repeat; the project's own figure."""
FROM_ENVIRONMENT: Final = "\0"
"""Stands in a value for what a program's environment decides (`$ENV::HOME`); no file's text holds it."""
_QUOTES: Final = "\"'`"
_SPECIAL: Final = re.compile(r"[\\\"'`#$]")
_CONTROL: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b"}
_VARIABLE: Final = re.compile(r"([{(]?)(?:(\w{1,256})::)?(\w{1,256})([})]?)", re.ASCII)
_BRACKETS: Final = ("", "{}", "()")
_NAME: Final = re.compile(r"(?:([^=:\s]{1,256})::)?([^=:\s]{1,256})\s*=\s*(.*)", re.DOTALL)
_DIRECTIVE: Final = re.compile(r"\.(include|pragma)(?:\s*=\s*|\s+)(.*)", re.DOTALL)

Read = Callable[[str], list[str]]


def parse(text: str, read: Read) -> list[Entry]:
    """Every setting in the order in which it is read; `read` gives the texts of a file or folder by its path.

    Raises ValueError for what OpenSSL does not read, and beyond this module's bounds.
    """
    return _Reader(read).entries(text)


class _Reader:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._files = self._size = 0
        self._section = DEFAULT
        self._dollar_in_names = False
        self._known: dict[tuple[str, str], str] = {}

    def entries(self, text: str) -> list[Entry]:
        found: list[Entry] = []
        waiting = [_lines(within(text))]
        while waiting:
            number, line = next(waiting[-1], (0, None))
            if line is None:
                waiting.pop()
            elif line.startswith("["):
                name, closed, _ = line[1:].partition("]")
                if not closed:
                    raise ValueError(f"line {number} of openssl.cnf begins a section and does not end it")
                self._section = name.strip()
            elif directive := _DIRECTIVE.fullmatch(line):
                waiting += reversed(
                    [_lines(within(included)) for included in self._told(*directive.groups())]
                )
            elif line:
                found.append(self._setting(number, line))
                if len(found) > MAX_ENTRIES:
                    raise ValueError(f"openssl.cnf has over {MAX_ENTRIES} settings")
        return found

    def _told(self, directive: str, given: str) -> list[str]:
        if directive == "pragma":
            name, _, value = given.partition(":")
            if name.strip() == "dollarid":
                self._dollar_in_names = value.strip() in ("on", "true")
            return []
        path = self._value(given, self._section)
        if FROM_ENVIRONMENT in path:
            raise ValueError("openssl.cnf includes what a program's environment names")
        texts = self._read(path[:4_096])
        self._files += len(texts)
        if self._files > MAX_FILES:
            raise ValueError(f"openssl.cnf includes over {MAX_FILES} files")
        return texts

    def _setting(self, number: int, line: str) -> Entry:
        match = _NAME.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} of openssl.cnf is no setting")
        section = match[1] or self._section
        value = self._value(match[3], section)
        self._size += len(value)
        if self._size > MAX_CHARACTERS:
            raise ValueError(f"openssl.cnf has values of over {MAX_CHARACTERS} characters")
        self._known[section, match[2]] = value
        return Entry(section, match[2], value, number)

    def _value(self, raw: str, section: str) -> str:
        parts: list[str] = []
        at = 0
        while special := _SPECIAL.search(raw, at):
            parts.append(raw[at : special.start()])
            at = special.end()
            if special[0] == "\\":
                parts.append(_CONTROL.get(raw[at : at + 1], raw[at : at + 1]))
                at += 1
            elif special[0] in _QUOTES:
                start, at = at, _quote_end(raw, at)
                parts.append(re.sub(r"\\(.)", r"\1", raw[start : at - (raw[at - 1 : at] == special[0])]))
            elif special[0] == "$" and not (self._dollar_in_names and raw[at : at + 1] not in ("{", "(")):
                told, at = self._variable(raw, at, section)
                parts.append(told)
            else:
                parts.append(special[0])
        value = "".join([*parts, raw[at:]])
        if len(value) > MAX_VALUE:
            raise ValueError(f"openssl.cnf has a value of over {MAX_VALUE} characters")
        return value

    def _variable(self, raw: str, at: int, section: str) -> tuple[str, int]:
        match = _VARIABLE.match(raw, at)
        if match is None or (match[1] and match[1] + match[4] not in _BRACKETS):
            raise ValueError("openssl.cnf has a variable without a name")
        end = match.end() if match[1] else match.end(3)
        if match[2] == "ENV":
            return FROM_ENVIRONMENT, end
        name = match[3]
        value = self._known.get((match[2] or section, name), self._known.get((DEFAULT, name)))
        if value is None:
            raise ValueError("openssl.cnf uses a variable that has no value")
        return value, end


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, carried-on ones joined, without comments and blanks at either end."""
    carried = ""
    first = 0
    for number, line in enumerate(split(text), 1):
        first = first or number
        carried += line.removesuffix("\r")
        if carried.endswith("\\") and not carried.endswith("\\\\"):
            carried = carried[:-1]
            continue
        yield first, _without_comment(carried).strip()
        carried, first = "", 0
    yield first, _without_comment(carried).strip()


def _without_comment(line: str) -> str:
    at = 0
    while special := _SPECIAL.search(line, at):
        if special[0] == "#":
            return line[: special.start()]
        at = special.end()
        if special[0] == "\\":
            at += 1
        elif special[0] in _QUOTES:
            at = _quote_end(line, at)
    return line


def _quote_end(text: str, at: int) -> int:
    """The place behind the quote that was opened right before `at`; the end of the text if it stays open."""
    quote = text[at - 1]
    while at < len(text) and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    return min(at + 1, len(text))
