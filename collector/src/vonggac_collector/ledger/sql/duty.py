"""A job that one process at a time does, on PostgreSQL: a session's advisory lock, which is gone with the session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from .database import store_errors
from .postgres import lock_key


@contextmanager
def _closed_on_error(connection: sa.Connection) -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError:
        connection.invalidate()
        connection.close()
        raise


class SqlDuty:
    """See interface.Duty."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._key = lock_key(f"duty {name}")
        self._connection: sa.Connection | None = None

    def held(self) -> bool:
        """See interface.Duty."""
        connection, self._connection = self._connection, None
        with store_errors():
            if connection is not None:
                # The session lives, so it has the lock.
                with _closed_on_error(connection):
                    connection.exec_driver_sql("SELECT 1")
                self._connection = connection
                return True
            connection = self._engine.connect()
            with _closed_on_error(connection):
                got = bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self._key))))
            if got:
                self._connection = connection
            else:
                connection.close()
            return got

    def close(self) -> None:
        """See interface.Duty."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # A session that is lost already took the lock with it.
            with suppress(sa.exc.DBAPIError):
                connection.execute(sa.select(sa.func.pg_advisory_unlock(self._key)))
            connection.close()
