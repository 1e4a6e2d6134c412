"""A ledger on SQLite: copied page by page while others write, and put in the place of another.

A read transaction is held on the source while pages are copied: so the copy is one consistent state, writers go on (the
log of changes only grows meanwhile), and SQLite does not begin anew at each commit of another connection
(https://www.sqlite.org/backup.html, "If another process modifies the source database").
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from vonggac_collector.errors import BackupDamaged, Busy, StoreFailed
from vonggac_collector.ledger.tables import METADATA

from .manifest import sync

PAGES: Final = 1_000
"""In one step: some 4 MB."""
_LOGS: Final = ("-wal", "-shm")

Report = Callable[[str], None]


def save(source: Path, target: Path, report: Report) -> None:
    """Copy the ledger as it is now to a new file, one file without a log. Raises StoreFailed, BackupDamaged, OSError.

    BackupDamaged: the copy does not pass SQLite's own check, so the source is damaged.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(apsw.Connection(str(source))) as theirs, closing(apsw.Connection(str(target))) as ours:
            theirs.set_busy_timeout(5_000)
            theirs.execute("PRAGMA query_only=ON")
            theirs.execute("BEGIN")
            theirs.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            _copy(theirs, ours, report)
            ours.execute("PRAGMA journal_mode=DELETE").fetchall()
            report("checking the copy")
            said = ours.execute("PRAGMA quick_check(1)").fetchall()
    except apsw.Error as e:
        raise StoreFailed(f"{type(e).__name__}: {e}") from e
    if said != [("ok",)]:
        raise BackupDamaged(f"{source}: SQLite finds it damaged: {str(said[0][0])[:300]}")
    sync(target)


def _copy(source: apsw.Connection, target: apsw.Connection, report: Report) -> None:
    with target.backup("main", source, "main") as copying:
        while not copying.done:
            copying.step(PAGES)
            done = copying.page_count - copying.remaining
            report(f"{done} of {copying.page_count} pages")


def has_rows(place: Path) -> bool:
    """Whether there is anything to lose. What cannot be read counts as rows."""
    if not place.exists():
        return False
    try:
        with closing(apsw.Connection(str(place))) as hand:
            there = {row[0] for row in hand.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            ours = METADATA.tables.keys() & there
            return any(hand.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall() for name in ours)  # noqa: S608
    except apsw.Error:
        return True


@contextmanager
def replaced(place: Path, source: Path, aside: str) -> Iterator[tuple[str, Path | None]]:
    """Put a copy of `source` in the place of a ledger: gives the SQLAlchemy URL of the copy, which stands beside it
    while the block checks and changes it, and where the ledger that was there will be.

    Takes its place if the block ends well; what was there before gets `aside` behind its name. Otherwise nothing was
    touched. Raises Busy if another process has the ledger open; StoreFailed, OSError.
    """
    made = place.with_name(place.name + ".restoring")
    there = place.exists()
    try:
        _remove(made)
        shutil.copyfile(source, made)
        made.chmod(0o600)
        yield f"sqlite:///{made}", place.with_name(place.name + aside) if there else None
        _fold(made)
        sync(made)
        with _nobody_else(place, there):
            for end in _LOGS:
                # Only of a ledger that is too damaged to be folded into one file.
                with suppress(FileNotFoundError):
                    place.with_name(place.name + end).rename(place.with_name(place.name + aside + end))
            if there:
                os.link(place, place.with_name(place.name + aside))
            # One step: whoever is killed here leaves the one ledger or the other.
            made.rename(place)
            sync(place.parent)
    finally:
        _remove(made)


def require_alone(place: Path) -> None:
    """Raises Busy if another process has the ledger open."""
    with _nobody_else(place, place.exists()):
        pass


@contextmanager
def _nobody_else(place: Path, there: bool) -> Iterator[None]:
    """Only a connection that is alone can leave WAL mode; then it locks the file against whoever comes."""
    if not there:
        yield
        return
    with closing(apsw.Connection(str(place))) as hand:
        try:
            hand.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
            hand.execute("PRAGMA journal_mode=DELETE").fetchall()
            hand.execute("BEGIN EXCLUSIVE")
        except (apsw.BusyError, apsw.LockedError) as e:
            raise Busy(f"{place}: another process has it open; stop the collector first") from e
        except apsw.Error:
            # What is damaged cannot be locked, and is put aside as it is.
            yield
            return
        yield


def _fold(path: Path) -> None:
    """Everything in one file."""
    try:
        with closing(apsw.Connection(str(path))) as hand:
            hand.execute("PRAGMA journal_mode=DELETE").fetchall()
    except apsw.Error as e:
        raise StoreFailed(f"{type(e).__name__}: {e}") from e


def _remove(path: Path) -> None:
    for end in ("", *_LOGS, "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)
