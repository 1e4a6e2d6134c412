"""Shelves on PostgreSQL: one partition each of what is kept for the same time, so that dropping it is one statement.

On SQLite the tables are plain and have the shelf as a column. A row whose shelf has no partition goes to the default
one, `<table>_other`, and is moved when its partition is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from vonggac_collector.score.values import LEVELS

from ..rows import shelf_of

SHELVED: Final = ("envelopes", "looks", "changes")
HELD: Final = "held"
"""The shelf of what outlives its own: current state, and what a legal hold names."""


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
    there = {
        row[0]
        for row in connection.exec_driver_sql(
            "SELECT relid::regclass::text FROM unnest(ARRAY['envelopes', 'looks', 'changes']) AS t,"
            " pg_partition_tree(t::regclass)"
        )
    }
    for shelf in shelves:
        for table in SHELVED:
            if partition_of(table, shelf) not in there:
                _make(connection, table, shelf)


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
