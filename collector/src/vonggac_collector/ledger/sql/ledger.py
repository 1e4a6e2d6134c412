"""The SQL ledger: transactions, and who may write when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa

from vonggac_collector.errors import OutcomeUnknown, StoreFailed

from ..duty import Always
from ..interface import Duty
from . import migrate
from .agents import SqlAgents, SqlTokens
from .applicants import SqlApplicants
from .chain import SqlChain
from .database import open_engines, store_errors
from .duty import SqlDuty
from .findings import SqlFindings
from .heartbeats import SqlHeartbeats
from .keeping import SqlKeeping
from .leaves import SqlLeaves
from .misfits import misfits
from .outbox import SqlOutbox
from .people import SqlPeople, SqlTrail
from .policy import SqlPolicy
from .postgres import completed
from .standings import SqlStandings
from .together import Together, begin, watch
from .tree import SqlRulebooks, SqlScores, SqlTree


class SqlTransaction:
    """The rooms of one transaction over one connection."""

    def __init__(self, connection: sa.Connection, together: Together | None = None) -> None:
        self.committed = self.finished = False
        self._together = together
        self._last: list[Callable[[], None]] = []
        self.tree = SqlTree(connection)
        self.agents = SqlAgents(connection)
        self.chain = SqlChain(connection)
        self.findings = SqlFindings(connection)
        self.heartbeats = SqlHeartbeats(connection)
        self.tokens = SqlTokens(connection)
        self.applicants = SqlApplicants(connection)
        self.rulebooks = SqlRulebooks(connection)
        self.scores = SqlScores(connection)
        self.standings = SqlStandings(connection)
        self.people = SqlPeople(connection)
        self.trail = SqlTrail(connection)
        self.outbox = SqlOutbox(connection)
        self.keeping = SqlKeeping(connection)
        self.leaves = SqlLeaves(connection)
        self.policy = SqlPolicy(connection)

    def before_commit(self, work: Callable[[], None]) -> None:
        """See interface.Transaction."""
        self._last.append(work)

    def finish(self) -> None:
        """Do what was left for the end."""
        for work in self._last:
            work()
        if self._together is not None:
            self._together.flush()
        self.finished = True


class SqlLedger:
    """One transaction of a thread at a time; on SQLite one of the process (a lock) and of all (the database's own)."""

    def __init__(self, writer: sa.Engine, reader: sa.Engine) -> None:
        watch(writer)
        self._writer = writer
        self._reader = reader
        self._embedded = writer.dialect.name == "sqlite"
        self._lock = threading.RLock() if self._embedded else nullcontext()
        self._mine = threading.local()
        self._commits = 0

    @contextmanager
    def write(self, senders: Collection[str] = ()) -> Iterator[SqlTransaction]:
        """See interface.Ledger; `senders` as in `batch`."""
        joined: SqlTransaction | None = getattr(self._mine, "transaction", None)
        if joined is not None:
            yield joined
            return
        transaction: SqlTransaction | None = None
        with self._lock:
            try:
                with store_errors(), self._writer.connect() as connection, connection.begin():
                    transaction = self._mine.transaction = SqlTransaction(
                        connection, begin(connection, senders)
                    )
                    try:
                        yield transaction
                        transaction.finish()
                    finally:
                        self._mine.transaction = None
            except StoreFailed as e:
                if transaction is None or not transaction.finished:
                    raise
                # COMMIT was sent, and no answer came: it may have happened.
                raise OutcomeUnknown(str(e)) from e
            transaction.committed = True
            self._commits += 1

    @contextmanager
    def batch(self, senders: Collection[str] = ()) -> Iterator[None]:
        """See interface.Ledger."""
        with self.write(senders):
            yield

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """See interface.Ledger."""
        with store_errors(), self._reader.connect() as connection, connection.begin():
            yield SqlTransaction(connection)

    def version(self) -> int:
        """See interface.Ledger. On PostgreSQL other databases' transactions count as well, a rolled back one too."""
        if not self._embedded:
            with store_errors(), self._reader.connect() as reader:
                return completed(reader.execution_options(isolation_level="AUTOCOMMIT"))
        with self._lock, store_errors():
            if getattr(self._mine, "transaction", None) is not None:
                return self._commits
            # On the one connection that writes here, SQLite's counter rises only for commits from elsewhere.
            connection = self._writer.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA data_version")
                return self._commits + int(cursor.fetchall()[0][0])
            finally:
                connection.close()

    def duty(self, name: str) -> Duty:
        """See interface.Ledger."""
        return Always() if self._embedded else SqlDuty(self._writer, name)

    def schema(self) -> tuple[str | None, str]:
        """The schema's revision in the database, and the one this release works with."""
        with store_errors(), self._reader.connect() as connection:
            return migrate.current(connection), migrate.head()

    def misfits(self) -> list[tuple[str, str]]:
        """See interface.Ledger."""
        with store_errors(), self._reader.connect() as connection:
            return misfits(connection)

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


def open_ledger(
    url: str, *, upgrade: bool = False, password_file: Path | None = None, restoring: bool = False
) -> SqlLedger:
    """Open the ledger at `url`, made or brought to this release's schema if `upgrade`.

    `password_file`: of the server's login, read for each connection. Raises LedgerDamaged (naming the command that
    helps) if the schema is another than this release's, or is being restored and we are not `restoring`; StoreFailed.
    """
    writer, reader = open_engines(url, create=upgrade, password_file=password_file)
    ledger = SqlLedger(writer, reader)
    try:
        if not restoring:
            with store_errors(), writer.connect() as connection:
                migrate.require_finished(connection)
        if upgrade:
            migrate.upgrade(writer)
        with store_errors(), writer.connect() as connection:
            migrate.require_head(connection)
    except BaseException:
        ledger.close()
        raise
    return ledger
