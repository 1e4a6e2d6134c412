"""DB-API 2.0 (PEP 249) over apsw, which carries its own SQLite, from a release without the WAL-reset fault.

As much of PEP 249 as SQLAlchemy asks for. Transactions are opened by `Connection.begin`, which `apsw_dialect` calls, so
that a writer can take the write lock at once (BEGIN IMMEDIATE) instead of failing half-way. What SQLite reports keeps
its class name and message; `apsw_dialect` says which errors make a connection unusable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

apilevel: Final = "2.0"
threadsafety: Final = 1
paramstyle: Final = "qmark"
sqlite_version: Final = apsw.sqlite_lib_version()
sqlite_version_info: Final = tuple(int(part) for part in sqlite_version.split("."))


class Warning(Exception):
    """PEP 249; never raised here."""


class Error(Exception):
    """PEP 249: the root of the errors of this module."""


class InterfaceError(Error):
    """PEP 249: this module was used wrongly."""


class DatabaseError(Error):
    """PEP 249: the database reported an error."""


class DataError(DatabaseError):
    """PEP 249: a value is out of range or too large."""


class OperationalError(DatabaseError):
    """PEP 249: locked, full, read-only, input/output error."""


class IntegrityError(DatabaseError):
    """PEP 249: a constraint does not hold."""


class InternalError(DatabaseError):
    """PEP 249: SQLite reported a fault of its own."""


class ProgrammingError(DatabaseError):
    """PEP 249: the statement or its parameters are wrong."""


class NotSupportedError(DatabaseError):
    """PEP 249; never raised here."""


_KINDS: Final[tuple[tuple[tuple[type[apsw.Error], ...], type[Error]], ...]] = (
    ((apsw.ConstraintError,), IntegrityError),
    ((apsw.SQLError, apsw.BindingsError, apsw.RangeError), ProgrammingError),
    ((apsw.TooBigError, apsw.MismatchError), DataError),
    ((apsw.InternalError,), InternalError),
    (
        (
            apsw.MisuseError,
            apsw.ConnectionClosedError,
            apsw.CursorClosedError,
            apsw.ThreadingViolationError,
            apsw.ForkingViolationError,
        ),
        InterfaceError,
    ),
)

_INPUT_OUTPUT: Final = (apsw.IOError, apsw.FullError, apsw.CantOpenError, apsw.CorruptError, apsw.NotADBError)


def _translated(error: apsw.Error) -> Error:
    kind = next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), OperationalError)
    return kind(f"{type(error).__name__}: {error}")


def is_busy(error: BaseException | None) -> bool:
    """Whether SQLite said that somebody else holds the lock."""
    return isinstance(getattr(error, "__cause__", None), (apsw.BusyError, apsw.LockedError))


def is_input_output(error: BaseException | None) -> bool:
    """Whether the disk failed: nothing this connection says after that may be believed."""
    return isinstance(getattr(error, "__cause__", None), _INPUT_OUTPUT)


def connect(
    path: str,
    *,
    begin: str = "DEFERRED",
    busy_timeout_ms: int = 5_000,
    pragmas: Sequence[tuple[str, str]] = (),
) -> Connection:
    """Open `path`. `pragmas` are (statement, the answer it must give); OperationalError if one answers otherwise."""
    try:
        inner = apsw.Connection(path)
        inner.set_busy_timeout(busy_timeout_ms)
        for statement, wanted in pragmas:
            answer = [str(row[0]) for row in inner.execute(statement)]
            if answer != ([wanted] if wanted else []):
                raise OperationalError(f"{statement} answered {answer}, not {wanted!r}")
    except apsw.Error as e:
        raise _translated(e) from e
    return Connection(inner, begin)


class Connection:
    """PEP 249 connection. Statements outside `begin` commit by themselves, as SQLite has it."""

    def __init__(self, inner: apsw.Connection, begin: str) -> None:
        self._inner = inner
        self._begin = "BEGIN IMMEDIATE" if begin == "IMMEDIATE" else "BEGIN"

    @property
    def inner(self) -> apsw.Connection:
        """apsw's own connection, for what PEP 249 has no word for."""
        return self._inner

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self._inner)

    def begin(self) -> None:
        """Open a transaction. OperationalError (`is_busy`) if a writer waits too long for the lock."""
        self._run(self._begin)

    def commit(self) -> None:
        """COMMIT; returns when SQLite has synchronised (with synchronous=FULL)."""
        if self._inner.in_transaction:
            self._run("COMMIT")

    def rollback(self) -> None:
        """ROLLBACK; nothing if no transaction is open."""
        if self._inner.in_transaction:
            self._run("ROLLBACK")

    def close(self) -> None:
        """Close; an open transaction is rolled back by SQLite."""
        try:
            self._inner.close(True)
        except apsw.Error as e:
            raise _translated(e) from e

    def _run(self, statement: str) -> None:
        try:
            self._inner.execute(statement)
        except apsw.Error as e:
            raise _translated(e) from e


class Cursor:
    """PEP 249 cursor. Rows are read at once, so that no unfinished statement holds up a COMMIT."""

    arraysize = 1

    def __init__(self, inner: apsw.Connection) -> None:
        self._connection = inner
        self._rows: list[tuple[Any, ...]] = []
        self._next = 0
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement and read all its rows."""
        described: list[tuple[tuple[Any, ...], ...]] = []

        def describe(cursor: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
            described.append(cursor.description)
            return True

        try:
            cursor = self._connection.cursor()
            cursor.exec_trace = describe
            before = self._connection.total_changes()
            cursor.execute(statement, tuple(parameters))
            self._rows = list(cursor)
        except apsw.Error as e:
            raise _translated(e) from e
        self._next = 0
        self.description = described[-1] if described and described[-1] else None
        changed = self._connection.total_changes() - before
        self.rowcount = len(self._rows) if self.description else changed
        self.lastrowid = self._connection.last_insert_rowid()
        return self

    def executemany(self, statement: str, several: Iterable[Sequence[Any]]) -> Cursor:
        """Run a statement that returns no rows once for each set of parameters."""
        try:
            before = self._connection.total_changes()
            self._connection.cursor().executemany(statement, [tuple(p) for p in several])
        except apsw.Error as e:
            raise _translated(e) from e
        self.description, self._rows, self._next = None, [], 0
        self.rowcount = self._connection.total_changes() - before
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        if self._next >= len(self._rows):
            return None
        row = self._rows[self._next]
        self._next += 1
        return row

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next `size` rows."""
        end = self._next + (self.arraysize if size is None else size)
        rows = self._rows[self._next : end]
        self._next += len(rows)
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        rows = self._rows[self._next :] if self._next else self._rows
        self._next = len(self._rows)
        return rows

    def setinputsizes(self, _sizes: Sequence[Any]) -> None:
        """PEP 249; SQLite needs none."""

    def setoutputsize(self, _size: int, _column: int | None = None) -> None:
        """PEP 249; SQLite needs none."""

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


def Binary(value: bytes) -> bytes:
    """PEP 249."""
    return value
