"""Where the walk over the disk begins, which file systems it goes into, and what it leaves out.

Sources: proc_pid_mountinfo(5), where octal escapes stand for blanks and backslashes; fstab(5).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook

from ...host import Host
from ..storage import mounts
from ..storage.mount_tables import Line, unescaped

LOCAL: Final = frozenset(
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs", "zfs", "bcachefs", "nilfs2", "tmpfs")
)
"""File systems that hold files of this machine with owners and modes of their own."""
LEFT_OUT: Final = frozenset(
    f"/var/lib/{name}"
    for name in ("docker", "containerd", "containers", "lxc", "lxd", "incus", "machines", "kubelet")
)
"""Layers and disks of containers: files of other systems, under folders that root alone may enter."""
LEFT_OUT_OF_HOMES: Final = (".local/share/containers/storage", ".local/share/docker")
"""The same of containers that ordinary users run: containers-storage.conf(5) rootless_storage_path; Docker's
documentation "Rootless mode", data directory."""
_MOUNT_TABLE: Final = 8 * limits.MIB


class Places(NamedTuple):
    """`devices`: st_dev of file systems that are walked; `starts`: folders to go down from; the rest are mount points.

    `others`: of file systems that are not walked. `absent`: told as not walked, because the root's fstab has a local
    file system there, and it is not mounted. Paths are inside the root, "" for the root itself.
    """

    devices: frozenset[int]
    starts: tuple[str, ...]
    others: frozenset[str]
    absent: tuple[str, ...]


def places(host: Host, left_out: frozenset[str]) -> Places:
    """Where the walk goes. Raises CouldNotLook for mount tables that cannot be read."""
    root = "" if host.live else os.fspath(host.root)
    machine = host if host.live else Host(now=host.now)
    whose = "1" if host.caged else "self"
    table = mounted((machine.read(f"proc/{whose}/mountinfo", _MOUNT_TABLE) or b"").split(b"\n"), root)
    walked = local(table)
    devices, files = set(), set()
    for path in walked:
        status = machine.stat((root + path) or "/")
        if status is not None:
            devices.add(status.st_dev)
            if not stat.S_ISDIR(status.st_mode):
                files.add(path)
    absent = () if host.live else tuple(_not_mounted(host, table, walked))
    # A file may be a mount point too: systemd hides /proc/kmsg from a service that way.
    begins = tuple(path for path in starts(table, left_out) if path not in files)
    return Places(frozenset(devices), begins, frozenset(table) - set(walked), absent)


def mounted(mountinfo: Iterable[bytes], root: str = "") -> dict[str, str]:
    """Mount point inside the root to type of file system, of lines of proc/self/mountinfo; the uppermost counts."""
    found: dict[str, str] = {}
    for line in mountinfo:
        left, dash, right = os.fsdecode(line).partition(" - ")
        fields = left.split(" ")
        if not dash or len(fields) < 5 or not right.strip():
            continue
        point = unescaped(fields[4]).rstrip("/")
        if point == root or point.startswith(f"{root}/"):
            found[point.removeprefix(root)] = right.split()[0]
    return found


def local(table: Mapping[str, str]) -> list[str]:
    """Mount points that are walked: of local types, and the root."""
    return ["", *(path for path, kind in table.items() if path and kind in LOCAL)]


def starts(table: Mapping[str, str], left_out: frozenset[str]) -> list[str]:
    """The root, and each local mount point that lies below another kind of file system, as /dev/shm below /dev."""
    walked = frozenset(local(table))
    found = [""]
    for path in sorted(walked - {""}):
        above = path.rpartition("/")[0]
        while above and above not in table:
            above = above.rpartition("/")[0]
        if above not in walked and not any(f"{path}/".startswith(f"{folder}/") for folder in left_out):
            found.append(path)
    return found


def _not_mounted(host: Host, table: Mapping[str, str], walked: Iterable[str]) -> list[str]:
    """Local mount points of the root's fstab whose file system is not there.

    In a root that is no mount point itself, a copy of a system, a folder that holds something is taken for the copy.
    """
    seen = frozenset(walked)
    found = []
    for line in mounts.fstab(host):
        if line.path == "/" or not line.path.startswith("/") or not _is_local(host, line):
            continue
        path = host.inside(line.path).rstrip("/")
        if path not in seen and ("" in table or path in table or _is_empty(host, path)):
            found.append(path)
    return found


def _is_local(host: Host, line: Line) -> bool:
    """A disk's file system that is walked on the running system, because each start mounts it, or first use does."""
    if "noauto" in line.options and "x-systemd.automount" not in line.options:
        return False
    return line.type in LOCAL - {"tmpfs"} or (line.type == "auto" and mounts.kind(host, line) == "disk")


def _is_empty(host: Host, path: str) -> bool:
    try:
        return set(host.names(path)) <= {"lost+found"}
    except CouldNotLook:  # more than can be listed, or closed: the walk will tell
        return False
