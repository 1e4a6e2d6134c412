"""Files of directives, a name and its arguments on one line: sshd_config(5), chrony.conf(5), snmpd.conf(5)."""

from __future__ import annotations

from typing import NamedTuple

from .lines import significant
from .words import words


class Directive(NamedTuple):
    """One directive with its arguments, quotes undone."""

    name: str
    arguments: tuple[str, ...]
    line: int

    @property
    def value(self) -> str:
        """The arguments as one text, one blank between."""
        return " ".join(self.arguments)


def parse(
    text: str,
    *,
    comments: str = "#",
    fold: bool = True,
    equals: bool = False,
    continuation: str = "",
    inline: bool = False,
    quotes: str = '"',
) -> list[Directive]:
    r"""Every directive in file order.

    `fold`: names in lower case. `equals`: one `=` may stand between name and arguments (ssh_config(5)).
    `continuation`: "\\" where a line may go on. `inline`: a comment may follow the arguments after a blank.
    `quotes`: characters that group words. Raises ValueError for over `lines.MAX_LINES` lines.
    """
    found: list[Directive] = []
    for number, line in significant(text, comments, continuation=continuation, inline=inline):
        name, rest = _named(line, equals)
        if name:
            arguments = tuple(words(rest, quotes=quotes, escape=False))
            found.append(Directive(name.lower() if fold else name, arguments, number))
    return found


def _named(line: str, equals: bool) -> tuple[str, str]:
    for i, character in enumerate(line):
        if character.isspace() or (equals and character == "="):
            rest = line[i:].lstrip()
            return line[:i], rest[1:] if equals and rest.startswith("=") else rest
    return line, ""
