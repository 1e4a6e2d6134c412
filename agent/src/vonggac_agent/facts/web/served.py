"""What a server works with: may its own user write there, may everybody read its keys, as whom does its unit run."""

from __future__ import annotations

import stat

from ...host import Host
from ..access import account_files
from ..system import dropins, systemd

_UNIT_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")


def writable(host: Host, folder: str, user: str) -> bool | None:
    """`user` may write in `folder` by its mode; None if there is no such folder or no such user."""
    status = host.stat(folder) if folder.startswith("/") else None
    account = next((a for a in account_files.passwd(host.lines("etc/passwd")) if a.name == user), None)
    if status is None or account is None or not stat.S_ISDIR(status.st_mode):
        return None
    if account.uid == 0:
        return True
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IWUSR)
    groups = {
        gid for _, gid, members in account_files.groups(host.lines("etc/group")) if account.name in members
    }
    if status.st_gid in groups | {account.gid}:
        return bool(status.st_mode & stat.S_IWGRP)
    return bool(status.st_mode & stat.S_IWOTH)


def exposed(host: Host, paths: list[str]) -> bool | None:
    """Everybody may read one of the files at `paths`; None if none of them was seen."""
    found = [status for path in paths if path.startswith("/") and (status := host.stat(path)) is not None]
    return any(status.st_mode & stat.S_IROTH for status in found) if found else None


def runs_as(host: Host, unit: str) -> str:
    """User= of a service with its drop-ins; empty if the unit is not there or names none (then it is root)."""
    if not systemd.is_name(unit):
        return ""
    drop_ins = dropins.unit_files(host, unit, _UNIT_FOLDERS)
    texts = [systemd.units(host).text(unit), *(host.text(path) or "" for path in drop_ins)]
    users = systemd.sections("\n\n".join(texts)).get("Service", {}).get("user", [])
    return users[-1] if users else ""
