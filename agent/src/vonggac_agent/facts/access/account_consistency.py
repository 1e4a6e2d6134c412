"""account.consistency: what does not fit together in passwd and group, line by line, as pwck(8) and grpck(8) ask it.

Sources: passwd(5), group(5), nsswitch.conf(5) "compat" (lines that begin with + or -).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.accounts import Consistency

from ...host import Host
from ...untrusted import bounded
from ..files import owners
from . import account_files
from .account_files import PasswdEntry

FILES: Final = {"etc/passwd": 7, "etc/group": 4}
FIELDS: Final = {**FILES, "etc/shadow": 9}
"""Fields of one line; the shadow file is looked at by `account_shadow`."""
MOST: Final = 1000
"""Entries of one list here."""
_NUMBER: Final = re.compile(r"[0-9]{1,10}")


def repeated(pairs: Iterable[tuple[str, str]], *, named: bool) -> list[str]:
    """Keys that come more than once; `named`: each with the values it came with."""
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    twice = {key: values for key, values in found.items() if len(values) > 1}
    return [bounded(f"{key}: {', '.join(values)}" if named else key) for key, values in twice.items()][:MOST]


def legacy(path: str, lines: Sequence[str]) -> list[str]:
    """Lines that draw in or leave out entries of a network service."""
    return [f"{path}:{n}" for n, line in enumerate(lines, 1) if line.startswith(("+", "-"))][:MOST]


def malformed(path: str, lines: Sequence[str]) -> list[str]:
    """Lines that are neither an entry, nor empty, nor a comment, nor one of `legacy`."""
    wanted = FIELDS[path]
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        fields = line.split(":")
        if not line.strip() or line.startswith(("#", "+", "-")):
            continue
        numbers = fields[2:4] if path == "etc/passwd" else fields[2:3] if path == "etc/group" else []
        if len(fields) < wanted or not fields[0] or not all(map(_NUMBER.fullmatch, numbers)):
            found.append(f"{path}:{number}")
    return found[:MOST]


def unshadowed(entries: Iterable[PasswdEntry]) -> list[str]:
    """Accounts whose line in passwd lets in by itself; `*` and `!` there let nobody in."""
    return [bounded(e.name) for e in entries if e.password in ("set", "empty")][:MOST]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[Consistency, str]:
    """Topic account.consistency."""
    lines = {path: owners.lines(host, path) for path in FILES}
    entries = account_files.passwd(lines["etc/passwd"])
    if not entries:
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/passwd is absent or holds no account")
    groups = account_files.groups(lines["etc/group"])
    numbers = {number for _, number, _ in groups}
    return Consistency(
        repeated_names=repeated(((e.name, "") for e in entries), named=False),
        repeated_numbers=repeated(((str(e.uid), e.name) for e in entries), named=True),
        repeated_groups=repeated(((name, "") for name, _, _ in groups), named=False),
        repeated_group_numbers=repeated(((str(number), name) for name, number, _ in groups), named=True),
        without_group=[bounded(e.name) for e in entries if e.gid not in numbers][:MOST],
        legacy_entries=[place for path in FILES for place in legacy(path, lines[path])],
        unshadowed=unshadowed(entries),
        malformed=[place for path in FILES for place in malformed(path, lines[path])],
    ), ", ".join(FILES)
