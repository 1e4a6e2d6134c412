"""SQLAlchemy's SQLite dialect over `apsw_dbapi`, under the name sqlite+apsw."""

from __future__ import annotations

from typing import Any

from sqlalchemy import pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPIModule

from . import apsw_dbapi

NAME = "sqlite.apsw"


class ApswDialect(SQLiteDialect):
    """Opens transactions explicitly, and gives up a connection after an input/output error."""

    driver = "apsw"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    returns_native_bytes = True

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        """The module that PEP 249 describes."""
        return apsw_dbapi  # type: ignore[return-value]  # a module fits the protocol by its names

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """A queue; one connection for a database in memory, which each connection would have of its own."""
        return pool.QueuePool if url.database and url.database != ":memory:" else pool.StaticPool

    def create_connect_args(self, url: URL) -> tuple[list[str], dict[str, Any]]:
        """The file's path; everything else comes with `connect_args`."""
        return [url.database or ":memory:"], {}

    def do_begin(self, dbapi_connection: Any) -> None:
        """SQLAlchemy's default leaves this to the driver."""
        dbapi_connection.begin()

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """After a failed fsync SQLite goes on accepting commits on the connection; so it is closed, not reused."""
        return apsw_dbapi.is_input_output(e)

    def get_isolation_level_values(self, dbapi_conn: DBAPIConnection) -> list[Any]:
        """SQLite has but one for connections that share nothing."""
        return ["SERIALIZABLE"]

    def _get_server_version_info(self, connection: Any) -> Any:
        return apsw_dbapi.sqlite_version_info


def register() -> None:
    """Make `sqlite+apsw://` known to SQLAlchemy."""
    registry.register(NAME, __name__, ApswDialect.__name__)
