"""Statements with blocks in braces: nginx.conf, named.conf(5), dhcpd.conf(5), and dovecot's `section { key = value }`.

In the `;` dialect a statement ends at a semicolon or after its block; in the line dialect at the end of its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_DEPTH: Final = 32
"""Blocks inside blocks; nginx itself nests main, http, server, location, if, limit_except."""
MAX_STATEMENTS: Final = 100_000
MAX_TOKENS: Final = 400_000
"""Words, marks and blanks of one file."""
_TOKEN: Final = re.compile(
    r"(?P<blank>[ \t\r\f\v]++)|(?P<end>\n)|(?P<mark>[{};])"
    r'|"(?P<double>[^"\\]*+(?:\\.?+[^"\\]*+)*+)"|'
    r"'(?P<single>[^'\\]*+(?:\\.?+[^'\\]*+)*+)'"
    r"""|(?P<word>(?:[^\s{};"'\\]|\\.)[^\s{};\\]*+(?:\\.?+[^\s{};\\]*+)*+)""",
    re.DOTALL,
)
_VARIABLE: Final = re.compile(r"\{[^}\s]*+\}[^\s{};\\]*+(?:\\.?+[^\s{};\\]*+)*+", re.DOTALL)
"""A variable in braces, ${name}, is part of its word: what follows the dollar, up to the next such variable."""


class Statement(NamedTuple):
    """`block` is None for a statement that ends without one."""

    name: str
    arguments: tuple[str, ...]
    block: list[Statement] | None
    line: int


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def parse(text: str, *, comments: tuple[str, ...] = ("#",), lines_end: bool = False) -> list[Statement]:
    """The statements of one file.

    `comments`: what begins a comment up to the end of the line ("#", "//"), and "/*" for one up to "*/". `lines_end`: a
    line feed ends a statement as `;` does (dovecot). Raises ValueError: a brace that does not match, a statement or a
    quote that does not end, over MAX_DEPTH, MAX_STATEMENTS or MAX_TOKENS.
    """
    builder = _Builder()
    for kind, word, line in _tokens(text, comments):
        if kind == "word":
            builder.word(word, line)
        elif word == "{":
            builder.open(line)
        elif word == "}":
            builder.close(line, lines_end=lines_end)
        elif kind == "mark" or lines_end:
            builder.end()
    return builder.done(lines_end=lines_end)


class _Builder:
    """Puts words together into statements, and statements into the block that is open."""

    def __init__(self) -> None:
        self._into: list[Statement] = []
        self._outer: list[list[Statement]] = []
        self._words: list[str] = []
        self._line = 0
        self._count = 0

    def word(self, word: str, line: int) -> None:
        if not self._words:
            self._line = line
        self._words.append(word)

    def end(self) -> None:
        if self._words:
            self._add(None)

    def open(self, line: int) -> None:
        if not self._words:
            self._line = line
        if len(self._outer) >= MAX_DEPTH:
            raise ValueError(f"line {line}: blocks nested deeper than {MAX_DEPTH}")
        block: list[Statement] = []
        self._add(block)
        self._outer.append(self._into)
        self._into = block

    def close(self, line: int, *, lines_end: bool) -> None:
        if lines_end:
            self.end()
        if self._words:
            raise ValueError(f"line {line}: {self._words[0][:80]!r} does not end before the brace")
        if not self._outer:
            raise ValueError(f"line {line}: a brace closes nothing")
        self._into = self._outer.pop()

    def done(self, *, lines_end: bool) -> list[Statement]:
        if lines_end:
            self.end()
        if self._words or self._outer:
            raise ValueError("the file ends inside a statement or a block")
        return self._into

    def _add(self, block: list[Statement] | None) -> None:
        self._count += 1
        if self._count > MAX_STATEMENTS:
            raise ValueError(f"over {MAX_STATEMENTS} statements")
        name, *arguments = self._words or [""]
        self._into.append(Statement(name, tuple(arguments), block, self._line))
        self._words = []


def _tokens(text: str, comments: tuple[str, ...]) -> Iterator[_Token]:
    at, line, count = 0, 1, 0
    while at < len(text):
        count += 1
        if count > MAX_TOKENS:
            raise ValueError(f"over {MAX_TOKENS} words")
        skipped = _comment_end(text, at, comments)
        if skipped is not None:
            line += text.count("\n", at, skipped)
            at = skipped
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"line {line}: a quote that does not end")
        kind, value, ends = str(match.lastgroup), match[str(match.lastgroup)], match.end()
        if kind in ("double", "single"):
            yield _Token("word", _unescaped(value), line)
        elif kind == "word":
            ends = _word_end(text, ends)
            yield _Token(kind, text[at:ends], line)
        elif kind != "blank":
            yield _Token(kind, value, line)
        line += text.count("\n", at, ends)
        at = ends


def _word_end(text: str, at: int) -> int:
    """Where the word that a mark or a blank interrupts at `at` really ends."""
    while text[at - 1] == "$" and (match := _VARIABLE.match(text, at)):
        at = match.end()
    return at


def _comment_end(text: str, at: int, comments: tuple[str, ...]) -> int | None:
    """Where the comment that begins at `at` ends; None if none does."""
    for mark in comments:
        if text.startswith(mark, at):
            end = text.find("*/", at + 2) if mark == "/*" else text.find("\n", at)
            if end < 0:
                return len(text)
            return end + 2 if mark == "/*" else end
    return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\"'\\])", r"\1", text) if "\\" in text else text
