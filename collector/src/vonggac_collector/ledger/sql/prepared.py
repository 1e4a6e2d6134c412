"""Statements that are compiled once and given to the driver as they are, for the road of every report.

SQLAlchemy's own execution takes several times as long as SQLite's work on one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..tables import to_microseconds


class Prepared:
    """One statement with named parameters. Times go in as `tables.Instant` keeps them; results come out unconverted."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._made: dict[str, tuple[str, tuple[str, ...], bool]] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> sa.CursorResult[tuple[Any, ...]]:
        """Once."""
        text, names, positional = self._for(connection)
        return connection.exec_driver_sql(text, _given(names, positional, values))

    def run_each(self, connection: sa.Connection, several: Iterable[Mapping[str, Any]]) -> None:
        """Once for each set of values, in that order; not at all for none."""
        text, names, positional = self._for(connection)
        given = [_given(names, positional, values) for values in several]
        if given:
            connection.exec_driver_sql(text, given)

    def _for(self, connection: sa.Connection) -> tuple[str, tuple[str, ...], bool]:
        dialect = connection.dialect
        if dialect.name not in self._made:
            statement: Any = self._statement
            compiled = statement.compile(dialect=dialect)
            positional = compiled.positiontup is not None
            names = tuple(compiled.positiontup or compiled.binds)
            self._made[dialect.name] = (str(compiled), names, positional)
        return self._made[dialect.name]


def _given(names: tuple[str, ...], positional: bool, values: Mapping[str, Any]) -> Any:
    found = [to_microseconds(v) if isinstance(v := values[n], datetime) else v for n in names]
    return tuple(found) if positional else dict(zip(names, found, strict=True))
