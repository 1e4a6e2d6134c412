"""Reads logrotate's configuration: for how many days the old versions of a log are sure to stay. Pure.

Source: logrotate(8), logrotate.conf(5).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

PERIODS: Final = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 28.0, "yearly": 365.0}
"""Shortest length of each period in days: a month may be February."""
FOR_EVER: Final = 36_500
"""Days told for `rotate -1`, which never removes an old version: a hundred years."""
MAX_FILES: Final = 1000
MAX_DEPTH: Final = 16
"""logrotate.conf(5) include: its own bound on nesting (config.c MAX_NESTING)."""
MAX_STANZAS: Final = 20_000
_SCRIPTS: Final = frozenset(("prerotate", "postrotate", "firstaction", "lastaction", "preremove"))
_PATH: Final = re.compile(r'"([^"]*)"|\'([^\']*)\'|((?:\\.|[^\s{}"\'])+)')


class Stanza(NamedTuple):
    """The logs of one stanza (patterns) and the directives in force for them, lower case."""

    patterns: tuple[str, ...]
    directives: Mapping[str, str]


def parse(lines: Iterable[str], read: Callable[[str], Iterable[Iterable[str]]]) -> list[Stanza]:
    """Every stanza with the global directives that stand before it.

    `read` gives the files that an include names, each as its lines. Raises ValueError beyond the bounds.
    """
    stanzas: list[Stanza] = []
    _file(lines, read, {}, stanzas, [0], 0)
    return stanzas


def _file(
    lines: Iterable[str],
    read: Callable[[str], Iterable[Iterable[str]]],
    common: dict[str, str],
    stanzas: list[Stanza],
    files: list[int],
    depth: int,
) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"the includes of logrotate go deeper than {MAX_DEPTH}")
    files[0] += 1
    if files[0] > MAX_FILES:
        raise ValueError(f"logrotate includes over {MAX_FILES} files")
    reading = iter(lines)
    patterns: list[str] = []
    for line in reading:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text[0] in "/\"'~*{" or patterns:
            before, brace, after = text.partition("{")
            patterns.extend(a or b or c for a, b, c in _PATH.findall(before))
            if brace:
                stanzas.append(Stanza(tuple(patterns), _block(after, reading, common)))
                patterns = []
                if len(stanzas) > MAX_STANZAS:
                    raise ValueError(f"logrotate has over {MAX_STANZAS} stanzas")
            continue
        name, value = _directive(text)
        if name == "include":
            for included in read(value):
                _file(included, read, common, stanzas, files, depth + 1)
        elif name in _SCRIPTS:
            _skip_script(reading)
        else:
            _set(common, name, value)


def _block(first: str, reading: Iterator[str], common: Mapping[str, str]) -> dict[str, str]:
    found = dict(common)
    text: str | None = first
    while text is not None:
        inside, closed, _ = text.strip().partition("}")
        name, value = _directive(inside)
        if name in _SCRIPTS:
            _skip_script(reading)
        elif name and not name.startswith("#"):
            _set(found, name, value)
        if closed and not name.startswith("#"):
            return found
        text = next(reading, None)
    return found


def _skip_script(reading: Iterator[str]) -> None:
    for line in reading:
        if line.strip() == "endscript":
            return


def _directive(text: str) -> tuple[str, str]:
    match = re.match(r"(\S+?)(?:\s*=\s*|\s+|$)(.*)", text.strip())
    return ("", "") if match is None else (match[1].lower(), match[2].strip().strip("\"'"))


def _set(directives: dict[str, str], name: str, value: str) -> None:
    """A period and a size exclude each other, and the later one holds, logrotate(8)."""
    if name in PERIODS or name == "size":
        for other in (*PERIODS, "size"):
            directives.pop(other, None)
    directives[name] = value


def days_kept(stanzas: Iterable[Stanza], log: str) -> int | None:
    """Days that a line of `log` (an absolute path) is sure to stay; None if no stanza rotates it.

    Rotations kept times the shortest length of the period, cut by maxage. 0 where a size rotates the log, because then
    a busy day can push everything out.
    """
    for stanza in stanzas:
        if any(fnmatch.fnmatchcase(log, pattern) for pattern in stanza.patterns):
            return days_of(stanza.directives)
    return None


def days_of(directives: Mapping[str, str]) -> int:
    """Days that a line is sure to stay under these directives, as `days_kept` says."""
    period = next((days for name, days in PERIODS.items() if name in directives), None)
    if period is None or "size" in directives or "maxsize" in directives:
        return 0
    count = _number(directives.get("rotate"))
    kept = 0.0 if count is None else float(FOR_EVER) if count < 0 else count * period
    age = _number(directives.get("maxage"))
    return int(min(kept, FOR_EVER if age is None else age, FOR_EVER))


def created_mode(directives: Mapping[str, str]) -> int | None:
    """Permissions of the file that `create` makes after a rotation; None: those of the old one, or none is made.

    `nocreate` undoes it, and `copytruncate` leaves the file in place, logrotate(8).
    """
    mode = directives.get("create", "").split()[:1]
    if "nocreate" in directives or "copytruncate" in directives or not mode:
        return None
    return int(mode[0], 8) if re.fullmatch(r"[0-7]{3,4}", mode[0]) else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,6}", text) else None
