"""What tables are made of: types of columns that SQLite and PostgreSQL have alike."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from vonggac_collector.instants import from_microseconds, to_microseconds

NUMBER: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Counted by the database; SQLite counts only what it calls INTEGER."""


class Instant(TypeDecorator[datetime]):
    """A moment, UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """To the database."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """From the database."""
        return None if value is None else from_microseconds(value)


def in_order(length: int) -> sa.types.TypeEngine[str]:
    """Text that sorts by code points in every database, as in Python."""
    return sa.String(length, collation="C").with_variant(sa.String(length), "sqlite")


METADATA: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def table(name: str, *items: Any, **options: Any) -> sa.Table:
    """One of the ledger's tables."""
    return sa.Table(name, METADATA, *items, **options)
