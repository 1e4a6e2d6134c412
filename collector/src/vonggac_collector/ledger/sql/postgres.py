"""PostgreSQL: connections with the settings that durability needs, and what its errors mean to whoever asked.

A commit counts only on a server that synchronises its log (fsync, full_page_writes) and waits for that before it
answers (synchronous_commit): every connection asks, since a name may lead to another server tomorrow. SQLSTATE codes:
https://www.postgresql.org/docs/15/errcodes-appendix.html
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy import event

from vonggac_collector.errors import Busy, CollectorError, Conflict, LedgerDamaged, SettingsError, StoreFailed
from vonggac_collector.state import read_secret

OLDEST: Final = 130_000
"""Version 13: pg_current_snapshot, CREATE DATABASE and partitions as they are used here."""
LOCK_TIMEOUT: Final = "5s"
"""How long a writer waits for another's lock before it is Busy; as long as on SQLite."""
_WRITER: Final = {
    "default_transaction_isolation": "read committed",
    "lock_timeout": LOCK_TIMEOUT,
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
}
_READER: Final = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "lock_timeout": LOCK_TIMEOUT,
    "statement_timeout": "120s",
    "idle_in_transaction_session_timeout": "300s",
}
_SHARED: Final = {
    "client_encoding": "UTF8",
    # A machine that lost its power holds locks until the server notices: 60 s instead of the system's two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""Timeouts are the project's own figures: far above what a page or a batch takes, far below what a person waits."""
_REACHING: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""libpq's own, unless the URL says otherwise: a server that is silent is given up after 15 to 25 s."""
_POOL: Final = {"pool_size": 4, "pool_timeout": 5.0, "pool_pre_ping": True}
MOST: Final = 12
"""Connections of an engine."""
_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit", "server_encoding")
_AGAIN: Final = ("40001", "40P01", "23505")
"""Serialization failure, deadlock, and a key that somebody else took between our look and our insert."""
_BUSY: Final = ("55P03", "53300", "57014")
"""Lock timeout, too many connections, statement timeout."""
_FAILED: Final = ("08", "28", "3D", "53", "57", "58", "F0", "XX", "25006", "25P03")
"""Connection, login, no database, resources, operator intervention, system, damage; read-only, idle too long."""
_GONE: Final = ("57P01", "57P02", "57P03", "25006", "25P03")
"""What the next connection may find better: the server stops, or is a standby now."""
_LOG: Final = structlog.get_logger("vonggac.ledger")


def open_engines(
    url: sa.URL, password_file: Path | None = None, most: int = MOST
) -> tuple[sa.Engine, sa.Engine]:
    """The engine that writes and the one that reads one consistent, unchanging state. Nothing is connected yet."""
    if not is_local(url) and url.query.get("sslmode") != "verify-full":
        _LOG.warning("the ledger's server is reached without sslmode=verify-full: nobody checks who answers")
    address = url.set(drivername="postgresql+psycopg")
    writer = _engine(address, "writer", _WRITER | _SHARED, password_file, most)
    return writer, _engine(address, "reader", _READER | _SHARED, password_file, most)


def _engine(
    address: sa.URL, name: str, settings: dict[str, str], password_file: Path | None, most: int
) -> sa.Engine:
    given = {"application_name": f"vonggac {name}", **_REACHING}
    arguments = {k: v for k, v in given.items() if k not in address.query}
    engine = sa.create_engine(
        address, connect_args=arguments, max_overflow=most - _POOL["pool_size"], **_POOL
    )
    event.listen(engine, "connect", _prepare(settings))
    event.listen(engine, "handle_error", _give_up)
    if password_file is not None:
        event.listen(engine, "do_connect", _with_password(password_file))
    return engine


def is_local(url: sa.URL) -> bool:
    """Whether every server of the URL is on this machine: a Unix socket, or the loopback interface."""
    named = url.query.get("host", url.host or "")
    hosts = [h for part in (named if isinstance(named, tuple) else (named,)) for h in part.split(",")]
    return all(h in ("", "localhost") or h.startswith(("/", "@")) or _is_loopback(h) for h in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_password(file: Path) -> Callable[..., None]:
    def fill_in(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        # Read each time, so that a changed password needs no restart.
        try:
            parameters["password"] = read_secret(file)
        except SettingsError as e:
            raise LedgerDamaged(str(e)) from e

    return fill_in


def _prepare(settings: dict[str, str]) -> Callable[[psycopg.Connection[Any], Any], None]:
    def prepare(connection: psycopg.Connection[Any], _record: Any) -> None:
        try:
            connection.autocommit = True
            _set(connection, settings)
            require_durable(connection.info.server_version, _asked(connection, _DURABLE))
            connection.autocommit = False
        except BaseException:
            # The pool does not know this connection yet.
            connection.close()
            raise

    return prepare


def _set(connection: psycopg.Connection[Any], settings: dict[str, str]) -> None:
    connection.execute(
        "SELECT set_config(n, v, false) FROM unnest(%s::text[], %s::text[]) AS s(n, v)",
        (list(settings), list(settings.values())),
    )


def _asked(connection: psycopg.Connection[Any], names: tuple[str, ...]) -> dict[str, str]:
    query = "SELECT n, current_setting(n) FROM unnest(%s::text[]) AS s(n)"
    return dict(connection.execute(query, (list(names),)).fetchall())


def require_durable(version: int, settings: dict[str, str]) -> None:
    """Raises LedgerDamaged for a server that may lose or spoil what it acknowledged, saying what to change."""
    if version < OLDEST:
        raise LedgerDamaged(
            f"the ledger needs PostgreSQL {OLDEST // 10_000} or newer; this is {version // 10_000}"
        )
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if settings[name] == "off":
            raise LedgerDamaged(
                f"{name} is off: this server can lose what it acknowledged; set {name} = on in postgresql.conf"
            )
    if settings["server_encoding"] != "UTF8":
        raise LedgerDamaged(
            f"the ledger's database has encoding {settings['server_encoding']}; "
            "make it with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def _give_up(context: Any) -> None:
    """A connection, and with it the pool, is not used again after these errors."""
    if getattr(context.original_exception, "sqlstate", None) in _GONE:
        context.is_disconnect = True


def meaning(error: BaseException | None) -> CollectorError | None:
    """The collector's error for one of the driver's; None for a statement that is wrong by itself."""
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate or ""
    if state in _AGAIN:
        return Conflict("another writer was there first")
    if state in _BUSY:
        return Busy("the ledger's server takes too long")
    if state.startswith(_FAILED) or (
        not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    ):
        return StoreFailed(str(error))
    return None


def lock_key(name: str) -> int:
    """The number of an advisory lock, from its name."""
    return int.from_bytes(hashlib.sha256(f"vonggac {name}".encode()).digest()[:8], "big", signed=True)


def hold(connection: sa.Connection, name: str) -> None:
    """Take an advisory lock until the transaction ends, on PostgreSQL; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_key(name))))


def without_timeouts(connection: sa.Connection) -> None:
    """For work on every row there is: no timeouts until the transaction ends."""
    if connection.dialect.name == "postgresql":
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {name} = 0")


def completed(connection: sa.Connection) -> int:
    """How many writing transactions the server has ended, ever: one more for each commit, by whomever.

    A snapshot `xmin:xmax:running,…` lists those below xmax that have not ended.
    (https://www.postgresql.org/docs/15/functions-info.html, pg_snapshot components)
    """
    snapshot = connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar_one()
    _, xmax, running = str(snapshot).split(":")
    return int(xmax) - len(running.split(",")) if running else int(xmax)
