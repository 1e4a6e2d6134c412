"""A folder of a medium: files of our own names put there whole, and regular files of bounded size read from there.

The medium may come from anybody. Entries are reached by name below one descriptor, never through a link; what is read
is in memory before anybody looks at it, so that whoever changes it meanwhile changes nothing. What the files mean is
said by `vonggac_contract.media`.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final

from vonggac_contract.errors import Malformed, TooLarge

PREFIX: Final = "vonggac-"
MAX_ENTRIES: Final = 100_000
"""Of one folder: several parts each for all machines of a large site; the project's own figure."""
_NEW: Final = ".new"
_MODE: Final = 0o644
"""What is carried is sealed, and the other side is another user."""
_OPEN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Folder:
    """One folder, opened. Names that do not begin with `PREFIX` are nobody's business."""

    def __init__(self, path: Path) -> None:
        """Raises OSError: no folder, or a link to one."""
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def names(self) -> list[str]:
        """Names that begin with `PREFIX`, in order. Raises TooLarge, OSError."""
        found = []
        with os.scandir(self._fd) as entries:
            for seen, entry in enumerate(entries):
                if seen == MAX_ENTRIES:
                    raise TooLarge(f"more than {MAX_ENTRIES} entries in {self.path}")
                if entry.name.startswith(PREFIX):
                    found.append(entry.name)
        return sorted(found)

    def read(self, name: str, limit: int) -> bytes:
        """A regular file's bytes. Raises FileNotFoundError, Malformed (no regular file), TooLarge, OSError."""
        # A device may act on being opened at all, so it is asked before; who swaps it now is found out below.
        _regular(name, os.stat(name, dir_fd=self._fd, follow_symlinks=False))
        with open(os.open(name, os.O_RDONLY | _OPEN, dir_fd=self._fd), "rb") as stream:
            _regular(name, os.fstat(stream.fileno()))
            raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"{name}: more than {limit} bytes")
        return raw

    def put(self, name: str, content: bytes) -> None:
        """Write a file that is there whole and on the medium, or under its name not at all. Raises OSError."""
        fresh = name + _NEW
        self.remove(fresh)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, _MODE, dir_fd=self._fd)
        try:
            with open(descriptor, "wb") as stream:
                with contextlib.suppress(PermissionError):  # FAT has no modes
                    os.fchmod(descriptor, _MODE)
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            os.rename(fresh, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            os.fsync(self._fd)
        except BaseException:
            with contextlib.suppress(OSError):
                self.remove(fresh)
            raise

    def remove(self, name: str) -> None:
        """Take an entry away, if it is there. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)


def _regular(name: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Malformed(f"{name}: no regular file")
