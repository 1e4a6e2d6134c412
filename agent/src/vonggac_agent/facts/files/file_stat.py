"""file.stat: kind, owner and permissions of one path, links followed inside the root. Contents are never read here."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from typing import Final, Literal

from vonggac_contract.facts.files import FileStat, Permission

from ...host import Host
from ...untrusted import as_text
from . import owners

_PERMISSIONS: Final[tuple[tuple[int, Permission], ...]] = (
    (stat.S_IRUSR, "u+r"),
    (stat.S_IWUSR, "u+w"),
    (stat.S_IXUSR, "u+x"),
    (stat.S_IRGRP, "g+r"),
    (stat.S_IWGRP, "g+w"),
    (stat.S_IXGRP, "g+x"),
    (stat.S_IROTH, "o+r"),
    (stat.S_IWOTH, "o+w"),
    (stat.S_IXOTH, "o+x"),
    (stat.S_ISUID, "setuid"),
    (stat.S_ISGID, "setgid"),
    (stat.S_ISVTX, "sticky"),
)
Kind = Literal["file", "directory", "link", "device", "fifo", "socket"]
_KINDS: Final[dict[int, Kind]] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def permissions(mode: int) -> list[Permission]:
    """The names of the bits of `mode` (inode(7)) that are set."""
    return [name for bit, name in _PERMISSIONS if mode & bit]


def describe(status: os.stat_result, users: dict[int, str], groups: dict[int, str]) -> FileStat:
    """The fact from what stat(2) told; an owner without a name shows as its number."""
    mode = stat.S_IMODE(status.st_mode)
    return FileStat(
        exists=True,
        kind=_KINDS[stat.S_IFMT(status.st_mode)],
        owner=users.get(status.st_uid, str(status.st_uid)),
        group=groups.get(status.st_gid, str(status.st_gid)),
        uid=status.st_uid,
        gid=status.st_gid,
        mode=f"{mode:04o}",
        permissions=permissions(mode),
        size=status.st_size,
        modified=_moment(status.st_mtime),
    )


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, ValueError, OSError):  # a file system may hold times that no calendar has
        return None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[FileStat, str]:
    """Topic file.stat, selector: the path."""
    path = selector[0]
    status = host.stat(path)
    if status is None:
        status = host.lstat(path)  # a link that leads nowhere
    source = as_text(path)
    if status is None:
        return FileStat(exists=False), source
    return describe(status, owners.names(host, "etc/passwd"), owners.names(host, "etc/group")), source
