"""The walk over the disk: every entry once, in a fixed order, so that it can be left off and gone on with.

What an entry means is known to `file_walk`. A folder is walked only if it is still the one that was
seen in its parent, so nobody leads the walk elsewhere by swapping one. What is left out, because it is too deep, too
large or closed, is told; of an ordinary user's home no more than HOME_ENTRIES are looked at, everything else is walked
to its end.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from vonggac_contract import limits

MAX_DEPTH: Final = 1_000
"""Folders inside folders; PATH_MAX (4,096 bytes) allows some 2,000."""
HOME_ENTRIES: Final = 1_000_000
"""Of one home; the project's own figure, some ten seconds of a slow disk and ten times what people have."""
MAX_WAITING: Final = 128 * limits.MIB
"""Of all folders that are still to be walked, each counted with its path and FOLDER_BYTES; some 500,000."""
FOLDER_BYTES: Final = 200
CHUNK: Final = 10_000
"""Entries of one folder that are held at a time."""
_TYPE: Final = 0o170000
"""S_IFMT of inode(7)."""
_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

Visit = Callable[[str, list[tuple[str, os.stat_result]]], None]
"""Told of each folder, once or in parts: its path inside the root ("" for that), its entries' names and lstat(2)."""
Why = Literal["deep", "large", "closed", "absent"]
Miss = Callable[[str, int, Why], None]
"""Told of what is not walked: a folder's path inside the root, its owner's number, and why."""


class Folder(NamedTuple):
    """A folder that waits: its path inside the root ("" or "/a/b"), which one it was when it was seen, and whose."""

    path: str
    device: int
    inode: int
    owner: int


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
        after: str | None = None,
        left_out: frozenset[str] = frozenset(),
        homes: frozenset[str] = frozenset(),
        spent: tuple[str, int] = ("", 0),
    ) -> None:
        """`root`: path on this machine, "" for its own; `devices`: st_dev of the file systems that are walked.

        `left_out`: folders that are not gone into, `homes`: those of ordinary users, by their paths inside the root.
        `after`, `spent`: where an earlier walk left off, and its `home` and `spent`; nothing up to and with that folder
        is visited again.
        """
        self._root = root
        self._devices = devices
        self._visit = visit
        self._miss = miss
        self._left_out = left_out
        self._homes = homes
        self.home, self.spent = spent
        self.entries = 0
        self.last = after
        top = self._top()
        self._waiting = [top] if after is None else self._beyond(after, top)
        self._weight = sum(map(_weight, self._waiting))

    def step(self) -> bool:
        """Visit the entries of one folder. False when there is none left."""
        if not self._waiting:
            return False
        folder = self._waiting.pop()
        self._weight -= _weight(folder)
        self._enter(folder.path)
        below = self._listed(folder, self._visit)
        weight = sum(map(_weight, below))
        if self._weight + weight > MAX_WAITING:
            self._miss(folder.path, folder.owner, "large")
        else:
            self._waiting.extend(below)
            self._weight += weight
        self.last = folder.path
        return True

    def _top(self) -> Folder:
        status = os.stat(self._root or "/")
        return Folder("", status.st_dev, status.st_ino, status.st_uid)

    def _enter(self, path: str) -> None:
        """Keep count of the home that this folder is in; its own home within another's is a part of that."""
        if not (self.home and f"{path}/".startswith(f"{self.home}/")):
            self.home, self.spent = (path if path in self._homes else ""), 0

    def _used_up(self) -> bool:
        return bool(self.home) and self.spent >= HOME_ENTRIES

    def _listed(self, folder: Folder, visit: Visit | None) -> list[Folder]:
        """The folders inside, last in order first; each entry is told to `visit`, without which nothing is counted."""
        below: list[Folder] = []
        if visit is not None and self._used_up():
            self._miss(folder.path, folder.owner, "large")
            return []
        try:
            for entries in self._read(folder):
                if visit is not None:
                    if self._used_up():
                        self._miss(folder.path, folder.owner, "large")
                        return []
                    self.entries += len(entries)
                    self.spent += len(entries)
                    visit(folder.path, entries)
                below += self._folders(folder.path, entries)
        except FileNotFoundError:  # gone since it was seen
            return []
        except OSError as error:
            if visit is not None:
                self._miss(
                    folder.path, folder.owner, "deep" if error.errno == errno.ENAMETOOLONG else "closed"
                )
            return []
        if below and folder.path.count("/") >= MAX_DEPTH:
            if visit is not None:
                self._miss(folder.path, folder.owner, "deep")
            return []
        below.sort(reverse=True)
        return below

    def _read(self, folder: Folder) -> Iterator[list[tuple[str, os.stat_result]]]:
        """Its entries in parts. Raises OSError, also if it is not the one that was seen."""
        fd = os.open((self._root + folder.path) or "/", _FLAGS)
        try:
            now = os.fstat(fd)
            if (now.st_dev, now.st_ino) != (folder.device, folder.inode):
                raise NotADirectoryError(errno.ENOTDIR, "another folder than was seen", folder.path)
            with os.scandir(fd) as names:
                while part := [entry.name for entry in itertools.islice(names, CHUNK)]:
                    yield list(_entries(fd, part))
        finally:
            os.close(fd)

    def _folders(self, path: str, entries: list[tuple[str, os.stat_result]]) -> list[Folder]:
        below = [
            Folder(f"{path}/{name}", status[2], status[1], status[4])
            for name, status in entries
            if status[0] & _TYPE == stat.S_IFDIR and status[2] in self._devices
        ]
        if any(folder.path in self._left_out for folder in below):
            below = [folder for folder in below if folder.path not in self._left_out]
        return below

    def _beyond(self, after: str, top: Folder) -> list[Folder]:
        """What waits once `after` was listed: what lies inside it, then beside it and its parents, later in order."""
        waiting: list[Folder] = []
        at: Folder | None = top
        parts = after.split("/")[1:]
        for depth in range(len(parts) + 1):
            inside = self._listed(at, None) if at is not None else []
            if depth == len(parts):
                waiting.extend(inside)
                break
            wanted = "/".join(["", *parts[: depth + 1]])
            waiting.extend(f for f in inside if f.path > wanted)
            # If that folder is gone meanwhile, what comes after it in order is all that is left here.
            at = next((f for f in inside if f.path == wanted), None)
        return waiting


def _weight(folder: Folder) -> int:
    return len(folder.path) + FOLDER_BYTES


def _entries(fd: int, names: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    lstat = os.lstat
    for name in names:
        try:
            yield name, lstat(name, dir_fd=fd)
        except OSError:  # gone since it was listed
            continue
