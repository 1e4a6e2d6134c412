"""log.files: owners and permissions of the files under var/log. What is in them is never read.

Links are not followed, so that the walk ends and stays inside the folder.
"""

from __future__ import annotations

import os
import stat
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.logs import LogFiles, StoredLog

from ...host import Host
from ...untrusted import as_text, bounded
from ..access import account_users, login_defs
from ..files import owners

FOLDER: Final = "var/log"
MAX_DEPTH: Final = 8
LAST_PERSON: Final = 60_000
"""UID_MAX of login.defs(5) as shipped; above are the users that systemd makes up (systemd.exec(5) DynamicUser)."""


class Entry(NamedTuple):
    """One file. `path` is absolute; `size` in bytes."""

    path: str
    uid: int
    gid: int
    mode: int
    size: int


def entries(host: Host) -> list[Entry]:
    """Regular files under var/log, walked once, in order of their paths.

    Raises CouldNotLook: permission-denied (a folder that is closed), too-large (over MAX_FACT_LIST names).
    """
    return host.once("var/log walked", lambda: _walk(host))


def _walk(host: Host) -> list[Entry]:
    found: list[Entry] = []
    waiting = [(FOLDER, 0)]
    seen = 0
    while waiting:
        folder, depth = waiting.pop()
        for name in host.names(folder, limit=limits.MAX_FACT_LIST):
            path = f"{folder}/{name}"
            status = host.lstat(path)
            seen += 1
            if seen > limits.MAX_FACT_LIST:
                raise CouldNotLook(Reason.TOO_LARGE, f"{FOLDER} holds over {limits.MAX_FACT_LIST} names")
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode) and depth < MAX_DEPTH:
                waiting.append((path, depth + 1))
            elif stat.S_ISREG(status.st_mode):
                mode = stat.S_IMODE(status.st_mode)
                found.append(Entry("/" + as_text(path), status.st_uid, status.st_gid, mode, status.st_size))
    return sorted(found)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[LogFiles, str]:
    """Topic log.files."""
    users, groups = owners.names(host, "etc/passwd"), owners.names(host, "etc/group")
    lowest = login_defs.number(login_defs.read(host), "UID_MIN") or account_users.UID_MIN
    found = entries(host)
    return (
        LogFiles(
            [
                StoredLog(
                    path=bounded(entry.path),
                    owner=users.get(entry.uid, str(entry.uid)),
                    group=groups.get(entry.gid, str(entry.gid)),
                    mode=f"{entry.mode:04o}",
                    owned_by_person=lowest <= entry.uid <= LAST_PERSON,
                    readable_by_all=bool(entry.mode & stat.S_IROTH),
                    writable_by_all=bool(entry.mode & stat.S_IWOTH),
                    writable_by_group=bool(entry.mode & stat.S_IWGRP) and entry.gid != 0,
                )
                for entry in found
            ]
        ),
        os.fspath(FOLDER),
    )
