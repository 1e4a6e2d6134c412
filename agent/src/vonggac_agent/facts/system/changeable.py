"""Who may change a program besides the account that runs it: its own permissions and those of every folder above it.

Topics cron.jobs and systemd.timers ask here.
"""

from __future__ import annotations

import os
import posixpath
import stat

from ...host import Host
from ..files import owners


def by_others(host: Host, path: str, uid: int = 0) -> bool:
    """Somebody other than root and `uid` may change what is run at `path`, or put something there.

    A group's right to write counts for root's programs where the group has members. A path that is not there counts
    where anybody may make it.
    """
    written = posixpath.normpath(path)
    if _open(host, written, uid):
        return True
    inside = host.inside(path)
    return inside != written and _open(host, inside, uid)


def _open(host: Host, path: str, uid: int) -> bool:
    parts = [part for part in path.split("/") if part]
    status = host.stat("/")
    for i in range(len(parts) + 1):
        place = "/" + "/".join(parts[:i])
        above, status = status, host.once(f"stat of {place}", lambda place=place: host.stat(place))  # type: ignore[misc]
        if status is None:
            return above is not None and bool(above.st_mode & stat.S_IWOTH)
        if _loose(host, status, uid):
            return True
    return False


def _loose(host: Host, status: os.stat_result, uid: int) -> bool:
    if status.st_uid not in (0, uid):
        return True
    # In a folder with the sticky bit nobody replaces another's file.
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return False
    if status.st_mode & stat.S_IWOTH:
        return True
    by_group = uid == 0 and bool(status.st_mode & stat.S_IWGRP)
    return by_group and status.st_gid in host.once("groups with members", lambda: _populated(host))


def _populated(host: Host) -> frozenset[int]:
    """Groups other than root's that have a member, or are an account's first group."""
    found: set[int] = set()
    for line in owners.lines(host, "etc/group"):
        fields = line.split(":")
        if len(fields) > 3 and set(fields[3].split(",")) - {"", "root"} and fields[2].isdigit():
            found.add(int(fields[2][:10]))
    for line in owners.lines(host, "etc/passwd"):
        fields = line.split(":")
        if len(fields) > 3 and fields[2] != "0" and fields[3].isdigit():
            found.add(int(fields[3][:10]))
    return frozenset(found - {0})


def numbers_by_name(host: Host) -> dict[str, int]:
    """Accounts of the root's own passwd file."""
    return {name: uid for uid, name in owners.names(host, "etc/passwd").items()}
