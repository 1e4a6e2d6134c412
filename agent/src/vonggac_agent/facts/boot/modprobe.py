"""Reads modprobe.d(5) and the lists of modules that each kernel brings. Pure; `kernel_module` looks.

Sources: modprobe.d(5); modules.dep(5); libkmod: of several `install` lines for one module the first counts, and their
names are patterns of fnmatch(3).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from ...formats import lines

MAX_PATTERNS: Final = 5_000
"""Lines of modprobe.d that are kept; the files of a distribution have some 500."""
_NOTHING: Final = re.compile(r"/?(?:[a-z]+/)*(?:false|true)")
"""Programs that do nothing, so that `install NAME` of them loads nothing."""


class Rules(NamedTuple):
    """What modprobe.d says, in the order in which it is read."""

    installs: list[tuple[str, str]]
    """(pattern of names, command)."""
    blacklisted: list[str]


def canonical(name: str) -> str:
    """`-` and `_` are the same letter in a module's name; the kernel writes `_`."""
    return name.replace("-", "_")


def parse(text: str) -> Rules:
    """`install` and `blacklist` lines of one file; others do not matter here. Raises ValueError for too many lines."""
    found = Rules([], [])
    for _, line in lines.significant(text, continuation="\\"):
        word, name, command = (*line.split(None, 2), "", "", "")[:3]
        if word == "install" and command:
            found.installs.append((canonical(name), command))
        elif word == "blacklist" and name:
            found.blacklisted.append(canonical(name))
        if len(found.installs) + len(found.blacklisted) > MAX_PATTERNS:
            raise ValueError(f"over {MAX_PATTERNS} lines of modprobe.d")
    return found


def disabled(name: str, rules: Rules) -> bool:
    """Loading module `name` runs a program that does nothing."""
    command = next((c for pattern, c in rules.installs if fnmatch.fnmatchcase(name, pattern)), "")
    return bool(_NOTHING.fullmatch((command.split() or [""])[0]))


def listed(text: str) -> set[str]:
    """Names of the modules of a modules.dep or modules.builtin: the first path of each line, without its endings."""
    paths = (line.partition(":")[0].rsplit("/", 1)[-1] for line in lines.split(text))
    return {canonical(path.partition(".ko")[0]) for path in paths if ".ko" in path}


def refused(parameters: Iterable[str], key: str) -> set[str]:
    """Modules that `key=a,b` on the kernel's command line names (module_blacklist, modprobe.blacklist)."""
    names = (p.removeprefix(f"{key}=").split(",") for p in parameters if p.startswith(f"{key}="))
    return {canonical(name.strip()) for group in names for name in group}
