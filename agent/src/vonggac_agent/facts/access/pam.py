"""Reads PAM's stacks, pam.d(5): which modules a service runs with which arguments, includes followed.

What the modules demand is decided in `account_policy`. Jumps between the lines of a stack are not followed: a module
counts where it stands and its control can refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

MAX_DEPTH: Final = 16
MAX_LINES: Final = 20_000
"""Lines of one stack, those of includes counted as often as they are included."""
_WORD: Final = re.compile(r"\[([^\]\\]*+(?:\\\]?+[^\]\\]*+)*+)(?:\]|\Z)|([^\s\[]\S*)")
"""An open bracket without its end takes what is left of the line, so that no byte is looked at twice."""


class Step(NamedTuple):
    """One line of a stack: the module's file name without its directory, and its arguments."""

    type: str
    control: str
    module: str
    arguments: tuple[str, ...]

    def value(self, name: str) -> str | None:
        """The last `name=value` among the arguments; None if there is none."""
        prefix = name + "="
        return next((a.removeprefix(prefix) for a in reversed(self.arguments) if a.startswith(prefix)), None)

    @property
    def can_refuse(self) -> bool:
        """False for `optional` and for lines that may only help (`sufficient`), pam.conf(5) "control"."""
        return self.control not in ("optional", "sufficient")


def steps(service: str, read: Callable[[str], Iterable[str] | None]) -> list[Step] | None:
    """The steps of every type; else as `stack`."""
    lines = read(service)
    return None if lines is None else list(_all(lines, read))


def stack(service: str, kind: str, read: Callable[[str], Iterable[str] | None]) -> list[Step] | None:
    """The steps of type `kind` (auth, account, password, session) of a service, in order; None without its file.

    `read` gives the lines of one file of pam.d by name, None if it is absent. Raises ValueError for includes that go
    deeper than `MAX_DEPTH` or stacks of over `MAX_LINES` lines.
    """
    lines = read(service)
    return None if lines is None else [step for step in _all(lines, read) if step.type == kind]


def _all(lines: Iterable[str], read: Callable[[str], Iterable[str] | None]) -> Iterator[Step]:
    """Steps of every type; an `include` gives those of its own type only."""
    open_files: list[tuple[Iterator[str], str]] = [(iter(lines), "")]
    count = 0
    while open_files:
        reading, only = open_files[-1]
        line = next(reading, None)
        if line is None:
            open_files.pop()
            continue
        count += 1
        if count > MAX_LINES:
            raise ValueError(f"a stack of pam.d is over {MAX_LINES} lines")
        words = _words(line)
        if only and words and words[0] != "@include" and _type(words) != only:
            continue
        included = _included(words)
        if included is not None:
            if len(open_files) > MAX_DEPTH:
                raise ValueError(f"the includes of pam.d go deeper than {MAX_DEPTH}")
            kind = only or ("" if words[0] == "@include" else _type(words))
            open_files.append((iter(read(included) or ()), kind))
        elif len(words) >= 3:
            yield Step(_type(words), words[1].lower(), words[2].rsplit("/", 1)[-1], tuple(words[3:]))


def _type(words: list[str]) -> str:
    return words[0].removeprefix("-").lower()


def _included(words: list[str]) -> str | None:
    """The file a line includes, by its name in pam.d."""
    if len(words) >= 2 and words[0] == "@include":
        return words[1].rsplit("/", 1)[-1]
    if len(words) >= 3 and words[1].lower() in ("include", "substack"):
        return words[2].rsplit("/", 1)[-1]
    return None


def _words(line: str) -> list[str]:
    """Words of a line; one in square brackets may hold blanks. `#` ends the line."""
    line = line.partition("#")[0]
    return [match[1] if match[1] is not None else match[2] for match in _WORD.finditer(line)]


def joined(lines: Iterable[str]) -> list[str]:
    """Lines with those that end in a backslash joined to the next, pam.conf(5)."""
    found: list[str] = []
    carried = ""
    for line in lines:
        if line.endswith("\\"):
            carried += line[:-1] + " "
            continue
        found.append(carried + line)
        carried = ""
    if carried:
        found.append(carried)
    return found
