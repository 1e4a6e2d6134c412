"""Reads apt's lists of sources: sources.list(5), in its one-line and its deb822 form. Pure.

Only sources of binary packages are told; what their options mean is decided in `package_sources`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ...formats.lines import split

TRUE: Final = ("yes", "true", "with", "on", "enable", "1")
FALSE: Final = ("no", "false", "without", "off", "disable", "0")
"""apt's StringToBool, in lower case."""
MAX_ENTRIES: Final = 10_000


class Entry(NamedTuple):
    """One source. Options have lower-case names; the name of a boolean is that of sources.list(5)."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    options: Mapping[str, str]

    def is_set(self, option: str) -> bool:
        """The option says yes."""
        return self.options.get(option, "").casefold() in TRUE


def one_line(text: str) -> list[Entry]:
    """Entries of `deb [ option=value … ] uri suite component …` lines. Raises ValueError for too many lines."""
    found: list[Entry] = []
    for raw in split(text):
        line = raw.partition("#")[0].strip()
        kind, _, rest = line.partition(" ") if " " in line else line.partition("\t")
        if kind.strip() != "deb":
            continue
        options, rest = _bracketed(rest.strip())
        words = rest.split()
        if words:
            _keep(found, Entry((words[0],), tuple(words[1:2]), options))
    return found


def _bracketed(rest: str) -> tuple[dict[str, str], str]:
    if not rest.startswith("["):
        return {}, rest
    inside, _, after = rest[1:].partition("]")
    options: dict[str, str] = {}
    for word in inside.split():
        name, equals, value = word.partition("=")
        if equals:
            options[name.rstrip("+-").lower()] = value
    return options, after


def deb822(text: str) -> list[Entry]:
    """Entries of stanzas with `Types:`, `URIs:`, `Suites:`. Raises ValueError for too many lines."""
    found: list[Entry] = []
    for fields in _stanzas(text):
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").casefold() not in FALSE:
            uris = tuple(fields.get("uris", "").split())
            _keep(found, Entry(uris, tuple(fields.get("suites", "").split()), fields))
    return found


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    parts: dict[str, list[str]] = {}
    last = ""
    for line in (*split(text), ""):
        if line.startswith("#"):
            continue
        if not line.strip():
            if parts:
                yield {name: " ".join(value).strip() for name, value in parts.items()}
            parts, last = {}, ""
        elif line[0] in " \t":
            if last:
                parts[last].append(line.strip())
        else:
            name, colon, value = line.partition(":")
            last = name.strip().lower() if colon else ""
            if last:
                parts[last] = [value.strip()]


def _keep(found: list[Entry], entry: Entry) -> None:
    if len(found) >= MAX_ENTRIES:
        raise ValueError(f"over {MAX_ENTRIES} package sources")
    found.append(entry)
