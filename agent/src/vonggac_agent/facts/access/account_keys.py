"""account.keys: who is let in by which kind of key. The lines are read by `ssh_public_key`.

Looked at are the files of AuthorizedKeysFile, sshd_config(5), of every account with a shell; keys that a program tells
(AuthorizedKeysCommand) are not, and the source says so. A file that its owner made unreadable is told as such, and the
files of the others are read all the same.
"""

from __future__ import annotations

import itertools
import os
import posixpath
import stat
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.ssh import AccountKeys, AuthorizedKey, KeyFile

from ...host import Host
from ...untrusted import bounded
from ..files import file_stat, owners
from . import account_files, account_homes, account_users, ssh_public_key, sshd_defaults, sshd_effective
from .account_files import PasswdEntry

MAX_FILES: Final = 2000
MAX_KEYS: Final = 4000
"""Of one file; 256 KiB hold 3,300 of the shortest that are any good, Ed25519."""
WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH
_CONTENT: Final[dict[Reason, Literal["no-file", "too-large", "not-seen"]]] = {
    Reason.MALFORMED: "no-file",
    Reason.TOO_LARGE: "too-large",
    Reason.PERMISSION_DENIED: "not-seen",
}


def expand(pattern: str, entry: PasswdEntry) -> str | None:
    """A path of AuthorizedKeysFile for one account: %h home, %u name, %U number, %% itself; relative ones in the home.

    None for `none` and for what sshd would refuse.
    """
    if pattern.lower() == "none":
        return None
    values = {"%h": entry.home, "%u": entry.name, "%U": str(entry.uid), "%%": "%"}
    parts: list[str] = []
    place = 0
    while place < len(pattern):
        if pattern[place] != "%":
            parts.append(pattern[place])
            place += 1
            continue
        value = values.get(pattern[place : place + 2])
        if value is None:
            return None
        parts.append(value)
        place += 2
    path = "".join(parts)
    return path if path.startswith("/") else posixpath.join(entry.home, path)


def keys(account: str, path: str, text: str, administrator: bool) -> Iterator[AuthorizedKey]:
    """The keys of one file. Raises ValueError for over `limits.MAX_FACT_LIST` lines."""
    lines = text.split("\n", limits.MAX_FACT_LIST)
    if len(lines) > limits.MAX_FACT_LIST:
        raise ValueError(f"{path} is over {limits.MAX_FACT_LIST} lines")
    for number, line in enumerate(lines, 1):
        key = ssh_public_key.parse_line(line)
        if key is not None:
            yield AuthorizedKey(
                bounded(account),
                bounded(f"{path}:{number}"),
                administrator,
                key.type,
                key.bits,
                limited_sources="from" in key.options,
                limited_command="command" in key.options,
                restricted="restrict" in key.options,
            )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AccountKeys, str]:
    """Topic account.keys. Raises CouldNotLook: permission-denied to an ordinary user as soon as one file is closed."""
    entries = account_files.passwd(owners.lines(host, "etc/passwd"))
    if not entries:
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/passwd is absent or holds no account")
    patterns, by_program = _patterns(host)
    administrators = _administrators(host, entries)
    files: list[KeyFile] = []
    found: list[AuthorizedKey] = []
    for entry in entries:
        if posixpath.basename(entry.shell) in account_users.NO_SHELLS or not entry.home.startswith("/"):
            continue
        for path in filter(None, (expand(pattern, entry) for pattern in patterns)):
            file, its_keys = _look(host, entry, path, entry.name in administrators)
            if file is not None:
                files.append(file)
                found.extend(its_keys)
        if len(files) > MAX_FILES or len(found) > limits.MAX_FACT_LIST:
            raise CouldNotLook(Reason.TOO_LARGE, f"over {MAX_FILES} files or {limits.MAX_FACT_LIST} keys")
    return AccountKeys(files, found), "authorized_keys" + ("; keys told by a program not seen" * by_program)


def _look(
    host: Host, entry: PasswdEntry, path: str, administrator: bool
) -> tuple[KeyFile | None, list[AuthorizedKey]]:
    """The file and its keys; no file where none is. What sshd would read and was not read here stands for keys."""
    file = KeyFile(bounded(entry.name), bounded(path), owned=None, permissions=[], writers=[])
    try:
        status = host.stat(path)
        if status is None:
            return None, []
        file = _file(host, entry, path, status)
        text = host.text(path, limit=account_users.MAX_KEY_FILE) or ""
        found = list(itertools.islice(keys(entry.name, path, text, administrator), MAX_KEYS + 1))
        if len(found) <= MAX_KEYS:
            return file, found
        content = _CONTENT[Reason.TOO_LARGE]
    except ValueError:
        content = _CONTENT[Reason.TOO_LARGE]
    except CouldNotLook as error:
        if error.reason not in _CONTENT or (
            error.reason is Reason.PERMISSION_DENIED and not account_homes.closed_to_root(error)
        ):
            raise
        content = _CONTENT[error.reason]
    unread = [] if content == "no-file" else [AuthorizedKey(file.account, file.path, administrator)]
    return msgspec.structs.replace(file, content=content), unread


def _patterns(host: Host) -> tuple[list[str], bool]:
    """What AuthorizedKeysFile names, and whether a program tells keys too; the defaults without a server."""
    try:
        settings = sshd_effective.read(host)
    except CouldNotLook as error:
        if error.reason is not Reason.NOT_INSTALLED:
            raise
        return list(sshd_defaults.DEFAULT_KEY_FILES), False
    named = settings.all("authorizedkeysfile")[:16] or list(sshd_defaults.DEFAULT_KEY_FILES)
    return named, settings.one("authorizedkeyscommand").lower() != "none"


def _administrators(host: Host, entries: list[PasswdEntry]) -> set[str]:
    groups = account_files.groups(owners.lines(host, "etc/group"))
    chosen = [group for group in groups if group[0] in account_users.ADMINISTRATOR_GROUPS]
    members = {name for _, _, names in chosen for name in names}
    numbers = {number for _, number, _ in chosen}
    return {e.name for e in entries if e.uid == 0 or e.name in members or e.gid in numbers}


def _file(host: Host, entry: PasswdEntry, path: str, status: os.stat_result) -> KeyFile:
    """sshd with StrictModes looks at the file and every directory up to the home."""
    places = [(path, status)]
    folder = posixpath.dirname(path)
    while folder.startswith(entry.home.rstrip("/") or "/") and len(places) < 8:
        found = host.stat(folder)
        if found is not None:
            places.append((folder, found))
        if folder in (entry.home.rstrip("/"), "/"):
            break
        folder = posixpath.dirname(folder)
    return KeyFile(
        bounded(entry.name),
        bounded(path),
        owned=all(found.st_uid in (entry.uid, 0) for _, found in places),
        permissions=file_stat.describe(status, {}, {}).permissions,
        writers=[bounded(place) for place, found in places if found.st_mode & WRITABLE],
    )
