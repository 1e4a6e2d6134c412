"""Values that a column cannot hold. SQLite keeps whatever is written past the collector, a text in a number's place too
(https://www.sqlite.org/datatype3.html, "type affinity"); PostgreSQL refuses it by itself.
"""

from __future__ import annotations

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
    return [found for table in METADATA.sorted_tables for found in _of_table(connection, table)]


def _of_table(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[str, str]]:
    odd = {c.name: sa.func.typeof(c).not_in(_kinds(c)) for c in table.columns}
    named = sa.case(*((o, name) for name, o in odd.items()))
    key = [sa.cast(c, sa.Text) for c in table.primary_key.columns]
    query = sa.select(named, *key).where(sa.or_(*odd.values())).limit(_MOST)
    for column, *values in connection.execute(query):
        yield f"table {table.name}, row {' '.join(str(v)[:80] for v in values)}", column


def _kinds(column: sa.Column[Any]) -> list[str]:
    kinds = next(kinds for types, kinds in _KINDS if isinstance(column.type, types))
    return [*kinds, "null"] if column.nullable else [*kinds]
