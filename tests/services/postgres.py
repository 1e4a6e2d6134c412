"""A PostgreSQL server for tests: the distribution's programs on a folder of their own, as durable as in production.

VONGGAC_TEST_POSTGRES_URL names a running server to use instead, by an SQLAlchemy URL of a role that may make databases;
tests that stop the server are skipped then.
"""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import psycopg
import pytest
import sqlalchemy as sa
from tests.services.ports import free_port
from tests.services.session import for_session

from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.ledger.tables import METADATA

GIVEN: Final = "VONGGAC_TEST_POSTGRES_URL"
OLDEST: Final = 13
_PASSWORD: Final = "mat-khau-thu-nghiem"
_PROGRAMS: Final = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu keep them, by version."""
_SETTINGS: Final = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
max_connections = 100
shared_buffers = 64MB
"""

StopMode = Literal["smart", "fast", "immediate"]


class Server:
    """A server, and databases on it. Over its Unix socket anybody is trusted; over TCP `password_file` is asked for."""

    def __init__(self, admin: sa.URL, owned: OwnServer | None = None) -> None:
        self._admin = admin
        self._numbers = itertools.count(1)
        self._template = ""
        self._owned = owned

    @property
    def owned(self) -> OwnServer:
        """The server as one that may be stopped and started; skips the test if it is not ours."""
        if self._owned is None:
            pytest.skip(f"the server of {GIVEN} is not stopped by tests")
        return self._owned

    def url(self, database: str) -> str:
        """SQLAlchemy URL of that database."""
        return self._admin.set(database=database).render_as_string(hide_password=False)

    def run(self, statement: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run one statement as the server's administrator, outside a transaction; gives its rows."""
        url = self._admin if database is None else self._admin.set(database=database)
        with psycopg.connect(conninfo(url), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def make(self, *, empty: bool = False, options: str = "") -> str:
        """A new database's name: with a ledger's schema, or `empty`."""
        if not empty and not self._template:
            self._template = self.make(empty=True)
            open_ledger(self.url(self._template), upgrade=True).close()
        name = f"vonggac_test_{os.getpid()}_{next(self._numbers)}"
        source = f"TEMPLATE {self._template}" if not empty else options
        self.run(f"CREATE DATABASE {name} {source}")
        return name

    def empty(self, name: str) -> None:
        """Take every row out of a ledger; a tenth of the time of making another database."""
        with psycopg.connect(conninfo(self._admin.set(database=name)), autocommit=True) as connection:
            tables = "; ".join(str(t.delete()) for t in reversed(METADATA.sorted_tables))
            connection.execute(tables.encode())

    @contextmanager
    def database(self, *, empty: bool = False, options: str = "") -> Iterator[str]:
        """A new database for the block, by its URL."""
        name = self.make(empty=empty, options=options)
        try:
            yield self.url(name)
        finally:
            # Dropping waits for a checkpoint, and our own server's folder goes anyway.
            if self._owned is None:
                self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class OwnServer:
    """The server's process and folder."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self.port = free_port()
        self.password_file = folder / "password"
        # The server refuses to run as root.
        self._account = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())

    def initialise(self) -> None:
        """Make an empty cluster."""
        self.password_file.write_text(_PASSWORD)
        self.password_file.chmod(0o600)
        if os.getuid() == 0:
            for path in (self.folder, self.password_file):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        local = ("-U", "vonggac", "--auth-local=trust", "--auth-host=scram-sha-256")
        how = ("-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--pwfile", str(self.password_file))
        self._run("initdb", "-D", str(self.data), *local, *how)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(port=self.port, folder=self.folder))

    @property
    def data(self) -> Path:
        """The cluster's folder."""
        return self.folder / "data"

    @property
    def admin(self) -> sa.URL:
        """URL over the Unix socket."""
        query = {"host": str(self.folder), "port": str(self.port)}
        return sa.URL.create("postgresql", "vonggac", database="postgres", query=query)

    def tcp(self, database: str, port: int | None = None) -> str:
        """URL over TCP, without the password; `port`: that of something in between."""
        return f"postgresql://vonggac@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start; returns when it takes connections."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop; `immediate` as in a crash, without a word to anybody."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", mode, "stop")

    def alter(self, setting: str, value: str) -> None:
        """Set one of the server's settings and have it take effect; "" takes it back."""
        assert re.fullmatch(r"[a-z_]+", setting)
        change = f"ALTER SYSTEM SET {setting} = '{value}'" if value else f"ALTER SYSTEM RESET {setting}"
        with psycopg.connect(conninfo(self.admin), autocommit=True) as connection:
            connection.execute(change.encode())
        self._run("pg_ctl", "-D", str(self.data), "-s", "reload")

    def _run(self, program: str, *arguments: str) -> None:
        as_root = os.getuid() == 0
        # Into a file: a server that is started here keeps its parent's output open.
        with (self.folder / "said").open("w+b") as said:
            done = subprocess.run(
                [self._programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                timeout=60,
                user=self._account.pw_uid if as_root else None,
                group=self._account.pw_gid if as_root else None,
                extra_groups=[] if as_root else None,
            )
            said.seek(0)
            assert done.returncode == 0, f"{program}: {said.read().decode(errors='replace')}"


def conninfo(url: sa.URL) -> str:
    """The URL as libpq takes it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def programs() -> Path | None:
    """The folder of the newest server's programs that is new enough, None if there is none."""
    found = [p for p in _PROGRAMS.glob("*/bin/postgres") if p.parts[-3].isdigit()]
    newest = max(found, key=lambda p: int(p.parts[-3]), default=None)
    return newest.parent if newest is not None and int(newest.parts[-3]) >= OLDEST else None


@contextmanager
def running() -> Iterator[Server]:
    """A server for the block. FileNotFoundError if none is installed."""
    given = os.environ.get(GIVEN, "")
    if given:
        yield Server(sa.make_url(given))
        return
    found = programs()
    if found is None:
        raise FileNotFoundError(
            f"PostgreSQL {OLDEST} or newer is not installed: run packaging/setup/install-system-packages.sh flow"
        )
    # Not pytest's temporary folder: that is closed to the account that the server runs as, and its path is too long
    # for the socket's.
    folder = Path(tempfile.mkdtemp(prefix="vonggac-postgres-"))
    own = OwnServer(found, folder)
    try:
        own.initialise()
        own.start()
        try:
            yield Server(own.admin, own)
        finally:
            if (own.data / "postmaster.pid").exists():
                own.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The session's server."""
    yield from for_session(running)
