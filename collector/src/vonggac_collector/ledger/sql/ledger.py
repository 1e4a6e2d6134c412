"""The SQL ledger: transactions, and who may write when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from . import migrate
from .agents import SqlAgents, SqlTokens
from .chain import SqlChain
from .database import open_engines, store_errors
from .heartbeats import SqlHeartbeats
from .outbox import SqlOutbox
from .people import SqlPeople, SqlTrail
from .tree import SqlRulebooks, SqlScores, SqlTree


class SqlTransaction:
    """The rooms of one transaction over one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self.committed = False
        self.tree = SqlTree(connection)
        self.agents = SqlAgents(connection)
        self.chain = SqlChain(connection)
        self.heartbeats = SqlHeartbeats(connection)
        self.tokens = SqlTokens(connection)
        self.rulebooks = SqlRulebooks(connection)
        self.scores = SqlScores(connection)
        self.people = SqlPeople(connection)
        self.trail = SqlTrail(connection)
        self.outbox = SqlOutbox(connection)


class SqlLedger:
    """One writer at a time in this process (a lock), and across processes (the database's own lock)."""

    def __init__(self, writer: sa.Engine, reader: sa.Engine) -> None:
        self._writer = writer
        self._reader = reader
        self._lock = threading.RLock()
        self._open: SqlTransaction | None = None
        self._commits = 0

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """See interface.Ledger."""
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            with store_errors(), self._writer.connect() as connection:
                with connection.begin():
                    transaction = self._open = SqlTransaction(connection)
                    try:
                        yield transaction
                    finally:
                        self._open = None
                transaction.committed = True
                self._commits += 1

    @contextmanager
    def batch(self) -> Iterator[None]:
        """See interface.Ledger."""
        with self.write():
            yield

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """See interface.Ledger."""
        with store_errors(), self._reader.connect() as connection, connection.begin():
            yield SqlTransaction(connection)

    def version(self) -> int:
        """See interface.Ledger. Other processes' commits are seen on SQLite only (PRAGMA data_version)."""
        with self._lock, store_errors():
            if self._open is not None or self._writer.dialect.name != "sqlite":
                return self._commits
            # On the one connection that writes here, SQLite's counter rises only for commits from elsewhere.
            connection = self._writer.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA data_version")
                return self._commits + int(cursor.fetchall()[0][0])
            finally:
                connection.close()

    def schema(self) -> tuple[str | None, str]:
        """The schema's revision in the database, and the one this release works with."""
        with store_errors(), self._reader.connect() as connection:
            return migrate.current(connection), migrate.head()

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


def open_ledger(url: str, *, upgrade: bool = False) -> SqlLedger:
    """Open the ledger at `url`, made or brought to this release's schema if `upgrade`.

    Raises LedgerDamaged (naming the command that helps) if the schema is another than this release's; StoreFailed.
    """
    writer, reader = open_engines(url, create=upgrade)
    if upgrade:
        migrate.upgrade(writer)
    with store_errors(), writer.connect() as connection:
        migrate.require_head(connection)
    return SqlLedger(writer, reader)
