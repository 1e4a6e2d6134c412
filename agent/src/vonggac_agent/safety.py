"""Whether a path is safe from other users, and files that appear whole or not at all.

An agent that runs as root trusts what it reads and writes in a few places; here is decided whether somebody else could
have put something there. Which places these are is said by `state`, `settings` and `service`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import UnsafePath
from .failpoints import Failpoint, reach

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_ANY = stat.S_IRWXG | stat.S_IRWXO


def check_path(path: Path, *, private: bool = False) -> None:
    """Raise UnsafePath unless only root and this user can change `path` and what leads to it.

    Asked of the path as written (links are refused, not followed), of each folder above it, and of what it is: a folder
    or a regular file with one name. `private`: others may not even read it. A sticky folder above (such as /tmp) is
    allowed, because nobody can rename another's entry there.
    """
    absolute = Path(os.path.abspath(path))
    check_above(absolute)
    check_entry(absolute, private=private)


def check_above(absolute: Path) -> None:
    """As `check_path`, of the folders above only."""
    for folder in reversed(absolute.parents):
        found = folder.lstat()
        if stat.S_ISLNK(found.st_mode):
            # A link made by root in a folder only root can write (as /var/run is) leads where root wants.
            _refuse_owner(folder, found)
            check_path(folder.resolve())
            continue
        _refuse_owner(folder, found)
        if found.st_mode & OTHERS_WRITE and not found.st_mode & stat.S_ISVTX:
            raise UnsafePath(
                "state-dir-unsafe: {folder} may be written by others (mode {mode:04o})",
                folder=folder,
                mode=stat.S_IMODE(found.st_mode),
            )


def check_entry(path: Path, *, private: bool = False) -> None:
    """As `check_path`, without the folders above."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise UnsafePath("state-dir-unsafe: {path} is a symbolic link", path=path)
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise UnsafePath(
            "state-dir-unsafe: {path} is neither a regular file nor a folder (mode {mode:04o})",
            path=path,
            mode=stat.S_IMODE(found.st_mode),
        )
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise UnsafePath(
            "state-dir-unsafe: {path} has {names} names (hard links)", path=path, names=found.st_nlink
        )
    _refuse_owner(path, found)
    forbidden = OTHERS_ANY if private else OTHERS_WRITE
    if found.st_mode & forbidden:
        raise UnsafePath(
            "state-dir-unsafe: {path} may be reached by others (mode {mode:04o})"
            if private
            else "state-dir-unsafe: {path} may be written by others (mode {mode:04o})",
            path=path,
            mode=stat.S_IMODE(found.st_mode),
        )


def _refuse_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise UnsafePath(
            "state-dir-unsafe: {path} belongs to user {user} (mode {mode:04o})",
            path=path,
            user=found.st_uid,
            mode=stat.S_IMODE(found.st_mode),
        )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is there whole or not at all, also after a power cut.

    The name it had before stays until the new bytes are on the disk (rename(2)); then the folder is synchronised.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    create_private(fresh, content)
    reach(Failpoint.FRESH_WRITTEN)
    os.replace(fresh, path)
    reach(Failpoint.FRESH_NAMED)
    sync_folder(path.parent)
    reach(Failpoint.FRESH_KEPT)


def create_private(path: Path, content: bytes) -> None:
    """Make a new file of mode 0600 and synchronise it; FileExistsError if the name is taken."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make a name that was made, changed or removed in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
