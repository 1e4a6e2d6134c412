"""Brings the schema to this release's revision with alembic; the revisions are package data in `ledger/migrations`."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from vonggac_collector.errors import LedgerDamaged

from .database import store_errors
from .postgres import hold, without_timeouts

UNFINISHED: Final = "vonggac: a restore has not finished"
"""The comment of a schema on PostgreSQL from its making by a restore until all of it was checked."""
_COMMENT: Final = (
    "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = current_schema()"
)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("vonggac_collector.ledger") / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """The revision this release works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LedgerDamaged("this installation has no migrations; install it again")
    return revision


def current(connection: sa.Connection) -> str | None:
    """The database's revision, None if it has no schema."""
    return MigrationContext.configure(connection).get_current_revision()


def require_finished(connection: sa.Connection) -> None:
    """Raises LedgerDamaged if a restore began to fill this schema and was killed before it had checked all of it."""
    if (
        connection.dialect.name == "postgresql"
        and connection.exec_driver_sql(_COMMENT).scalar() == UNFINISHED
    ):
        name = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        raise LedgerDamaged(
            f"a restore into schema {name} was ended half-way; run `vonggac-collector restore` again, or put back what "
            f"it set aside: DROP SCHEMA {name} CASCADE, then ALTER SCHEMA {name}_aside_… RENAME TO {name}"
        )


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Run the missing revisions in one transaction; whoever comes meanwhile waits, and finds nothing left to do."""
    config = _config()
    with store_errors(), engine.connect() as connection, connection.begin():
        without_timeouts(connection)
        hold(connection, "schema")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def require_head(connection: sa.Connection) -> None:
    """Raises LedgerDamaged unless the database has this release's schema."""
    have, want = current(connection), head()
    if have != want:
        raise LedgerDamaged(
            f"the ledger's schema is {have or 'missing'}, this release works with {want}; "
            "run `vonggac-collector migrate` (or the newer release that made it)"
        )
