"""One agent a state folder: an exclusive flock(2) that ends with the last process that holds the descriptor.

The service's supervisor takes it for itself and its children, so it imports next to nothing. Whether the folder is
safe is asked by `state`.
"""

from __future__ import annotations

import errno
import fcntl
import os

from .errors import AlreadyRunning

FILE = "lock"
LOCK_FD = "VONGGAC_LOCK_FD"
"""Set by the supervisor for its children: the descriptor of the lock it holds for them."""


class Lock:
    """The descriptor. `inherited`: it was taken by the supervisor, in whose name this process works."""

    def __init__(self, fd: int, *, inherited: bool = False) -> None:
        self.fd = fd
        self._inherited = inherited

    def release(self) -> None:
        """Give the folder free, unless the supervisor goes on holding it."""
        if not self._inherited:
            os.close(self.fd)


def take_lock(folder: str | os.PathLike[str]) -> Lock:
    """Take the folder, or the lock inherited from the supervisor. Raises AlreadyRunning."""
    path = os.path.join(folder, FILE)
    inherited = os.environ.get(LOCK_FD, "")
    if inherited.isdecimal() and _is_open_as(int(inherited), path):
        return Lock(int(inherited), inherited=True)
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENOSPC):
            raise
        fd = os.open(path, os.O_RDONLY | flags)  # flock(2) asks for no right to write
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise AlreadyRunning("another agent works on {folder}", folder=os.fspath(folder)) from None
    return Lock(fd)


def _is_open_as(fd: int, path: str) -> bool:
    """Whether the descriptor is this very file."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False
