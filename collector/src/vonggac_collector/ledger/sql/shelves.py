"""Shelves on PostgreSQL: one partition each of what is kept for the same time, so that dropping it is one statement.

On SQLite the tables are plain and have the shelf as a column. A row whose shelf has no partition goes to the default
one, `<table>_other`, and is moved when its partition is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from vonggac_collector.score.values import LEVELS

from ..rows import shelf_of

SHELVED: Final = ("envelopes", "looks", "changes")
_BOUND: Final = re.compile(r"FOR VALUES IN \('([^']+)'\)")


def partition_of(table: str, shelf: str) -> str:
    """The name of a shelf's partition, such as envelopes_2026_11_l3."""
    return f"{table}_{shelf.lower().replace('-', '_')}"


def make_default(connection: sa.Connection) -> None:
    """The partitions that catch what has no other. Nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        for table in SHELVED:
            connection.exec_driver_sql(f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT")


def make(connection: sa.Connection, shelves: Iterable[str]) -> None:
    """The partitions of those shelves, where they are missing. Nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return
    there = {name for table in SHELVED for name in _partitions(connection, table)}
    for shelf in shelves:
        for table in SHELVED:
            if partition_of(table, shelf) not in there:
                _make(connection, table, shelf)


def made(connection: sa.Connection) -> list[str]:
    """The shelves that have partitions."""
    bounds = map(_BOUND.fullmatch, _partitions(connection, SHELVED[0]).values())
    return [bound[1] for bound in bounds if bound is not None]


def drop(connection: sa.Connection, shelf: str) -> None:
    """The partitions of that shelf and all in them. Locks the whole of the tables while it does."""
    for table in SHELVED:
        name = partition_of(table, shelf)
        connection.exec_driver_sql(f"ALTER TABLE {table} DETACH PARTITION {name}")
        connection.exec_driver_sql(f"DROP TABLE {name}")


def _partitions(connection: sa.Connection, table: str) -> dict[str, str]:
    """Name and bound of each."""
    found = connection.exec_driver_sql(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(%s AS regclass) ORDER BY 1",
        (table,),
    )
    return {str(row[0]): str(row[1]) for row in found}


def _make(connection: sa.Connection, table: str, shelf: str) -> None:
    """Made beside, filled from the default partition, then attached: attaching refuses while rows are still there."""
    name, other = partition_of(table, shelf), f"{table}_other"
    run = connection.exec_driver_sql
    run(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    run(
        f"WITH moved AS (DELETE FROM {other} WHERE shelf = '{shelf}' RETURNING *)"  # noqa: S608  names made here
        f" INSERT INTO {name} SELECT * FROM moved"
    )
    run(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES IN ('{shelf}')")


def coming(now: datetime) -> list[str]:
    """The shelves of this month and the next."""
    first = now.replace(day=1)
    later = first.replace(month=first.month % 12 + 1, year=first.year + first.month // 12)
    return [shelf_of(month, level) for month in (first, later) for level in LEVELS]
