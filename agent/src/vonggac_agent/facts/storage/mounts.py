"""Looks at mount tables once for all topics of storage: what is mounted now, and what the next start mounts."""

from __future__ import annotations

from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.storage import MountKind

from ...host import Host
from ..system import systemd
from . import mount_tables
from .mount_tables import Line

MOUNTINFO: Final = ("proc/1/mountinfo", "proc/self/mountinfo")
"""The first process's, which only root may read: the agent's own may differ, if its service has a private /tmp."""
FSTAB: Final = "etc/fstab"
BUILT_IN: Final = {
    line.path: line
    for line in (
        Line("tmpfs", "/dev/shm", "tmpfs", ["nosuid", "nodev", "strictatime", "mode=1777"]),  # noqa: S108 - named, not used
        Line("tmpfs", "/run", "tmpfs", ["nosuid", "nodev", "strictatime", "mode=0755"]),
        Line("devtmpfs", "/dev", "devtmpfs", ["nosuid", "strictatime", "mode=0755"]),
    )
}
"""What systemd mounts by itself before it reads anything: its src/shared/mount-setup.c, table of mount points."""
NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gfs2"),
        *("ocfs2", "beegfs", "9p", "davfs", "fuse.sshfs", "fuse.davfs2", "fuse.glusterfs"),
        *("fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.curlftpfs"),
    }
)
DISK: Final = frozenset(
    {
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "jfs", "f2fs", "reiserfs", "bcachefs", "vfat"),
        *("exfat", "ntfs", "ntfs3", "fuseblk", "nilfs2"),
    }
)
OPTICAL: Final = frozenset({"iso9660", "udf"})
MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
REMOVABLE_PLACES: Final = ("/media/", "/run/media/", "/mnt/usb", "/mnt/cdrom", "/cdrom", "/mnt/floppy")
_BYTES: Final = 8 * limits.MIB
"""A mount table of a machine with thousands of containers."""


def running(host: Host) -> list[Line]:
    """Mounts of the running system; [] for a mounted root."""
    return host.once("mounts running", lambda: _running(host)) if host.live else []


def _running(host: Host) -> list[Line]:
    try:
        text = host.text(MOUNTINFO[0], limit=_BYTES)
    except CouldNotLook as error:
        if error.reason is not Reason.PERMISSION_DENIED:
            raise
        text = None
    return mount_tables.mountinfo(text or host.text(MOUNTINFO[1], limit=_BYTES) or "")


def fstab(host: Host) -> list[Line]:
    """Lines of etc/fstab."""
    return host.once("mounts fstab", lambda: mount_tables.fstab(host.text(FSTAB) or ""))


def at_next_start(host: Host, path: str) -> Line | None:
    """What is mounted at `path` at the next start; None if nothing.

    systemd.unit(5), systemd-fstab-generator(8): a unit of the administrator's goes before fstab, fstab before a
    vendor's unit; systemd's own mounts take their options from fstab (systemd-remount-fs.service(8)). Of two lines of
    fstab for one place the first makes the unit, the generator complains of the other and leaves it out.
    """
    written = next((line for line in fstab(host) if line.path == path), None)
    if written is not None and "noauto" in written.options:
        written = None
    unit = _unit(host, path)
    if unit is not None and (unit[1] or written is None):
        return unit[0]
    return written or BUILT_IN.get(path)


def _unit(host: Host, path: str) -> tuple[Line, bool] | None:
    """(the mount unit of `path` that the next start wants, whether it is the administrator's)."""
    units = systemd.units(host)
    name = mount_tables.unit_name(path)
    state = units.enabled(name)
    if state in ("absent", "masked") or not (state == "enabled" or _wanted(host, name)):
        return None
    line = mount_tables.mount_unit(units.texts(name))
    own = any(name in host.names(folder) for folder in systemd.ADMINISTRATOR)
    return None if line is None or line.path != path else (line, own)


def _wanted(host: Host, name: str) -> bool:
    """A unit that the vendor links into a target that every start reaches (Debian 13's tmp.mount)."""
    return any(
        host.lstat(f"{folder}/local-fs.target.{kind}/{name}") is not None
        for folder in systemd.FOLDERS
        for kind in ("wants", "requires")
    )


def kind(host: Host, line: Line) -> MountKind:
    """disk, network, removable, memory or other, by type, place and, for what is mounted, its device."""
    if line.type in NETWORK or (":/" in line.device and not line.device.startswith("/")):
        return "network"
    if line.type in OPTICAL or line.path.startswith(REMOVABLE_PLACES) or _may_users_mount(line):
        return "removable"
    if line.type in MEMORY:
        return "memory"
    if line.type in DISK or line.device.startswith(("/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=")):
        return "removable" if _is_removable(host, line) else "disk"
    return "other"


def _may_users_mount(line: Line) -> bool:
    return not line.number and bool({"user", "users", "owner"} & set(line.options))


def _is_removable(host: Host, line: Line) -> bool:
    """A block device behind USB, or one that says so of itself (sysfs-block(5) `removable`)."""
    if not line.number or line.number.startswith("0:"):
        return False
    device = f"sys/dev/block/{line.number}"
    where = host.readlink(device) or ""
    flags = (host.text(f"{device}/{up}removable", limit=64) or "" for up in ("", "../"))
    return "/usb" in where or any(flag.strip() == "1" for flag in flags)
