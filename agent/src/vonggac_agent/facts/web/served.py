"""What a server works with: may its own user write there, may everybody read its keys, as whom does its unit run."""

from __future__ import annotations

import os
import stat

from vonggac_contract.facts import CouldNotLook, Reason

from ...host import Host
from ..access import account_files
from ..files import owners
from ..system import systemd


def writable(host: Host, folder: str, user: str) -> bool | None:
    """`user` may write in `folder` by its mode; None if there is no such folder or no such user."""
    status = seen(host, folder)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return None
    account = host.once(f"served.account.{user}", lambda: _account(host, user))
    if account is None:
        return None
    uid, gids = account
    if uid == 0:
        return True
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IWUSR)
    return bool(status.st_mode & (stat.S_IWGRP if status.st_gid in gids else stat.S_IWOTH))


def _account(host: Host, user: str) -> tuple[int, frozenset[int]] | None:
    """Number and groups of an account; None if there is none of that name."""
    account = next(
        (a for a in account_files.passwd(owners.lines(host, "etc/passwd")) if a.name == user), None
    )
    if account is None:
        return None
    groups = account_files.groups(owners.lines(host, "etc/group"))
    return account.uid, frozenset({account.gid, *(gid for _, gid, members in groups if user in members)})


def seen(host: Host, path: str) -> os.stat_result | None:
    """stat(2) of an absolute path; None also where we may not look: one closed folder is to hide no other setting."""
    try:
        return host.stat(path) if path.startswith("/") else None
    except CouldNotLook as error:
        if error.reason is Reason.PERMISSION_DENIED:
            return None
        raise


def exposed(host: Host, paths: list[str]) -> bool | None:
    """Everybody may read one of the files at `paths`; None if none of them was seen."""
    found = [status for path in paths if (status := seen(host, path)) is not None]
    return any(status.st_mode & stat.S_IROTH for status in found) if found else None


def runs_as(host: Host, unit: str) -> str:
    """User= of a service with its drop-ins; empty if the unit is not there or names none (then it is root)."""
    if not systemd.is_name(unit):
        return ""
    return systemd.last_values(systemd.units(host).texts(unit), "Service").get("user", "")
