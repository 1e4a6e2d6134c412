"""Which package a file belongs to: from dpkg's lists of paths, as dpkg-query(1) --search, or the rpm database."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

from vonggac_contract import limits

from ...host import Host
from ...untrusted import as_text
from . import rpm_files

DPKG_LISTS: Final = "var/lib/dpkg/info"
MAX_LIST_BYTES: Final = 16 * limits.MIB
_MERGED: Final = ("/bin/", "/sbin/", "/lib/", "/lib64/")
"""Directories that a merged /usr turns into links; dpkg's lists may hold either name."""
_NEVER_PACKAGED: Final = ("/home/", "/root/", "/tmp/", "/usr/local/", "/var/tmp/")  # noqa: S108 - asked about, not used
"""Places that the Filesystem Hierarchy Standard 3.0 (3.8, 3.14, 3.18, 4.9) keeps from packages: not worth a search."""


def spellings(program: str) -> frozenset[bytes]:
    """The paths under which a package may list `program`, with and without the merged /usr."""
    found = {program}
    if program.startswith("/usr/"):
        short = program.removeprefix("/usr")
        if short.startswith(_MERGED):
            found.add(short)
    elif program.startswith(_MERGED):
        found.add("/usr" + program)
    return frozenset(os.fsencode(path) for path in found)


def packages_of(programs: Iterable[str], lists: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Program to package, from (package, its list of paths). Stops as soon as every program is found."""
    wanted = {
        program: spellings(program)
        for program in programs
        if program.startswith("/") and not program.startswith(_NEVER_PACKAGED)
    }
    found: dict[str, str] = {}
    if not wanted:
        return found
    for package, listed in lists:
        within = b"\n" + listed
        for program, paths in list(wanted.items()):
            # A path is looked for first as mere bytes, because almost no list has it.
            if any(path in within and b"\n" + path + b"\n" in within for path in paths):
                found[program] = package
                del wanted[program]
        if not wanted:
            break
    return found


def lists(host: Host, programs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Every package's list of paths, the likely ones first: a package is often called like its program."""
    words = {os.path.basename(program).rstrip("0123456789.-").casefold() for program in programs}
    names = [name for name in host.names(DPKG_LISTS, limit=100_000) if name.endswith(".list")]
    names.sort(key=lambda name: not any(word and word in name for word in words))
    for name in names:
        listed = host.read(f"{DPKG_LISTS}/{name}", limit=MAX_LIST_BYTES)
        if listed:
            yield as_text(name.removesuffix(".list").partition(":")[0]), listed


def of_all(host: Host, programs: list[str]) -> dict[str, str] | None:
    """Program to package, those that none lists left out; None where no database of packages can be read for it."""
    if host.exists(DPKG_LISTS):
        return packages_of(programs, lists(host, programs))
    listed = rpm_files.lists(host)
    return None if listed is None else packages_of(programs, listed)
