"""file.walk: what one walk over the disk finds for all rules together. How it goes about is the work of `walk`.

Within the service a look gives the walk a slice of time; where that is not enough, the walk is left off in a note and
gone on with at the next look. A look by hand walks to the end.

Mode bits: inode(7).
"""

from __future__ import annotations

import os
import posixpath
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.files import FileWalk, Unsearched, WalkedFile

from ...host import Host
from ...notes import Notes
from ...untrusted import as_text, bounded
from ..access import account_files
from ..access.account_users import NO_SHELLS, UID_MIN
from ..base import holds
from ..packages import owning_package
from . import owners
from .walk import Walk, Why
from .walked_places import LEFT_OUT, LEFT_OUT_OF_HOMES, places

NOTE: Final = "file-walk"
BY_HAND_S: Final = 900.0
"""Seconds that a look by hand may walk: some hundred million entries on a quick disk, a few million on a slow one."""
LISTED: Final = 200
"""Entries that each list holds; how many there are is counted on."""
MAX_PATH: Final = 400
"""Characters of a path that are kept, so that the note keeps within its bound whatever the names are."""
SYSTEM: Final = (
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec"),
    *("/usr/local/bin", "/usr/local/sbin", "/usr/local/lib"),
)
ABOVE_SYSTEM: Final = frozenset(posixpath.dirname(folder).rstrip("/") for folder in SYSTEM)
TRUST: Final = frozenset((".rhosts", ".shosts", "hosts.equiv", "shosts.equiv"))
HARMLESS: Final = frozenset((*(os.makedev(1, minor) for minor in (3, 5, 7, 8, 9)), os.makedev(5, 0)))
"""Character devices that give access to nothing: null, zero, full, random, urandom, tty (admin-guide/devices.txt);
Postfix has some in its chroot."""
_ORDINARY: Final = frozenset((stat.S_IFREG, stat.S_IFDIR))
_LISTS: Final = (
    *("world_writable", "open_folders", "unowned", "privileged"),
    *("devices", "system_writable", "trust_files"),
)


class Seen(msgspec.Struct, forbid_unknown_fields=True):
    """What was found so far: a list and a count for each kind; also the form of the note.

    `last` and `home` are paths as the disk has them, which need not be text.
    """

    last: bytes | None = None
    entries: int = 0
    unreadable: int = 0
    unsearched: dict[str, Unsearched] = {}
    home: bytes = b""
    spent: int = 0
    lists: dict[str, list[WalkedFile]] = {}
    totals: dict[str, int] = {}

    def add(self, kind: str, folder: str, name: str, status: os.stat_result, users: dict[int, str]) -> None:
        """Count an entry, and keep it if the list has room."""
        self.totals[kind] = self.totals.get(kind, 0) + 1
        kept = self.lists.setdefault(kind, [])
        if len(kept) < LISTED:
            owner = users.get(status.st_uid, str(status.st_uid))
            path = bounded(as_text(f"{folder}/{name}"), MAX_PATH)
            kept.append(WalkedFile(path, owner, f"{stat.S_IMODE(status.st_mode):04o}"))

    def mark(self) -> Callable[[], None]:
        """As `walk.Mark`."""
        totals, lengths = dict(self.totals), {kind: len(kept) for kind, kept in self.lists.items()}

        def back() -> None:
            self.totals = totals
            for kind, kept in self.lists.items():
                del kept[lengths.get(kind, 0) :]

        return back

    def miss(self, folder: str, owner: str, why: Why, home: str) -> None:
        """Keep a folder that was not walked; those of the system always, of the others as many as there is room for."""
        system = _is_system(folder) or any(top.startswith(f"{folder}/") for top in SYSTEM)
        path = bounded(as_text((not system and home) or folder or "/"), MAX_PATH)
        if path not in self.unsearched:
            self.unreadable += 1
            if len(self.unsearched) < (2 * LISTED if system else LISTED):
                self.unsearched[path] = Unsearched(path, owner, why, system)


class Judge:
    """Tells which entries are worth a word. Called for each of perhaps millions, so it asks the rarest things last."""

    def __init__(self, seen: Seen, users: dict[int, str], groups: dict[int, str]) -> None:
        self._seen = seen
        self._users = users
        self._groups = groups

    def visit(self, folder: str, entries: list[tuple[str, os.stat_result]]) -> None:
        """As `walk.Visit`."""
        users, groups = self._users, self._groups
        system = folder.startswith(SYSTEM) and _is_system(folder)
        for name, status in entries:
            mode, uid = status[0], status[4]
            kind = mode & 0o170000
            if kind == stat.S_IFLNK:
                continue
            if uid not in users or status[5] not in groups:
                self._add("unowned", folder, name, status)
            if system and (uid or mode & 0o022):
                self._add("system_writable", folder, name, status)
            if mode & 0o6002 or kind not in _ORDINARY:
                self._bits(folder, name, status, kind)
            if name in TRUST and kind == stat.S_IFREG:
                self._add("trust_files", folder, name, status)
        if folder in ABOVE_SYSTEM:
            for name, status in entries:
                if (
                    f"{folder}/{name}" in SYSTEM
                    and status[0] & 0o170000 == stat.S_IFDIR
                    and (status[4] or status[0] & 0o022)
                ):
                    self._add("system_writable", folder, name, status)

    def _bits(self, folder: str, name: str, status: os.stat_result, kind: int) -> None:
        mode = status[0]
        if kind == stat.S_IFREG:
            if mode & stat.S_IWOTH:
                self._add("world_writable", folder, name, status)
            if mode & (stat.S_ISUID | stat.S_ISGID):
                self._add("privileged", folder, name, status)
        elif kind == stat.S_IFDIR:
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                self._add("open_folders", folder, name, status)
        elif kind in (stat.S_IFBLK, stat.S_IFCHR) and _gives_access(status) and not _is_dev(folder):
            self._add("devices", folder, name, status)

    def _add(self, kind: str, folder: str, name: str, status: os.stat_result) -> None:
        self._seen.add(kind, folder, name, status, self._users)


def _is_system(folder: str) -> bool:
    return any(folder == top or folder.startswith(top + "/") for top in SYSTEM)


def _is_dev(folder: str) -> bool:
    """Where device nodes belong: /dev, but for what users may write to in it."""
    return f"{folder}/".startswith("/dev/") and not f"{folder}/".startswith("/dev/shm/")  # noqa: S108 - named, not used


def _gives_access(status: os.stat_result) -> bool:
    """False for what stands in a chroot to be of use there, and for 0:0, which is no device.

    0:0 hides an entry of a lower layer (kernel: filesystems/overlayfs), or is a node of systemd for InaccessiblePaths=.
    """
    return status.st_rdev != 0 and not (stat.S_ISCHR(status.st_mode) and status.st_rdev in HARMLESS)


def _homes(host: Host) -> dict[str, int]:
    """Homes of ordinary users that belong to them, where they really are. Raises CouldNotLook(not-installed)."""
    accounts = account_files.passwd(owners.lines(host, "etc/passwd"))
    if not accounts:
        raise CouldNotLook(Reason.NOT_INSTALLED, "etc/passwd is absent or holds no account")
    found: dict[str, int] = {}
    for account in accounts:
        if account.uid >= UID_MIN and posixpath.basename(account.shell) not in NO_SHELLS:
            with suppress(CouldNotLook):  # closed even to root: nothing of it is walked
                status = host.stat(account.home) if account.home.startswith("/") else None
                if status is not None and status.st_uid == account.uid:
                    found[host.inside(account.home)] = account.uid
    return {home: uid for home, uid in found.items() if home not in ("", "/")}


def finish(seen: Seen, packages: dict[str, str] | None) -> FileWalk:
    """The fact, every list in order of its paths. `packages`: privileged program to package, None if not known."""
    unsearched = [seen.unsearched[path] for path in sorted(seen.unsearched)]
    values: dict[str, Any] = {
        "entries": seen.entries,
        "unreadable": seen.unreadable,
        "unsearched": unsearched,
    }
    for kind in _LISTS:
        listed = sorted(seen.lists.get(kind, []), key=lambda f: f.path)
        if kind == "privileged" and packages is not None:
            listed = [msgspec.structs.replace(f, package=packages.get(f.path, "")) for f in listed]
        values[kind] = listed
        values[f"{kind}_total"] = seen.totals.get(kind, 0)
    return FileWalk(**values)


def _note(notes: Notes | None) -> Seen:
    raw = notes.read(NOTE) if notes is not None else None
    if raw is None:
        return Seen()
    try:
        return msgspec.json.decode(raw, type=Seen)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Seen()  # a damaged note costs a walk from the beginning


def gather(host: Host, selector: tuple[str, ...]) -> tuple[FileWalk, str]:
    """Topic file.walk.

    Raises CouldNotLook: timed-out when the slice of time was used up; the note then goes on. not-installed: there is no
    etc/passwd, so that this is no system; permission-denied.
    """
    if os.geteuid() != 0 and host.live:
        raise CouldNotLook(Reason.PERMISSION_DENIED, "an ordinary user sees only a part of the disk")
    seen = _note(host.notes)
    if host.notes is None:
        host.deadline = time.monotonic() + BY_HAND_S
    users, groups = owners.names(host, "etc/passwd"), owners.names(host, "etc/group")
    homes = _homes(host)
    left_out = LEFT_OUT | {f"{home}/{inside}" for home in homes for inside in LEFT_OUT_OF_HOMES}
    where = places(host, left_out)

    def miss(folder: str, uid: int, why: Why, home: str) -> None:
        owner = homes.get(home, uid)
        seen.miss(folder, users.get(owner, str(owner)), why, home)

    walk = Walk(
        host.prefix,
        where.devices,
        Judge(seen, users, groups).visit,
        miss,
        starts=where.starts,
        deadline=host.deadline,
        mark=seen.mark,
        after=None if seen.last is None else os.fsdecode(seen.last),
        left_out=left_out | where.others,
        homes=frozenset(homes),
        spent=(os.fsdecode(seen.home), seen.spent),
    )
    in_time = to_the_end(walk, host.deadline)
    seen.entries += walk.entries
    if host.notes is not None:
        seen.last = None if walk.last is None else os.fsencode(walk.last)
        seen.home, seen.spent = os.fsencode(walk.home), walk.spent
        host.notes.write(NOTE, None if in_time else msgspec.json.encode(seen))
    if not in_time:
        raise CouldNotLook(
            Reason.TIMED_OUT, f"{seen.entries} entries walked; the next look goes on from there"
        )
    host.deadline = None
    if not any(holds(host, folder) for folder in ("/usr/bin", "/bin")):
        seen.miss("/usr/bin", "root", "absent", "")
    for path in where.absent:
        seen.miss(path, "root", "absent", "")
    programs = [f.path for f in seen.lists.get("privileged", [])]
    return finish(seen, owning_package.of_all(host, programs)), "lstat of every entry"


def to_the_end(walk: Walk, deadline: float | None) -> bool:
    """Walk on; False if the time (of time.monotonic) was used up first."""
    while walk.step():
        if deadline is not None and time.monotonic() > deadline:
            return False
    return True
