"""A ledger on PostgreSQL: dumped by pg_dump from one exported snapshot, put in the place of another by pg_restore.

Both programs are started by a fixed argv, without a shell; the password reaches them by a file of libpq that only we
may read (https://www.postgresql.org/docs/15/libpq-pgpass.html), never by argv or environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from vonggac_collector.errors import Busy, SettingsError, StoreFailed
from vonggac_collector.ledger.sql.database import open_engines, store_errors
from vonggac_collector.ledger.sql.migrate import UNFINISHED
from vonggac_collector.ledger.sql.postgres import without_timeouts
from vonggac_collector.ledger.tables import METADATA
from vonggac_collector.state import read_secret, write_secret

from .manifest import sync

_DEBIAN: Final = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu keep the programs, by version; elsewhere they are on the path."""
_PLAIN: Final = ("--no-password",)
_OWNERLESS: Final = ("--no-owner", "--no-privileges")
_SAID_BYTES: Final = 2_000
_EVERY_S: Final = 2.0
_LEAVING_S: Final = 3.0
"""How long a session that was closed may still be listed."""
_FIRST: Final = sa.select(sa.literal(1)).limit(1)
_OTHERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name LIKE 'vonggac %%'"
)

Report = Callable[[str], None]


def program(name: str, version: int) -> str:
    """pg_dump or pg_restore of the server's version (as 150004) or the nearest newer one. Raises SettingsError."""
    major = version // 10_000
    found = {int(p.parts[-3]): p for p in _DEBIAN.glob(f"*/bin/{name}") if p.parts[-3].isdigit()}
    fits = min((number for number in found if number >= major), default=None)
    path = str(found[fits]) if fits is not None else shutil.which(name)
    if path is None:
        raise SettingsError(f"{name} is not installed; apt-get install postgresql-client-{major}")
    return path


def save(connection: sa.Connection, password_file: Path | None, target: Path, report: Report) -> None:
    """Dump the schema that the ledger is in, as this read transaction sees it. Raises StoreFailed, SettingsError."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with store_errors():
        snapshot = str(connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one())
    argv = [program("pg_dump", version_of(connection)), "--format=custom", *_PLAIN, *_OWNERLESS]
    argv += [f"--snapshot={snapshot}", f"--schema={namespace(connection)}", f"--file={target}"]
    _run([*argv, f"--dbname={_conninfo(connection)}"], password_file, lambda: report(_size(target)))
    sync(target)


def version_of(connection: sa.Connection) -> int:
    """The server's, such as 150004."""
    return int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())


def namespace(connection: sa.Connection) -> str:
    """The schema that tables without one are in."""
    return str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())


def has_rows(url: str, password_file: Path | None) -> bool:
    """Whether there is anything to lose. Raises StoreFailed."""
    writer, reader = open_engines(url, password_file=password_file)
    try:
        with store_errors(), reader.connect() as connection:
            there = METADATA.tables.keys() & set(sa.inspect(connection).get_table_names())
            return any(connection.execute(_FIRST.select_from(METADATA.tables[n])).first() for n in there)
    finally:
        writer.dispose()
        reader.dispose()


@contextmanager
def replaced(
    url: str, password_file: Path | None, source: Path, saved: str, aside: str, report: Report
) -> Iterator[tuple[str, str | None]]:
    """Put the dump of schema `saved` in the place of a ledger: gives the URL, where it stands while the block checks
    and changes it, and the name that the schema of the ledger that was there has now, if there was one.

    If the block fails, it goes again and what was there comes back; until the block has ended well nobody else opens it
    (`migrate.require_finished`), even if we are killed and pg_restore is not. Raises Busy if a collector is connected,
    SettingsError, StoreFailed.
    """
    writer, reader = open_engines(url, password_file=password_file)
    try:
        with store_errors(), writer.connect() as connection, connection.begin():
            require_alone(connection)
            name, there = namespace(connection), bool(sa.inspect(connection).get_table_names())
            if name != saved:
                raise SettingsError(
                    f"the dump is of schema {saved}, tables here are made in {name}: see search_path"
                )
            kept = f"{name}{aside}"
            _put_aside(connection, name, kept)
            version, info = version_of(connection), _conninfo(connection)
        try:
            argv = [program("pg_restore", version), "--exit-on-error", "--single-transaction", *_PLAIN]
            argv += [*_OWNERLESS, f"--schema={name}", f"--dbname={info}", str(source)]
            _run(argv, password_file, lambda: report("pg_restore is at work"))
            yield url, kept if there else None
        except BaseException:
            with store_errors(), writer.connect() as connection, connection.begin():
                _bring_back(connection, name, kept)
            raise
        with store_errors(), writer.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"COMMENT ON SCHEMA {_quoted(connection, name)} IS NULL")
            if not there:
                connection.exec_driver_sql(f"DROP SCHEMA {_quoted(connection, kept)} CASCADE")
    finally:
        writer.dispose()
        reader.dispose()


def require_alone(connection: sa.Connection) -> None:
    """Raises Busy if another process of a collector is connected to this database."""
    until = time.monotonic() + _LEAVING_S
    while others := connection.exec_driver_sql(_OTHERS).scalar_one():
        if time.monotonic() > until:
            raise Busy(
                f"{others} connections of collectors are open; stop every web process and worker first"
            )
        time.sleep(0.1)


def _put_aside(connection: sa.Connection, name: str, kept: str) -> None:
    without_timeouts(connection)
    connection.exec_driver_sql(
        f"ALTER SCHEMA {_quoted(connection, name)} RENAME TO {_quoted(connection, kept)}"
    )
    connection.exec_driver_sql(f"CREATE SCHEMA {_quoted(connection, name)}")
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {_quoted(connection, name)} IS '{UNFINISHED}'")


def _bring_back(connection: sa.Connection, name: str, kept: str) -> None:
    without_timeouts(connection)
    connection.exec_driver_sql(f"DROP SCHEMA {_quoted(connection, name)} CASCADE")
    connection.exec_driver_sql(
        f"ALTER SCHEMA {_quoted(connection, kept)} RENAME TO {_quoted(connection, name)}"
    )


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


def _conninfo(connection: sa.Connection) -> str:
    """libpq's URI, which holds no password (`settings`)."""
    return connection.engine.url.set(drivername="postgresql").render_as_string()


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB dumped"


def _run(argv: Sequence[str], password_file: Path | None, tick: Callable[[], None]) -> None:
    """Run it to its end; `tick` every two seconds. Raises StoreFailed with the end of what it said."""
    with tempfile.TemporaryDirectory(prefix="vonggac-") as folder, tempfile.TemporaryFile() as said:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        if password_file is not None:
            write_secret(Path(folder, "pgpass"), _pgpass(read_secret(password_file)))
            environment["PGPASSFILE"] = str(Path(folder, "pgpass"))
        process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            told = time.monotonic()
            while process.poll() is None:
                time.sleep(0.02)
                if time.monotonic() - told >= _EVERY_S:
                    told = time.monotonic()
                    tick()
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            said.seek(max(0, said.tell() - _SAID_BYTES))
            raise StoreFailed(
                said.read().decode("utf-8", "replace").strip() or f"ended with {process.returncode}"
            )


def _pgpass(password: str) -> bytes:
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n".encode()
