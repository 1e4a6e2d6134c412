"""Opens the database: one connection that writes, several that read, each with the settings that durability needs.

SQLite: write-ahead log with synchronous=FULL (NORMAL loses committed transactions at a power cut), foreign keys on, and
only versions without the WAL-reset fault (fixed in 3.51.3, and in 3.50.7 and 3.44.6 of the older lines).
What PostgreSQL needs is said in `postgres`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from vonggac_collector.errors import Busy, CollectorError, LedgerDamaged, StoreFailed

from .. import apsw_dbapi, apsw_dialect
from . import postgres

_SAFE_SINCE: Final = (3, 51, 3)
_SAFE_BACKPORTS: Final = {(3, 50): 7, (3, 44): 6}
_SHARED: Final = (
    ("PRAGMA journal_mode=WAL", "wal"),
    ("PRAGMA synchronous=FULL", ""),
    ("PRAGMA synchronous", "2"),
    ("PRAGMA foreign_keys=ON", ""),
    ("PRAGMA foreign_keys", "1"),
    ("PRAGMA temp_store=MEMORY", ""),
    ("PRAGMA trusted_schema=OFF", ""),
)
_POOL_S: Final = 5.0
BUSY_MS = 5_000
"""How long a writer waits for another process's transaction before it is Busy."""
_READS_ONLY: Final = (("PRAGMA query_only=ON", ""),)


def is_safe_sqlite(version: tuple[int, ...]) -> bool:
    """Whether that SQLite may have several connections in WAL mode (https://www.sqlite.org/wal.html, WAL-reset bug)."""
    if version >= _SAFE_SINCE or version < (3, 7, 0):
        return version >= _SAFE_SINCE
    least = _SAFE_BACKPORTS.get((version[0], version[1]))
    return least is not None and version[2] >= least


def open_engines(
    url: str, *, create: bool = True, password_file: Path | None = None
) -> tuple[sa.Engine, sa.Engine]:
    """The engine that writes and the one that reads.

    `url`: SQLAlchemy's, of SQLite (opened with apsw) or PostgreSQL (psycopg). Raises LedgerDamaged, StoreFailed.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return postgres.open_engines(parsed, password_file)
    if parsed.get_backend_name() != "sqlite":
        raise LedgerDamaged(f"a ledger is kept by sqlite or postgresql, not by {parsed.get_backend_name()}")
    if not is_safe_sqlite(apsw_dbapi.sqlite_version_info):
        raise LedgerDamaged(
            f"SQLite {apsw_dbapi.sqlite_version} can lose committed transactions in WAL mode; install apsw>=3.51.3"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerDamaged(
            "a ledger in memory would be lost; give a file, such as sqlite:////var/lib/vonggac/ledger.db"
        )
    apsw_dialect.register()
    if not create and not Path(parsed.database).is_file():
        raise LedgerDamaged(f"{parsed.database}: there is no ledger yet; run `vonggac-collector init` first")
    # The file is made with these rights before SQLite opens it; its -wal and -shm files take them over.
    Path(parsed.database).touch(mode=0o600)
    address = parsed.set(drivername="sqlite+apsw")
    with store_errors():
        writer = sa.create_engine(
            address,
            pool_size=1,
            max_overflow=0,
            connect_args={"begin": "IMMEDIATE", "busy_timeout_ms": BUSY_MS, "pragmas": _SHARED},
        )
        with writer.connect() as probe:
            probe.exec_driver_sql("SELECT count(*) FROM sqlite_schema")
        reader = sa.create_engine(
            address,
            pool_size=8,
            max_overflow=8,
            pool_timeout=_POOL_S,
            connect_args={"begin": "DEFERRED", "pragmas": _SHARED + _READS_ONLY},
        )
    return writer, reader


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the database's failures into Busy or StoreFailed. What a statement got wrong stays as it is."""
    try:
        yield
    except DBAPIError as e:
        told = _meaning(e.orig)
        if told is None and e.connection_invalidated:
            told = StoreFailed(str(e.orig))
        if told is None:
            raise
        raise told from e
    except sa.exc.TimeoutError as e:
        raise Busy("every connection to the ledger is in use") from e
    except (apsw_dbapi.Error, psycopg.Error) as e:
        # COMMIT and BEGIN reach apsw without SQLAlchemy's wrapping, and so does what a new connection runs first.
        raise _meaning(e) or StoreFailed(str(e)) from e


def _meaning(error: BaseException | None) -> CollectorError | None:
    if apsw_dbapi.is_busy(error):
        return Busy("another writer holds the ledger")
    if apsw_dbapi.is_input_output(error):
        return StoreFailed(str(error))
    return postgres.meaning(error)
