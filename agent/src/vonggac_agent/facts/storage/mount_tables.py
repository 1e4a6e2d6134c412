r"""Reads mount tables: proc/self/mountinfo, fstab, crypttab, mount units. Pure; the topics of storage look.

Sources: proc_pid_mountinfo(5); fstab(5), crypttab(5) and mount(8) "FILESYSTEM-INDEPENDENT MOUNT OPTIONS" (what
`defaults`, `user`, `users`, `owner` and `group` stand for; of two that contradict the last counts); getmntent(3) for
`\040`; systemd.mount(5). Passwords among options (mount.cifs(8)) never leave this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from ...formats import lines
from ...untrusted import bounded
from ..system import systemd

MAX_MOUNTS: Final = 5_000
MAX_OPTIONS: Final = 256
"""Options of one line; an overlay of containers names some 130 layers in one option."""
_OCTAL: Final = re.compile(r"\\([0-3][0-7]{2})")
_FLAGS: Final[dict[str, tuple[str, bool]]] = {
    "nodev": ("nodev", True),
    "dev": ("nodev", False),
    "nosuid": ("nosuid", True),
    "suid": ("nosuid", False),
    "noexec": ("noexec", True),
    "exec": ("noexec", False),
}
_STAND_FOR: Final[dict[str, tuple[str, ...]]] = {
    "defaults": ("dev", "suid", "exec"),
    "user": ("nodev", "nosuid", "noexec"),
    "users": ("nodev", "nosuid", "noexec"),
    "owner": ("nodev", "nosuid"),
    "group": ("nodev", "nosuid"),
}
_SECRETS: Final = ("password=", "pass=", "passwd=", "password2=")
_HARMLESS: Final = frozenset(
    (
        "uid", "gid", "umask", "fmask", "dmask", "mode", "file_mode", "dir_mode", "size", "nr_inodes", "nr_blocks",
        "sec", "vers", "nfsvers", "minorversion", "proto", "port", "retrans", "timeo", "rsize", "wsize", "acregmin",
        "acregmax", "acdirmin", "acdirmax", "subvol", "subvolid", "compress", "data", "errors", "discard", "commit",
        "credentials", "cred", "iocharset", "codepage", "shortname", "hidepid",
    )
)  # fmt: skip
"""Options whose value is told: numbers, words and paths of mount(8), nfs(5), mount.cifs(8). Others may hold secrets:
`user=name:password` (curlftpfs), `ssh_command=` (sshfs)."""


class Line(NamedTuple):
    """One file system of a table. `device` of mountinfo is the source; `number` its device number, "" in fstab."""

    device: str
    path: str
    type: str
    options: list[str]
    number: str = ""
    clear_password: bool = False


def unescaped(text: str) -> str:
    r"""A field with its octal escapes (`\040`) undone."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text) if "\\" in text else text


def mountinfo(text: str) -> list[Line]:
    """Mounts in the order in which they were made; a later one on the same path covers the earlier.

    Raises ValueError for over MAX_MOUNTS lines.
    """
    found: list[Line] = []
    for _, line in lines.significant(text, comments=""):
        left, _, right = line.partition(" - ")
        fields, more = left.split(), right.split(None, 2)
        if len(fields) >= 6 and len(more) >= 2:
            both = fields[5].split(",", MAX_OPTIONS) + (
                more[2].split(",", MAX_OPTIONS) if len(more) == 3 else []
            )
            path, device = bounded(unescaped(fields[4])), bounded(_without_password(unescaped(more[1])))
            found.append(Line(device, path, bounded(more[0]), spelt_out(both)[0], bounded(fields[2])))
        _at_most(found)
    return found


def fstab(text: str) -> list[Line]:
    """Lines of an fstab in order. Raises ValueError for over MAX_MOUNTS lines."""
    found: list[Line] = []
    for _, line in lines.significant(text):
        fields = line.split(None, 6)
        if len(fields) >= 3:
            options, clear = spelt_out(fields[3].split(",", MAX_OPTIONS) if len(fields) > 3 else [])
            path = bounded(unescaped(fields[1]))
            path = path.rstrip("/") or "/" if path.startswith("/") else path
            device = bounded(_without_password(unescaped(fields[0])))
            found.append(Line(device, path, bounded(fields[2]), options, clear_password=clear))
        _at_most(found)
    return found


def mount_unit(texts: Iterable[str]) -> Line | None:
    """A mount unit with its drop-ins, in order; None if it names no place."""
    mount = systemd.sections(*texts).get("Mount", {})
    where = mount.get("where", [])
    if not where:
        return None
    given = mount.get("options", [""])
    options, clear = spelt_out((given[-1] if given else "").split(",", MAX_OPTIONS))
    kind = mount.get("type", [])
    what = mount.get("what", [])
    return Line(
        device=bounded(_without_password(what[-1])) if what else "",
        path=bounded(where[-1]),
        type=bounded(kind[-1]) if kind else "",
        options=options,
        clear_password=clear,
    )


def spelt_out(options: Iterable[str]) -> tuple[list[str], bool]:
    """(nodev, nosuid and noexec as they come out, then the rest in order; whether a password was among them)."""
    flags: dict[str, bool] = {}
    rest: dict[str, None] = {}
    clear = quoted = doubled = hidden = False
    for option in list(options)[:MAX_OPTIONS]:
        for part in _STAND_FOR.get(option, (option,)):
            if part in _FLAGS:
                name, on = _FLAGS[part]
                flags[name] = on
        # A value goes on behind a comma between quotes, and behind one that is doubled (mount.cifs(8)).
        goes_on = quoted or doubled
        quoted = quoted != (option.count('"') % 2 == 1)
        doubled = option == "" and hidden
        if goes_on or option in _FLAGS or option in ("", "defaults"):
            continue
        clear = clear or _holds_password(option)
        told = _told(option)
        hidden = told != option
        if told:
            rest[bounded(told)] = None
    return [name for name, on in flags.items() if on] + list(rest), clear


def _holds_password(option: str) -> bool:
    name, _, value = option.partition("=")
    if f"{name.lower()}=".startswith(_SECRETS):
        return bool(value)
    if name.lower() in ("user", "username"):
        return bool(re.search(r"[:%].", value))
    return name.lower() == "ssh_command" and "sshpass" in value and "-p" in value


def _told(option: str) -> str:
    """An option as it may leave the machine; empty for a password."""
    name, equals, _ = option.partition("=")
    if option.lower().startswith(_SECRETS):
        return ""
    if not equals or name in _HARMLESS or name.startswith("x-systemd."):
        return option
    return f"{name}=…"


def _without_password(device: str) -> str:
    """`//server/share` or `user:secret@host:` (sshfs, davfs, curlftpfs): what stands before the `@` is left out."""
    head, at, tail = device.rpartition("@")
    return f"…@{tail}" if at and ":" in head else device


def _at_most(found: list[Line]) -> None:
    if len(found) > MAX_MOUNTS:
        raise ValueError(f"over {MAX_MOUNTS} mounts in one table")


class Volume(NamedTuple):
    """One line of a crypttab."""

    name: str
    device: str
    key: str
    options: list[str]


def crypttab(text: str) -> list[Volume]:
    """Lines of a crypttab in order. Raises ValueError for over MAX_MOUNTS lines."""
    found: list[Volume] = []
    for _, line in lines.significant(text):
        fields = [*line.split(None, 4), "", ""]
        if fields[1]:
            options = fields[3].split(",", MAX_OPTIONS)[:MAX_OPTIONS] if fields[3] else []
            found.append(Volume(bounded(fields[0]), bounded(fields[1]), bounded(fields[2]), options))
        if len(found) > MAX_MOUNTS:
            raise ValueError(f"over {MAX_MOUNTS} encrypted volumes in one table")
    return found


def swaps(text: str) -> list[tuple[str, str]]:
    """(file or device, type) of each swap area in use, from proc/swaps. Raises ValueError for over MAX_MOUNTS."""
    found: list[tuple[str, str]] = []
    for _, line in lines.significant(text):
        fields = line.split(None, 3)
        if len(fields) >= 3 and fields[0] != "Filename":
            found.append((bounded(unescaped(fields[0])), fields[1]))
        if len(found) > MAX_MOUNTS:
            raise ValueError(f"over {MAX_MOUNTS} swap areas")
    return found


def unit_name(path: str) -> str:
    r"""The mount unit of `path`: `/var/tmp` gives `var-tmp.mount`, systemd-escape(1) `--path`."""
    plain = path.strip("/")
    return (_escaped(plain) if plain else "-") + ".mount"


def _escaped(path: str) -> str:
    raw = path.encode("utf-8", "surrogateescape")
    kept = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_."
    return "".join(
        "-" if byte == 0x2F else chr(byte) if byte in kept and (i or byte != 0x2E) else f"\\x{byte:02x}"
        for i, byte in enumerate(raw)
    )
