"""Values that a column cannot hold. SQLite keeps whatever is written past the collector, a text in a number's place too
(https://www.sqlite.org/datatype3.html, "type affinity"); PostgreSQL refuses it by itself.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from ..columns import Instant
from ..tables import METADATA

_MOST: Final = 20
"""Of a table; one is enough to know."""
_KINDS: Final[tuple[tuple[tuple[type[sa.types.TypeEngine[Any]], ...], tuple[str, ...]], ...]] = (
    ((Instant, sa.Integer, sa.Boolean), ("integer",)),
    ((sa.Float,), ("real", "integer")),
    ((sa.LargeBinary,), ("blob",)),
    ((sa.String, sa.Date), ("text",)),
)


def misfits(connection: sa.Connection) -> list[tuple[str, str]]:
    """Table and key of rows with such a value, with the column. Nothing on PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return []
    return [found for name, query in _queries() for found in _of_table(connection, name, query)]


def _of_table(connection: sa.Connection, name: str, query: sa.Select[Any]) -> Iterator[tuple[str, str]]:
    for column, *values in connection.execute(query):
        yield f"table {name}, row {' '.join(str(v)[:80] for v in values)}", column


@functools.cache
def _queries() -> list[tuple[str, sa.Select[Any]]]:
    """By table. Making them takes longer than asking them of a small ledger."""
    return [(table.name, _query(table)) for table in METADATA.sorted_tables]


def _query(table: sa.Table) -> sa.Select[Any]:
    odd = {c.name: sa.func.typeof(c).not_in(_kinds(c)) for c in table.columns}
    named = sa.case(*((o, name) for name, o in odd.items()))
    key = [sa.cast(c, sa.Text) for c in table.primary_key.columns]
    return sa.select(named, *key).where(sa.or_(*odd.values())).limit(_MOST)


def _kinds(column: sa.Column[Any]) -> list[str]:
    kinds = next(kinds for types, kinds in _KINDS if isinstance(column.type, types))
    return [*kinds, "null"] if column.nullable else [*kinds]
