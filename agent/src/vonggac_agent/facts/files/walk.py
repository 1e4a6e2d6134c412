"""The walk over the disk: every entry once, in a fixed order, so that it can be left off and gone on with.

What an entry means is known to `file_walk`, where to begin to `walked_places`. A folder is walked only if it is still
the one that was seen in its parent, so nobody leads the walk elsewhere by swapping one. What is left out, because it is
too deep, too large or closed, is told; of an ordinary user's home no more than HOME_ENTRIES are looked at, everything
else is walked to its end if its folders can be remembered (MAX_WAITING).
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits

MAX_DEPTH: Final = 1_000
"""Folders inside folders; PATH_MAX (4,096 bytes) allows some 2,000."""
HOME_ENTRIES: Final = 1_000_000
"""Of one home; the project's own figure, some ten seconds of a slow disk and ten times what people have."""
MAX_WAITING: Final = 12 * limits.MIB
"""Of all folders that are still to be walked, by what they take in memory; some 130,000 with names of 20 bytes."""
WAITING_BYTES: Final = 56
"""Of one that waits, beside what is packed: an object of 33 bytes, rounded up to 16, and its place in a list."""
LEVEL_BYTES: Final = 300
"""Of the folder that they are in, beside its path: a tuple, a list and a string."""
CHUNK: Final = 1_000
"""Entries of one folder that are held at a time."""
SUBVOLUME: Final = 256
"""Inode of the uppermost folder of a btrfs subvolume (BTRFS_FIRST_FREE_OBJECTID, btrfs_tree.h), which has an st_dev of
its own and is no mount point. Any user may make one: such is walked, root's own are mostly snapshots."""
_SEEN: Final = struct.Struct("=QQI")
_TYPE: Final = 0o170000
"""S_IFMT of inode(7)."""
_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

Entries = list[tuple[str, os.stat_result]]
Visit = Callable[[str, Entries], None]
"""Told of each folder, once or in parts: its path inside the root ("" for that), its entries' names and lstat(2)."""
Why = Literal["deep", "large", "closed", "absent"]
Miss = Callable[[str, int, Why, str], None]
"""Told of what is not walked: a folder's path inside the root, its owner's number, why, and the home it is in or ""."""
Mark = Callable[[], Callable[[], None]]
"""Asked before a folder of several parts; what it gives back is called if what was visited since does not count."""


class Folder(NamedTuple):
    """A folder to be walked: its path inside the root ("" or "/a/b"), which one it was when it was seen, and whose."""

    path: str
    device: int
    inode: int
    owner: int


class _Level(NamedTuple):
    """Folders that wait inside one: what goes before their names ("/a/", or "" for starts); each packed, last first."""

    before: str
    waiting: list[bytes]


class _Late(Exception):
    """The time was used up within a folder."""


class _Left(Exception):
    """A folder is not walked, or not to its end."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


class Walk:
    """One walk. `last`: the folder that was dealt with last.

    `home`, `spent`: the home that the walk is in, and how many of its entries were looked at.
    """

    def __init__(
        self,
        root: str,
        devices: frozenset[int],
        visit: Visit,
        miss: Miss,
        *,
        starts: Iterable[str] = ("",),
        deadline: float | None = None,
        mark: Mark = lambda: lambda: None,
        after: str | None = None,
        left_out: frozenset[str] = frozenset(),
        homes: frozenset[str] = frozenset(),
        spent: tuple[str, int] = ("", 0),
    ) -> None:
        """`root`: path on this machine, "" for its own; `devices`: st_dev of the file systems that are walked.

        `starts`: folders from which it goes down. `left_out`: folders that are not gone into, among them mount points
        of other file systems; `homes`: those of ordinary users; all by their paths inside the root. `deadline`: of
        time.monotonic(). `after`, `spent`: where an earlier walk left off, and its `home` and `spent`; nothing up to
        and with that folder is visited again.
        """
        self._root = root
        self._devices = devices
        self._visit = visit
        self._miss = miss
        self._mark = mark
        self._deadline = deadline
        self._left_out: dict[str, set[str]] = {}
        for path in left_out:
            above, _, name = path.rpartition("/")
            self._left_out.setdefault(above, set()).add(name)
        self._homes = homes
        self.home, self.spent = spent
        self.entries = 0
        self.last = after
        self._visited_any = False
        self._levels: list[_Level] = []
        self._weight = 0
        self._begin(starts, after)

    def step(self) -> bool:
        """Visit the entries of one folder. False when there is none left.

        If the time is used up within a folder, it waits again as if nobody had been there; if it is the first of this
        walk, so that a whole turn is too short for it, it is given up.
        """
        if not self._levels:
            return False
        folder = self._next()
        self._enter(folder.path)
        before = self.entries, self.spent
        try:
            self._wait(self._visited(folder))
        except _Late:
            self.entries, self.spent = before
            self._wait(_Level("", [_packed(folder.path, folder.device, folder.inode, folder.owner)]))
            return True
        except _Left as left:
            self._tell(folder, left.why)
        self.last = folder.path
        self._visited_any = True
        return True

    def _enter(self, path: str) -> None:
        """Keep count of the home that this folder is in; its own home within another's is a part of that."""
        if not (self.home and _within(path, self.home)):
            self.home, self.spent = (path if path in self._homes else ""), 0

    def _used_up(self) -> bool:
        return bool(self.home) and self.spent >= HOME_ENTRIES

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _tell(self, folder: Folder, why: Why) -> None:
        home = self.home if self.home and _within(folder.path, self.home) else ""
        self._miss(folder.path, folder.owner, why, home)

    def _wait(self, level: _Level) -> None:
        if level.waiting:
            self._levels.append(level)
            self._weight += _weight(level)

    def _next(self) -> Folder:
        level = self._levels[-1]
        packed = level.waiting.pop()
        self._weight -= len(packed) + WAITING_BYTES
        if not level.waiting:
            self._weight -= _weight(level)
            self._levels.pop()
        return Folder(
            level.before + os.fsdecode(packed[: -_SEEN.size - 1]), *_SEEN.unpack(packed[-_SEEN.size :])
        )

    def _visited(self, folder: Folder) -> _Level:
        """What waits inside, each entry told to `visit`. Raises _Left, _Late."""
        if self._used_up():
            raise _Left("large")
        inside = _Inside(folder.path, MAX_WAITING - self._weight)
        back: Callable[[], None] | None = None
        for entries, more in self._read(folder, None):
            if self._used_up():
                raise _Left("large")
            if back is not None and self._late():
                if not self._visited_any:
                    raise _Left("large")
                back()
                raise _Late
            if back is None and more:
                back = self._mark()
            self.entries += len(entries)
            self.spent += len(entries)
            self._visit(folder.path, entries)
            inside.add(self._folders(folder, entries))
        return inside.level()

    def _rest(self, folder: Folder, first: bytes) -> bool:
        """Let wait what is inside from the name `first` on, and visit nothing. False if that is nothing."""
        inside = _Inside(folder.path, MAX_WAITING - self._weight)
        try:
            for entries, _ in self._read(folder, first):
                if self._late():
                    raise _Left("large")
                inside.add(self._folders(folder, entries))
            level = inside.level()
        except _Left as left:
            self._tell(folder, left.why)
            return False
        self._wait(level)
        return bool(level.waiting)

    def _read(self, folder: Folder, first: bytes | None) -> Iterator[tuple[Entries, bool]]:
        """Its entries in parts, each with whether there may be more; with `first` only folders from that name on.

        Raises _Left, also if it is not the one that was seen.
        """
        try:
            fd = os.open((self._root + folder.path) or "/", _FLAGS)
            try:
                now = os.fstat(fd)
                if (now.st_dev, now.st_ino) != (folder.device, folder.inode):
                    raise _Left("closed")
                with os.scandir(fd) as names:
                    while part := list(itertools.islice(names, CHUNK)):
                        wanted = part if first is None else [e for e in part if _is_folder_from(e, first)]
                        yield list(_entries(fd, wanted)), len(part) == CHUNK
            finally:
                os.close(fd)
        except FileNotFoundError:  # gone since it was seen
            return
        except OSError as error:
            raise _Left("deep" if error.errno == errno.ENAMETOOLONG else "closed") from None

    def _folders(self, folder: Folder, entries: Entries) -> list[bytes]:
        left_out = self._left_out.get(folder.path, ())
        return [
            _packed(name, status[2], status[1], status[4])
            for name, status in entries
            if status[0] & _TYPE == stat.S_IFDIR
            and (status[2] in self._devices or status[2] == folder.device or _is_users_subvolume(status))
            and name not in left_out
        ]

    def _begin(self, starts: Iterable[str], after: str | None) -> None:
        """What waits once `after` was listed: what lies inside it, then beside it and its parents, later in order."""
        tops = []
        for path in sorted(starts, key=os.fsencode, reverse=True):
            try:
                status = os.stat((self._root + path) or "/")
            except FileNotFoundError:  # taken away since it was seen
                continue
            except OSError:
                self._miss(path, 0, "closed", "")
                continue
            tops.append(_packed(path, status.st_dev, status.st_ino, status.st_uid))
        if after is None:
            self._wait(_Level("", tops))
            return
        start = max((path for path in starts if _within(after, path)), key=len, default="")
        self._wait(_Level("", [top for top in tops if top >= _name(start)]))
        at = self._next_if(start)
        for part in after[len(start) :].split("/")[1:]:
            if at is not None and self._rest(at, _name(part)):
                at = self._next_if(part)
            else:  # gone meanwhile: what comes after it in order is all that is left
                return
        if at is not None:
            self._rest(at, _name(""))

    def _next_if(self, name: str) -> Folder | None:
        """The next folder of the last level if it has that name."""
        waiting = self._levels[-1].waiting if self._levels else [b""]
        return self._next() if waiting[-1].startswith(_name(name)) else None


class _Inside:
    """The folders inside one folder as they are found; none as soon as there is no room for them."""

    def __init__(self, path: str, room: int) -> None:
        self._path = path
        self._level = _Level(f"{path}/", [])
        self._room = room - _weight(self._level)

    def add(self, folders: list[bytes]) -> None:
        """Hold these too."""
        self._room -= sum(map(len, folders)) + len(folders) * WAITING_BYTES
        if self._room >= 0:
            self._level.waiting.extend(folders)
        else:
            self._level.waiting.clear()

    def level(self) -> _Level:
        """They all, last in order first. Raises _Left for too many, and for too deep."""
        if self._room < 0:
            raise _Left("large")
        if self._level.waiting and self._path.count("/") >= MAX_DEPTH:
            raise _Left("deep")
        self._level.waiting.sort(reverse=True)
        return self._level


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def _name(name: str) -> bytes:
    """What is packed of the name; NUL ends it, so that names order as they would by themselves."""
    return os.fsencode(name) + b"\0"


def _packed(name: str, device: int, inode: int, owner: int) -> bytes:
    return _name(name) + _SEEN.pack(device, inode, owner)


def _weight(level: _Level) -> int:
    names = sum(map(len, level.waiting)) + len(level.waiting) * WAITING_BYTES
    return LEVEL_BYTES + sys.getsizeof(level.before) + names


def _is_users_subvolume(status: os.stat_result) -> bool:
    return status[1] == SUBVOLUME and status[4] != 0


def _is_folder_from(entry: os.DirEntry[str], first: bytes) -> bool:
    return entry.is_dir(follow_symlinks=False) and _name(entry.name) >= first


def _entries(fd: int, part: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, os.stat_result]]:
    lstat = os.lstat
    for entry in part:
        name = entry.name
        try:
            yield name, lstat(name, dir_fd=fd)
        except OSError:  # gone since it was listed
            continue
