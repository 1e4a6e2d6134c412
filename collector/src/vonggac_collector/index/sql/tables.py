"""The embedded index's tables, made from `schema`: the hosts, and what they have.

Machines are much alike. So what many of them have is stored once, as a *thing*: a package in one version, a rule that
fails for one reason, a port with its process. A document is a thing, a host, and that the host has it (`held`); its id
is made of both their keys, so ids sort as (host, thing). How many hosts have a thing, and how many things a host has,
is kept beside them: what a whole country has is counted without going through all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa

from vonggac_collector.index import schema
from vonggac_collector.search.fields import COMMON, OWN, Field
from vonggac_collector.search.query import KINDS, Kind

SCHEMA: Final = "search"
"""Where the tables are in a ledger's PostgreSQL."""
METADATA: Final = sa.MetaData()
# In the order of code points, as Python and SQLite compare.
_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COLUMN_TYPES: Final[dict[str, sa.types.TypeEngine[Any]]] = {
    "keyword": _TEXT,
    "long": sa.BigInteger(),
    "date": sa.BigInteger(),
    "boolean": sa.Boolean(),
}
COMMON_PATHS: Final = frozenset(f.path for f in COMMON)
ITEMS: Final[tuple[Kind, ...]] = tuple(k for k in KINDS if k != "hosts")
INVENTORY: Final[tuple[Kind, ...]] = tuple(k for k in KINDS if schema.ROOM_OF[k] == "inventory")


def column_name(path: str) -> str:
    """A field's column."""
    return path.replace(".", "_")


def _has_column(field: Field) -> bool:
    """Names are searched by their words; their values are only counted and sorted by."""
    return field.path != schema.AGENT and (field.type != "name" or field.facet or field.sorts)


def _columns(kind: Kind) -> dict[str, schema.ColumnType]:
    """Fields with a column in the kind's own table. Times are milliseconds since 1970."""
    fields = [f for f in ((*COMMON, *OWN[kind]) if kind == "hosts" else OWN[kind]) if _has_column(f)]
    types = schema.OF_ROOM[schema.ROOM_OF[kind]]
    return {path: types[path] for f in fields for path in (f.path, f.order) if path}


COLUMNS: Final[dict[Kind, dict[str, schema.ColumnType]]] = {kind: _columns(kind) for kind in KINDS}


def _made(kind: Kind, paths: Collection[str]) -> list[sa.Column[Any]]:
    return [sa.Column(column_name(p), _COLUMN_TYPES[t]) for p, t in COLUMNS[kind].items() if p in paths]


LOOSE: Final[dict[Kind, tuple[str, ...]]] = {k: tuple(sorted(schema.HERE & COLUMNS[k].keys())) for k in ITEMS}
"""Fields with a column that hosts do not share."""


def counted(kind: Kind) -> str:
    """The column of a host that says how many things of the kind it has."""
    return f"has_{kind}"


hosts: Final = sa.Table(
    "hosts",
    METADATA,
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("agent", _TEXT, nullable=False, unique=True),
    sa.Column("key", _TEXT, nullable=False),
    sa.Column("ticket", sa.BigInteger, nullable=False),
    sa.Column("digest", _TEXT, nullable=False),
    sa.Column("inventory", _TEXT, nullable=False),
    *(sa.Column(counted(kind), sa.Integer, nullable=False) for kind in ITEMS),
    *_made("hosts", COLUMNS["hosts"]),
    sa.Column("words", _TEXT, nullable=False),
    sa.Column("common", sa.LargeBinary, nullable=False),
    sa.Column("own", sa.LargeBinary, nullable=False),
)
"""Words stand between spaces, with one before the first and after the last."""


def _things(kind: Kind) -> sa.Table:
    return sa.Table(
        kind,
        METADATA,
        sa.Column("row", sa.Integer, primary_key=True),
        sa.Column("digest", _TEXT, nullable=False, unique=True),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("holders", sa.Integer, nullable=False),
        *_made(kind, COLUMNS[kind].keys() - schema.HERE),
        sa.Column("words", _TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def _held(kind: Kind) -> sa.Table:
    return sa.Table(
        f"held_{kind}",
        METADATA,
        sa.Column("host", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("thing", sa.Integer, primary_key=True, autoincrement=False),
        *_made(kind, LOOSE[kind]),
        sa.Index(f"ix_held_{kind}", "thing", "host"),
        sqlite_with_rowid=False,
    )


things: Final[dict[Kind, sa.Table]] = {kind: _things(kind) for kind in ITEMS}
held: Final[dict[Kind, sa.Table]] = {kind: _held(kind) for kind in ITEMS}
gone: Final = sa.Table(
    "gone",
    METADATA,
    sa.Column("agent", _TEXT, primary_key=True),
    sa.Column("ticket", sa.BigInteger, nullable=False),
)
"""Under which ticket a host went, so that nobody who read before brings it back."""
paths: Final = sa.Table(
    "paths",
    METADATA,
    sa.Column("unit", _TEXT, primary_key=True),
    sa.Column("above", _TEXT, primary_key=True, index=True),
)
notes: Final = sa.Table(
    "notes",
    METADATA,
    sa.Column("name", _TEXT, primary_key=True),
    sa.Column("value", _TEXT, nullable=False),
)
"""What the index notes of itself: the highest ticket, its generation, its schema, a rebuild's progress."""


def _layout() -> str:
    columns = (
        f"{c.table.name} {c.name} {c.type} {c.nullable}" for t in METADATA.sorted_tables for c in t.columns
    )
    indices = (f"{i.name}" for t in METADATA.sorted_tables for i in t.indexes)
    return hashlib.sha256(
        "\n".join([schema.DIGEST, *sorted(columns), *sorted(indices)]).encode()
    ).hexdigest()[:16]


LAYOUT: Final = _layout()
"""Names the documents' schema and these tables: what was made by another is made anew."""


def plain(value: Any) -> Any:
    """The value as both databases take it: PostgreSQL has no NUL in a text."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
