"""What the commands of a rule of sudoers really allow: all but a few, more than they look like, or a shell. Pure.

Sources: sudoers(5) "SECURITY NOTES" (limitations of the `!` operator, preventing shell escapes), "Wildcards".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from typing import Final

from ...untrusted import bounded

MOST: Final = 100
"""Commands that are named of one rule."""
SHELLS: Final = frozenset(
    ("sh", "ash", "bash", "dash", "rbash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "su", "busybox")
)
"""These take orders by themselves, so that NOEXEC does not help."""
STARTERS: Final = frozenset(
    (
        "vi", "vim", "view", "nvim", "vimdiff", "ed", "ex", "emacs", "nano", "pico", "joe", "mcedit",
        "less", "more", "most", "man", "info", "pg",
        "python", "perl", "ruby", "lua", "php", "node", "irb", "tclsh", "expect", "gdb", "psql", "mysql", "sqlite",
        "find", "awk", "gawk", "mawk", "sed", "xargs", "env", "nice", "nohup", "setsid", "timeout", "watch", "script",
        "tar", "zip", "rsync", "git", "make", "ftp", "tcpdump", "nmap", "screen", "tmux", "strace", "ltrace",
    )
)  # fmt: skip
"""Editors, pagers, interpreters and tools with an order or option that starts a program (their manual pages)."""
_NAME: Final = re.compile(r"([a-z]+(?:-[a-z]+)*)(?:[-.]?[0-9.]+)?(?:\.[a-z]+)?")
_WILDCARD: Final = re.compile(r"(?<!\\)([*?])")
_BEFORE: Final = re.compile(r"[!\s]*")
DIGEST: Final = re.compile(r"(?:sha(?:224|256|384|512)\s*:\s*\S+[\s,]+)+")
ROOT: Final = frozenset(("ALL", "root", "#0"))


def as_root(users: Iterable[str]) -> bool:
    """Root is among the run-as users."""
    return not ROOT.isdisjoint(users)


def negated(commands: Iterable[str]) -> list[str]:
    """Commands that are taken out of ALL; alone they would forbid what nobody allowed."""
    commands = list(commands)
    if "ALL" not in commands:
        return []
    return [shown(command) for command in commands if command.startswith("!")][:MOST]


def wildcards(commands: Iterable[str]) -> list[str]:
    """Commands with a wildcard that is not escaped, negated ones left out; `*` for a whole folder counts too."""
    return [
        shown(command)
        for command in commands
        if not command.startswith("!") and _WILDCARD.search(command) is not None
    ][:MOST]


def shown(command: str) -> str:
    """A command as it may leave the machine: its program, and of its arguments nothing but wildcards and `""`.

    Arguments may hold passwords (`mysql -pSECRET *` is `mysql … *`). Files after sudoedit are no secret, sudoers(5).
    """
    before = _BEFORE.match(command)
    start = before.end() if before is not None else 0
    digest = DIGEST.match(command, start)
    name, *arguments = command[start if digest is None else digest.end() :].split() or [""]
    kept = [one if name == "sudoedit" and one.startswith("/") else _argument(one) for one in arguments]
    return bounded(" ".join(["".join(command[:start].split()) + name, *kept]))


def _argument(text: str) -> str:
    if text == '""':
        return text
    parts = _WILDCARD.split(text)
    return "".join(part if place % 2 else "…" if part else "" for place, part in enumerate(parts))


def program(command: str) -> str:
    """The program of a command by its plain name: `/usr/bin/python3.11 -x` is python, `/usr/bin/vim.basic` vim."""
    name = posixpath.basename(command.split(" ")[0].split("\t")[0])
    match = _NAME.fullmatch(name[:80])
    return match[1] if match is not None else name


def escapes(commands: Iterable[str], no_exec: Callable[[str], bool]) -> list[str]:
    """Programs that hand out a shell. `no_exec`: whether a command is kept from starting programs."""
    found: dict[str, None] = {}
    for command in commands:
        if command.startswith(("!", "sudoedit")):
            continue
        name = program(command)
        if name in SHELLS or (name in STARTERS and not no_exec(command)):
            found[bounded(name)] = None
    return list(found)[:MOST]
