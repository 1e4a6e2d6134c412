"""Facts about storage: mounts and fstab, encrypted disks and swap, memory images of programs that crashed."""

from typing import Annotated, Literal

import msgspec

from .base import about, topic

MountKind = Literal["disk", "network", "removable", "memory", "other"]


@topic("mount.point", selector=("path",), main="separate")
class MountPoint(msgspec.Struct, frozen=True):
    """One directory: whether it is a file system of its own, now and at the next start, and how it is mounted."""

    exists: Annotated[bool, about("The directory is there")] = False
    separate: Annotated[
        bool,
        about("A file system is mounted just there (at the next start, in a mounted root)"),
    ] = False
    kept: Annotated[
        bool,
        about("It will be at the next start too: fstab, a mount unit that is wanted, or systemd itself"),
    ] = False
    type: Annotated[str, about("Type of that file system; empty if none")] = ""
    options: Annotated[
        list[str],
        about(
            "Options in force, one way of writing each; those of the next start in a mounted root",
            source="proc/self/mountinfo",
        ),
    ] = []
    next_options: Annotated[
        list[str],
        about(
            "Options of the next start: `defaults`, `user` and the like spelt out, passwords left out",
            source="etc/fstab; mount units; systemd's own mounts",
        ),
    ] = []


class Mount(msgspec.Struct, frozen=True):
    """One file system, from fstab or as it is mounted now."""

    path: Annotated[str, about("Where it is mounted")]
    device: Annotated[str, about("What is mounted, as written")]
    type: Annotated[str, about("Type of the file system")]
    kind: Annotated[
        MountKind,
        about(
            "disk; network: NFS, SMB and the like; removable: optical, USB; memory: tmpfs and the kernel's own"
        ),
    ]
    options: Annotated[list[str], about("Options, spelt out; values that may be secret left out")]
    running: Annotated[bool, about("It is mounted now; false for a line of fstab")]
    clear_password: Annotated[bool, about("A password stands in clear among the options in fstab")] = False


@topic("mount.table", main="mounts")
class MountTable(msgspec.Struct, frozen=True):
    """Every file system that is mounted now, and every line of fstab. The kernel's own ones are left out."""

    mounts: Annotated[list[Mount], about("File systems", source="proc/self/mountinfo; etc/fstab")]


class EncryptedVolume(msgspec.Struct, frozen=True):
    """One line of crypttab."""

    name: Annotated[str, about("Name under /dev/mapper")]
    key: Annotated[
        Literal["asked", "file", "random", "other"],
        about(
            "Where its key comes from: typed in, a file, made anew each start, or hardware and the network"
        ),
    ]
    key_file: Annotated[str, about("The file of its key; empty without one")] = ""
    key_exposed: Annotated[
        bool | None,
        about("Others than root can read or change that file; none if it is not there to be looked at"),
    ] = None


class StoredFileSystem(msgspec.Struct, frozen=True):
    """One file system on a disk of this machine, or one swap area."""

    path: Annotated[str, about("Where it is mounted; `swap` for a swap area")]
    device: Annotated[str, about("What it is on, as written")]
    type: Annotated[str, about("Type of the file system")]
    encrypted: Annotated[
        bool | None,
        about(
            "It is on dm-crypt, at whatever depth; none where that can't be told (ZFS, a mounted root)",
            source="sys/dev/block/*/dm/uuid and slaves; crypttab",
        ),
    ] = None


@topic("disk.encryption", main="file_systems")
class DiskEncryption(msgspec.Struct, frozen=True):
    """Which data of this machine is encrypted where it lies. A disk that encrypts itself does not show."""

    file_systems: Annotated[
        list[StoredFileSystem],
        about(
            "File systems on disks, those that hold only the boot loader and read-only images left out",
            source="proc/self/mountinfo; etc/fstab",
        ),
    ] = []
    swap: Annotated[
        list[StoredFileSystem],
        about("Swap on disks; memory (zram) left out", source="proc/swaps; etc/fstab"),
    ] = []
    volumes: Annotated[
        list[EncryptedVolume], about("Volumes set up at the start", source="etc/crypttab")
    ] = []


@topic("coredump.settings", main="hard_limit")
class CoredumpSettings(msgspec.Struct, frozen=True):
    """Whether the memory of a program that crashed is written to disk."""

    hard_limit: Annotated[
        int | None,
        about(
            "Most that any user's program may write; none: no line for `*` says so, or it says unlimited",
            unit="KiB",
            source="etc/security/limits.conf, limits.d",
        ),
    ] = None
    collector: Annotated[
        bool, about("systemd-coredump is installed", source="usr/lib/systemd/systemd-coredump")
    ] = False
    storage: Annotated[
        Literal["none", "external", "journal"],
        about("Where systemd-coredump keeps images", source="coredump.conf Storage="),
    ] = "external"
    size_max: Annotated[
        int | None,
        about(
            "Largest image that it looks at; none: its default, gigabytes",
            unit="bytes",
            source="coredump.conf ProcessSizeMax=",
        ),
    ] = None
