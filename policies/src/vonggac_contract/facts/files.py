"""Facts about files: kind, owner, permissions, content; never followed out of the root that is judged."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, get_args

import msgspec

from .base import about, topic

Permission = Literal[
    "u+r", "u+w", "u+x", "g+r", "g+w", "g+x", "o+r", "o+w", "o+x", "setuid", "setgid", "sticky"
]


@topic("file.stat", selector=("path",), main="exists")
class FileStat(msgspec.Struct, frozen=True):
    """One path, links followed inside the root."""

    exists: Annotated[bool, about("Something is there", source="lstat(2), stat(2)")]
    kind: Annotated[
        Literal["file", "directory", "link", "device", "fifo", "socket", "absent"],
        about("What it is; link if it leads nowhere"),
    ] = "absent"
    owner: Annotated[
        str, about("Name of the owner, its number if it has no name", source="etc/passwd of the root")
    ] = ""
    group: Annotated[str, about("Name of the group", source="etc/group of the root")] = ""
    uid: Annotated[int | None, about("Owner's number")] = None
    gid: Annotated[int | None, about("Group's number")] = None
    mode: Annotated[str, about("Permission bits, four octal digits; empty if absent")] = ""
    permissions: Annotated[
        list[Permission], about("The same bits as a list, so that a rule can say subset_of")
    ] = []
    size: Annotated[int | None, about("Length", unit="bytes", volatile=True)] = None
    modified: Annotated[datetime | None, about("Last change of the content", volatile=True)] = None


ConfigFormat = Literal[
    "ini",
    "systemd",
    "assignments",
    "key-value",
    "directives",
    "directives-first",
    "json",
    "yaml",
    "toml",
    "xml",
]
"""Syntax of a configuration file: docs/rules.md says which program writes which."""

_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


def _misfit(selector: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Why `key` names nothing in a file of that format: RFC 6901, section 3, for documents."""
    form, key = selector["format"], selector["key"]
    if form in ("ini", "systemd"):
        section, slash, name = key.rpartition("/")
        if name and slash and (section or form == "ini"):
            return None
        return (
            "key",
            f"{key!r} names no section of {form}",
            "write section/name"
            + (", or /name for what stands before the first section" if form == "ini" else ""),
        )
    if form in ("json", "yaml", "toml", "xml"):
        if key.startswith("/") and not _BAD_ESCAPE.search(key):
            return None
        return "key", f"{key!r} is no JSON pointer", "write /name/name, with ~0 for ~ and ~1 for / in a name"
    if key and not set(key) & set(" \t\n="):
        return None
    return "key", f"{key!r} is no name that {form} can have", "write the name alone, without blanks and ="


@topic(
    "config.setting",
    selector=("path", "format", "key"),
    main="value",
    choices={"format": get_args(ConfigFormat)},
    misfit=_misfit,
)
class ConfigSetting(msgspec.Struct, frozen=True):
    """One setting of one configuration file, for what no topic of its own knows; without the program's own defaults.

    `key`: `section/name` for ini and systemd, a JSON pointer (RFC 6901, `*` for every item) for json, yaml, toml and
    xml (an attribute is `@name`), else the name. Only files that every user may read are looked at, because evidence
    shows the value.
    """

    file: Annotated[
        bool, about("The file, or a drop-in beside it, is there", source="the path of the selector")
    ]
    present: Annotated[bool, about("The setting is there, be it empty")]
    value: Annotated[
        str | None,
        about("The value in force: the last one, the first for directives-first; none if it is not there"),
    ] = None
    number: Annotated[int | None, about("The same as an integer, if it is one", below_zero=True)] = None
    values: Annotated[list[str], about("Every value in the order of the files")] = []
    source: Annotated[str, about("File and line of the value in force, where lines count")] = ""


@topic("file.lines", selector=("path",), main="lines")
class FileLines(msgspec.Struct, frozen=True):
    """What one file says, line by line: for rules that ask whether a line is there.

    Only files that every user may read are looked at, because evidence shows offending lines.
    """

    exists: Annotated[bool, about("The file is there", source="the path of the selector")]
    lines: Annotated[list[str], about("Lines without blank ones and those that begin with #, blanks folded")]


class WalkedFile(msgspec.Struct, frozen=True):
    """One entry that the walk over the disk found worth telling."""

    path: Annotated[str, about("Its path")]
    owner: Annotated[str, about("Name of the owner, its number if it has no name")]
    mode: Annotated[str, about("Permission bits, four octal digits")]
    package: Annotated[
        str | None,
        about(
            "Package that it belongs to, empty if to none; none where that cannot be told",
            source="dpkg's lists",
        ),
    ] = None


class Unsearched(msgspec.Struct, frozen=True):
    """A folder that was not walked, or not to its end."""

    path: Annotated[str, about("Its path; of an ordinary user's home the home")]
    owner: Annotated[str, about("Name of the owner, its number if it has no name")]
    why: Annotated[
        Literal["deep", "large", "closed", "absent"],
        about(
            "deep: over 1,000 folders inside one another, or a path of over 4,096 bytes; large: a home of over a "
            "million entries, more folders than can be remembered, or more entries than one look has time for; "
            "closed: it could not be listed; absent: no program is where every system has some, or nothing is mounted "
            "where a mounted root's fstab has a disk"
        ),
    ]
    system: Annotated[bool, about("It holds, or may hold, folders of programs and libraries")]
    seen: Annotated[bool | None, about("What it holds was seen all the same: none, nobody can tell")] = None


@topic("file.walk", cadence="daily", privileged=True, in_turns=True)
class FileWalk(msgspec.Struct, frozen=True):
    """What one walk over all local file systems found, for every rule that would otherwise walk by itself.

    Of a mounted root also those that are mounted below it; btrfs subvolumes that are not mounted, if they are not
    root's, as snapshots are. Left out: file systems of the kernel (proc, sys, dev), of
    other machines (nfs, cifs, sshfs …) and of images (squashfs), and the layers of containers: var/lib/docker,
    containerd, containers, lxc …, and in homes .local/share/containers/storage and .local/share/docker. Each list holds
    the first entries met; beside it stands how many there are.
    """

    entries: Annotated[int, about("Entries that were looked at", volatile=True)]
    unreadable: Annotated[int, about("Folders that were not walked, or not to their end")]
    unsearched: Annotated[
        list[Unsearched],
        about(
            "The same by path, each home once; those of programs and libraries, and the first of the others"
        ),
    ]
    world_writable: Annotated[list[WalkedFile], about("Files that everybody may write to (o+w)")]
    world_writable_total: Annotated[int, about("How many there are")]
    open_folders: Annotated[
        list[WalkedFile], about("Folders that everybody may write to, without the sticky bit (o+w, not +t)")
    ]
    open_folders_total: Annotated[int, about("How many there are")]
    unowned: Annotated[
        list[WalkedFile],
        about("Entries whose owner or group has no name", source="etc/passwd, etc/group of the root"),
    ]
    unowned_total: Annotated[int, about("How many there are")]
    privileged: Annotated[
        list[WalkedFile], about("Programs that run as their owner or group (setuid, setgid)")
    ]
    privileged_total: Annotated[int, about("How many there are")]
    devices: Annotated[
        list[WalkedFile],
        about(
            "Device nodes outside of /dev; null, zero, full, random, urandom and tty, as chroots have them, left out"
        ),
    ]
    devices_total: Annotated[int, about("How many there are")]
    system_writable: Annotated[
        list[WalkedFile],
        about(
            "Files and folders of programs and libraries (bin, sbin, lib*, usr/{bin,sbin,lib*,libexec}, "
            "usr/local/{bin,sbin,lib}) that another than root owns, or that group or others may write to"
        ),
    ]
    system_writable_total: Annotated[int, about("How many there are")]
    trust_files: Annotated[
        list[WalkedFile],
        about("Files that let others in without a password: .rhosts, .shosts, hosts.equiv, shosts.equiv"),
    ]
    trust_files_total: Annotated[int, about("How many there are")]
