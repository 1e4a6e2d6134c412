"""How many looks could not be kept: counted in a file that was there before the disk was full, told in the next report.

Why a look was not kept (no space, an I/O error) is decided by `spool`; here it is only remembered.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .failpoints import Failpoint, reach
from .safety import create_private, sync_folder

FILE: Final = "skipped-looks"
_WIDTH: Final = 20


def prepare(folder: Path) -> None:
    """Make the counter's file while there is space."""
    path = folder / FILE
    if not path.exists():
        create_private(path, b"0".rjust(_WIDTH) + b"\n")
        sync_folder(folder)


def count(folder: Path) -> int:
    """Looks skipped since the last report that told."""
    try:
        text = (folder / FILE).read_bytes()[:_WIDTH].strip()
    except FileNotFoundError:
        return 0
    return int(text) if text.isdigit() else 0


def add(folder: Path, more: int) -> int:
    """Count `more` looks (or take back what was told: negative), in place; returns the new count. Raises OSError."""
    total = max(0, count(folder) + more)
    fd = os.open(folder / FILE, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.write(fd, str(total).encode().rjust(_WIDTH) + b"\n")
        if more > 0:
            reach(Failpoint.SKIP_WRITTEN)
        os.fdatasync(fd)
    finally:
        os.close(fd)
    if more > 0:
        reach(Failpoint.SKIP_COUNTED)
    return total
