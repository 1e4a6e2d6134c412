"""How full the disk of the ledger is: a warning while there is still time, once, and a word when it is over.

A full disk acknowledges nothing: SQLite answers that it is full, whoever sent a report is told 503 with Retry-After and
keeps it, pages are read on, and work goes on by itself once there is space. The disk of a PostgreSQL server is its
administrator's to watch; the state folder here has the key and the embedded index.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa
import structlog

from .background import Background
from .settings import Settings

WARN: Final = 0.85
"""Part of the disk; the project's own figure, as that of Elasticsearch's low watermark."""
_OVER: Final = 0.80
"""Below it the warning is over, so that a disk at the edge does not warn again and again."""
_EVERY_S: Final = 60.0
_LOG: Final = structlog.get_logger("vonggac.space")


class Disk(msgspec.Struct, frozen=True):
    """`used`: the part of what this process may use, as `df` counts it; `free`: bytes left to it."""

    used: float
    free: int

    @property
    def warning(self) -> bool:
        """Whether somebody should make room."""
        return self.used >= WARN


def folder_of(settings: Settings) -> Path:
    """The folder whose disk has to have space: that of the ledger's file, else the state folder."""
    url = sa.make_url(settings.ledger_url)
    return (
        Path(url.database).parent
        if url.get_backend_name() == "sqlite" and url.database
        else settings.state_dir
    )


def disk_of(folder: Path) -> Disk:
    """Raises OSError."""
    told = os.statvfs(folder)
    used = told.f_blocks - told.f_bfree
    return Disk(round(used / max(1, used + told.f_bavail), 4), told.f_bavail * told.f_frsize)


class Watch(Background):
    """A thread that looks every minute and says once that the disk fills up."""

    def __init__(self, folder: Path, *, every_s: float = _EVERY_S) -> None:
        super().__init__("space")
        self._folder = folder
        self._every_s = every_s
        self._warned = False

    def run(self) -> None:
        """Look until stopped."""
        while not self._stop.wait(self._every_s):
            self.look()

    def look(self) -> None:
        """Once."""
        try:
            disk = disk_of(self._folder)
        except OSError as e:
            _LOG.warning("the ledger's disk cannot be asked", detail=str(e))
            return
        if disk.warning and not self._warned:
            self._warned = True
            _LOG.warning(
                "the ledger's disk fills up", folder=str(self._folder), used=disk.used, free=disk.free
            )
        elif self._warned and disk.used < _OVER:
            self._warned = False
            _LOG.info("the ledger's disk has space again", folder=str(self._folder), used=disk.used)
