"""The spool's SQLite file: opened only if that is safe, written so that COMMIT means "on the disk".

What is in it is known to `spool`. The rules held here, each from a fault seen elsewhere:
- WAL with several connections needs SQLite 3.51.3 or a backport (3.44.6, 3.50.7): before, a checkpoint race could lose
  commits.
- synchronous=FULL: with NORMAL a power cut takes back transactions that were committed.
- the answers of PRAGMA are read and compared: unread, a failing disk goes unnoticed.
- after an I/O error SQLite goes on accepting commits on a connection whose data may not be on the disk, so the
  connection is closed, and what it left is read again, written to the main file and only then built upon.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from .errors import NewerState, SpoolFailing, SpoolFull, StateDamaged
from .failpoints import Failpoint, reach
from .safety import create_private, sync_folder

T = TypeVar("T")

FIXED: Final = (3, 51, 3)
BACKPORTS: Final = ((3, 44, 6), (3, 50, 7))
"""First releases without the WAL-reset fault: the line going on, and the older lines that got the fix."""
_FULL: Final = 2
"""PRAGMA synchronous as SQLite answers it (pragma.html): 2 is FULL."""
_IO_ERRORS: Final = (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)


def is_fixed(version: str) -> bool:
    """Whether this SQLite release (e.g. `3.54.1`) is free of the WAL-reset fault."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers >= FIXED:
        return True
    return any(numbers[:2] == fixed[:2] and numbers >= fixed for fixed in BACKPORTS)


class Database:
    """One connection. `schema` creates the tables; `version` is its number (PRAGMA user_version)."""

    def __init__(self, path: Path, *, schema: str, version: int, read_only: bool = False) -> None:
        """Raises NewerState, StateDamaged, SpoolFailing."""
        if not is_fixed(apsw.sqlite_lib_version()):
            raise StateDamaged(
                "SQLite {version} can lose committed transactions",
                hint="Install apsw 3.51.3 or newer from a wheel, which carries its own SQLite.",
                version=apsw.sqlite_lib_version(),
            )
        self.path = path
        self._schema = schema
        self._version = version
        self._read_only = read_only
        self.io_errors = 0
        """I/O errors on this file that no committed row speaks of yet."""
        self.is_made = True
        """False while whoever writes it has made the file and not yet its tables."""
        self._connection = self._open()

    def _open(self) -> apsw.Connection:
        try:
            if not self._read_only and not self.path.exists():
                create_private(self.path, b"")
                sync_folder(self.path.parent)
                reach(Failpoint.SPOOL_MADE)
            flags = apsw.SQLITE_OPEN_READONLY if self._read_only else apsw.SQLITE_OPEN_READWRITE
            connection = apsw.Connection(str(self.path), flags=flags)
        except (*_IO_ERRORS, OSError) as error:
            raise SpoolFailing("cannot open {path}: {error}", path=self.path, error=error) from error
        try:
            self._prepare(connection)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            connection.close()
            raise StateDamaged("{path} is damaged: {error}", path=self.path, error=error) from error
        except apsw.FullError as error:
            connection.close()
            raise SpoolFull("no space for {path}: {error}", path=self.path, error=error) from error
        except _IO_ERRORS as error:
            connection.close()
            raise SpoolFailing("{path}: {error}", path=self.path, error=error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: apsw.Connection) -> None:
        connection.set_busy_timeout(5000)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        found = connection.pragma("user_version")
        if found > self._version:
            raise NewerState(
                "{path} has schema {found}; this release knows {known}",
                path=self.path,
                found=found,
                known=self._version,
            )
        if self._read_only:
            self.is_made = found > 0
            return
        mode = connection.pragma("journal_mode", "wal")
        if mode != "wal":
            raise SpoolFailing(
                "{path} stays in journal mode {mode} instead of wal", path=self.path, mode=mode
            )
        connection.pragma("synchronous", _FULL)
        if connection.pragma("synchronous") != _FULL:
            raise SpoolFailing("{path} does not take synchronous=FULL", path=self.path)
        connection.pragma("journal_size_limit", 1 << 20)
        if found == 0:
            connection.execute("BEGIN IMMEDIATE")
            if connection.pragma("user_version") == 0:
                connection.execute(self._schema)
                connection.pragma("user_version", self._version)
                reach(Failpoint.SCHEMA_MADE)
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close it; what the journal holds is written to the main file."""
        self._connection.close()

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Every row of a question. Raises SpoolFailing, StateDamaged."""
        try:
            return list(self._connection.execute(sql, values))
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise StateDamaged("{path} is damaged: {error}", path=self.path, error=error) from error
        except _IO_ERRORS as error:
            raise SpoolFailing("{path}: {error}", path=self.path, error=error) from error

    def used_bytes(self) -> int:
        """Size of the pages in use."""
        ((pages, free, size),) = self.rows(
            "SELECT page_count, freelist_count, page_size"
            " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int((pages - free) * size)

    def transact(self, work: Callable[[Callable[..., list[tuple[Any, ...]]]], T]) -> T:
        """`work(execute)` in one transaction; returned means committed and on the disk.

        After an I/O error the file is opened anew and `work` is called once more: it must read what it builds upon, and
        find out whether the attempt before it is there. Raises SpoolFull, SpoolFailing, StateDamaged.
        """
        try:
            return self._attempt(work)
        except _IO_ERRORS as error:
            self._reopen(error)
        try:
            return self._attempt(work)
        except _IO_ERRORS as error:
            self._reopen(error)
            raise SpoolFailing(
                "{path}: {error}, also after opening it anew", path=self.path, error=error
            ) from error

    def _attempt(self, work: Callable[[Callable[..., list[tuple[Any, ...]]]], T]) -> T:
        connection = self._connection

        def execute(sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
            return list(connection.execute(sql, values))

        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(execute)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except apsw.FullError as error:
            raise SpoolFull("no space for {path}: {error}", path=self.path, error=error) from error
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise StateDamaged("{path} is damaged: {error}", path=self.path, error=error) from error
        return result

    def _reopen(self, error: Exception) -> None:
        self.io_errors += 1
        try:
            self._connection.close()
            self._connection = self._open()
            # What an fsync that failed left in the journal is copied to the main file and synchronised there.
            busy, _, _ = next(self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        except _IO_ERRORS as again:
            raise SpoolFailing(
                "{path}: {error}; opening it anew: {again}", path=self.path, error=error, again=again
            ) from again
        if busy:
            raise SpoolFailing(
                "{path}: {error}; its journal cannot be written back while somebody reads",
                path=self.path,
                error=error,
            )
