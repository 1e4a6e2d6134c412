"""The embedded index's tables, made from `schema`: one for each room of documents, its words beside it.

What all documents of a host share is stored once, with the host. Words are in full-text tables of SQLite (FTS5, without
the texts themselves), split at spaces: `fold` has taken them apart.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from vonggac_collector.index import schema
from vonggac_collector.index.interface import Room
from vonggac_collector.search.fields import COMMON

METADATA: Final = sa.MetaData()
_COLUMN_TYPES: Final[dict[str, type[sa.types.TypeEngine[Any]]]] = {
    "keyword": sa.Text,
    "long": sa.BigInteger,
    "date": sa.BigInteger,
    "boolean": sa.Boolean,
}
COMMON_PATHS: Final = frozenset(f.path for f in COMMON)
_INNER: Final = frozenset({schema.ID, schema.KIND, schema.AGENT, schema.PATH})


def column_name(path: str) -> str:
    """A field's column."""
    return path.replace(".", "_")


@cache
def columns_of(room: Room) -> dict[str, tuple[str, schema.ColumnType]]:
    """Columns and types of the fields that are searched in the room's own table; times are milliseconds since 1970."""
    return {
        path: (column_name(path), kind)
        for path, kind in schema.OF_ROOM[room].items()
        if kind in _COLUMN_TYPES and path not in _INNER and (room == "hosts" or path not in COMMON_PATHS)
    }


def _room(room: Room, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        room,
        METADATA,
        sa.Column("row", sa.Integer, primary_key=True),
        *columns,
        *(sa.Column(name, _COLUMN_TYPES[kind]) for name, kind in columns_of(room).values()),
    )


def _items(room: Room) -> sa.Table:
    return _room(
        room,
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("agent", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


hosts: Final = _room(
    "hosts",
    sa.Column("agent", sa.Text, nullable=False, unique=True),
    sa.Column("ticket", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("common", sa.LargeBinary, nullable=False),
    sa.Column("own", sa.LargeBinary, nullable=False),
)
sa.Index("ix_hosts_unit", hosts.c[column_name(schema.UNIT)])
items: Final[dict[Room, sa.Table]] = {room: _items(room) for room in schema.ROOMS if room != "hosts"}
_LEADING: Final[tuple[tuple[Room, str], ...]] = (
    ("findings", "rule.id"),
    ("inventory", "package.name"),
    ("inventory", "server.port"),
    ("inventory", "user.name"),
)
"""Fields that single out few of very many documents."""
for _room_of, _path in _LEADING:
    _column = items[_room_of].c[column_name(_path)]
    sa.Index(f"ix_{_room_of}_{_column.name}", _column)
paths: Final = sa.Table(
    "paths",
    METADATA,
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("above", sa.Text, primary_key=True, index=True),
)
notes: Final = sa.Table(
    "notes",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What the index notes of itself: the highest ticket, its generation, its schema, a rebuild's progress."""


def words_of(room: Room) -> sa.TableClause:
    """The room's words, by the row that has them."""
    return sa.table(f"{room}_words", sa.column("rowid", sa.Integer), sa.column("words", sa.Text))


def create(connection: sa.Connection) -> None:
    """Make what is missing."""
    METADATA.create_all(connection)
    for room in schema.ROOMS:
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {room}_words USING fts5("
            "words, content='', contentless_delete=1, tokenize=\"ascii tokenchars '=.'\")"
        )


def drop(connection: sa.Connection) -> None:
    """Remove everything."""
    for room in schema.ROOMS:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {room}_words")
    METADATA.drop_all(connection)
