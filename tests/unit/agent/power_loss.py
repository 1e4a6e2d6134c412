"""A disk that forgets: what was written but not synchronised may be lost, torn at a sector, or there out of order.

An apsw VFS between SQLite and the real files. It needs `locking_mode=EXCLUSIVE`, because the shared-memory methods of
WAL are not offered to VFS written in Python; a single writer, as the spool has, sees no difference.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw

SECTOR = 512
NAME = "forgetful"


class PowerCut(Exception):
    """The power went while SQLite was writing."""


class Disk:
    """What each file surely holds (`synced`), the writes since (`loose`), in order; `left`: writes until the cut."""

    def __init__(self) -> None:
        self.synced: dict[str, bytes] = {}
        self.loose: dict[str, list[tuple[int, bytes | None]]] = {}
        self.left: int | None = None

    def write(self, path: str, offset: int, data: bytes | None) -> None:
        """Note a write; None stands for cutting the file off at `offset`. Raises PowerCut when it is time."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise PowerCut
        self.loose.setdefault(path, []).append((offset, data))

    def sync(self, path: str) -> None:
        """Everything written to this file so far is safe now."""
        self.synced[path] = _applied(self.synced.get(path, b""), self.loose.pop(path, []))

    def after_the_cut(self, path: str, chance: Random) -> bytes:
        """What may be found in the file when the power is back."""
        survived: list[tuple[int, bytes | None]] = []
        for offset, data in self.loose.get(path, []):
            fate = chance.choice(("kept", "lost", "torn"))
            if fate == "kept" or (fate == "torn" and data is None):
                survived.append((offset, data))
            elif fate == "torn" and data is not None:
                survived.append((offset, data[: chance.randrange(len(data) // SECTOR + 1) * SECTOR]))
        if chance.random() < 0.5:
            chance.shuffle(survived)
        return _applied(self.synced.get(path, b""), survived)


def _applied(content: bytes, writes: list[tuple[int, bytes | None]]) -> bytes:
    image = bytearray(content)
    for offset, data in writes:
        if data is None:
            del image[offset:]
        elif data:
            image.extend(bytes(max(0, offset - len(image))))
            image[offset : offset + len(data)] = data
    return bytes(image)


class ForgetfulFile(apsw.VFSFile):
    """Passes everything on, and tells the disk what was written and synchronised."""

    def __init__(self, disk: Disk, filename: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path = filename.filename() if isinstance(filename, apsw.URIFilename) else str(filename)
        super().__init__("unix", filename, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        self._disk.write(self._path, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.write(self._path, newsize, None)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.sync(self._path)


class Forgetful(apsw.VFS):
    """The VFS itself."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(NAME, "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return ForgetfulFile(self._disk, name, flags)


@contextlib.contextmanager
def forgetful_disk() -> Iterator[Disk]:
    """Every database opened within lies on a disk that forgets."""

    def alone(connection: apsw.Connection) -> None:
        connection.pragma("locking_mode", "exclusive")

    disk = Disk()
    vfs = Forgetful(disk)
    apsw.connection_hooks.append(alone)
    try:
        yield disk
    finally:
        apsw.connection_hooks.remove(alone)
        vfs.unregister()


def image(disk: Disk, folder: Path, to: Path, chance: Random) -> None:
    """Write into `to` what may be left of the folder's databases; other files as they are."""
    for path in folder.iterdir():
        known = str(path) in disk.synced or str(path) in disk.loose
        found = disk.after_the_cut(str(path), chance) if known else path.read_bytes()
        (to / path.name).write_bytes(found)
        (to / path.name).chmod(0o600)
