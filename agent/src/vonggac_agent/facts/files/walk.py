"""The walk over the disk: every entry once, in a fixed order, so that it can be left off and gone on with.

What an entry means is known to `file_walk`. A folder is walked only if it is still the one that was
seen in its parent, so nobody leads the walk elsewhere by swapping one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

MAX_DEPTH: Final = 1_000
"""Folders inside folders; PATH_MAX (4,096 bytes) allows some 2,000."""
_TYPE: Final = 0o170000
"""S_IFMT of inode(7)."""
_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

Visit = Callable[[str, list[tuple[str, os.stat_result]]], None]
"""Told of each folder: its path inside the root ("" for the root itself), and its entries' names and lstat(2)."""


class Folder(NamedTuple):
    """A folder that waits: its path inside the root ("" or "/a/b"), and which one it was when it was seen."""

    path: str
    device: int
    inode: int


class Walk:
    """One walk. `unreadable`: folders that could not be listed; `last`: the last one that was listed whole."""

    def __init__(
        self,
        root: str,
        devices: frozenset[int],
        visit: Visit,
        *,
        after: str | None = None,
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        """`root`: path on this machine, "" for its own; `devices`: st_dev of the file systems that are walked.

        `left_out`: folders that are not gone into, by their paths inside the root. `after`: where an earlier walk left
        off; nothing up to and with that folder is visited again.
        """
        self._root = root
        self._devices = devices
        self._visit = visit
        self._left_out = left_out
        self.unreadable = 0
        self.entries = 0
        self.last = after
        top = os.stat(root or "/")
        self._waiting = [Folder("", top.st_dev, top.st_ino)] if after is None else self._beyond(after)

    def step(self) -> bool:
        """Visit the entries of one folder. False when there is none left."""
        if not self._waiting:
            return False
        folder = self._waiting.pop()
        self._waiting.extend(self._listed(folder, self._visit))
        self.last = folder.path
        return True

    def _listed(self, folder: Folder, visit: Visit | None) -> list[Folder]:
        """The folders inside, last in order first; each entry is told to `visit`."""
        try:
            fd = os.open((self._root + folder.path) or "/", _FLAGS)
        except FileNotFoundError:  # gone since it was seen
            return []
        except OSError:
            self.unreadable += 1
            return []
        try:
            now = os.fstat(fd)
            if (now.st_dev, now.st_ino) != (folder.device, folder.inode):
                self.unreadable += 1
                return []
            entries = list(_entries(fd))
        except OSError:
            self.unreadable += 1
            return []
        finally:
            os.close(fd)
        if visit is not None:
            self.entries += len(entries)
            visit(folder.path, entries)
        return self._folders(folder.path, entries)

    def _folders(self, path: str, entries: list[tuple[str, os.stat_result]]) -> list[Folder]:
        below = [
            Folder(f"{path}/{name}", status[2], status[1])
            for name, status in entries
            if status[0] & _TYPE == stat.S_IFDIR and status[2] in self._devices
        ]
        if any(folder.path in self._left_out for folder in below):
            below = [folder for folder in below if folder.path not in self._left_out]
        if path.count("/") >= MAX_DEPTH:
            self.unreadable += len(below)
            return []
        below.sort(reverse=True)
        return below

    def _beyond(self, after: str) -> list[Folder]:
        """What waits once `after` was listed: what lies inside it, then beside it and its parents, later in order."""
        unreadable = self.unreadable
        top = os.stat(self._root or "/")
        waiting: list[Folder] = []
        at: Folder | None = Folder("", top.st_dev, top.st_ino)
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
        self.unreadable = unreadable
        return waiting


def _entries(fd: int) -> Iterator[tuple[str, os.stat_result]]:
    lstat = os.lstat
    for name in os.listdir(fd):
        try:
            yield name, lstat(name, dir_fd=fd)
        except OSError:  # gone since it was listed
            continue
