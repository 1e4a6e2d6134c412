"""Statements that are compiled once and given to the driver as they are, for the road of every report.

SQLAlchemy's own execution takes several times as long as SQLite's work on one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from vonggac_collector.instants import to_microseconds

from . import together


class Prepared:
    """One statement with named parameters. Times and days go in as tables keep them; results come out unconverted."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._made: dict[str, _Compiled] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Once."""
        compiled = self._for(connection)
        return connection.exec_driver_sql(compiled.text, compiled.given(values))

    def run_each(self, connection: sa.Connection, several: Iterable[Mapping[str, Any]]) -> None:
        """Once for each set of values, in that order; not at all for none."""
        compiled = self._for(connection)
        given = [compiled.given(values) for values in several]
        if given:
            connection.exec_driver_sql(compiled.text, given)

    def ask(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows, past SQLAlchemy; those that wait are not seen."""
        compiled = self._for(connection)
        return together.fetched(connection, compiled.text, compiled.given(values))

    def later(
        self, connection: sa.Connection, agent: str, turn: int, several: Iterable[Mapping[str, Any]]
    ) -> None:
        """Once for each set of values, before the transaction ends or anything else is asked (`together`)."""
        compiled = self._for(connection)
        given = [compiled.given(values) for values in several]
        if given:
            together.of(connection).later(agent, turn, compiled.text, given)

    def _for(self, connection: sa.Connection) -> _Compiled:
        dialect = connection.dialect
        if dialect.name not in self._made:
            statement: Any = self._statement
            compiled = statement.compile(dialect=dialect)
            fixed = {name: value for name, value in compiled.params.items() if value is not None}
            self._made[dialect.name] = _Compiled(
                str(compiled),
                tuple(compiled.positiontup or compiled.params),
                compiled.positiontup is not None,
                fixed,
            )
        return self._made[dialect.name]


class Some:
    """A query of what belongs to some: `whose` is the column that says to whom."""

    def __init__(self, query: sa.Select[Any], whose: sa.ColumnElement[str]) -> None:
        those: sa.BindParameter[Any] = sa.bindparam("those")
        self._one = Prepared(query.where(whose == those))
        self._many = Prepared(query.where(whose == sa.func.any(those)))

    def ask(self, connection: sa.Connection, those: list[str], **values: Any) -> list[tuple[Any, ...]]:
        """All rows, as `Prepared.ask` gives them. PostgreSQL is asked once, SQLite for each."""
        if connection.dialect.name == "postgresql":
            return self._many.ask(connection, {"those": those, **values})
        return [row for one in those for row in self._one.ask(connection, {"those": one, **values})]


def upsert(table: sa.Table) -> Prepared:
    """Rows of the table, each in place of the one with its key, if there is one."""
    names = [f'"{c.name}"' for c in table.c]
    values = [f":{c.name}" for c in table.c]
    keys = [f'"{c.name}"' for c in table.primary_key]
    changes = [f"{n} = excluded.{n}" for n in names if n not in keys]
    text = (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(values)})"  # noqa: S608  names of columns
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(changes)}"
    )
    return Prepared(sa.text(text))


class _Compiled(NamedTuple):
    """As one dialect has it. `fixed`: values that the statement brings along."""

    text: str
    names: tuple[str, ...]
    positional: bool
    fixed: dict[str, Any]

    def given(self, values: Mapping[str, Any]) -> Any:
        if self.fixed:
            values = {**self.fixed, **values}
        found = [_plain(values[n]) for n in self.names]
        return tuple(found) if self.positional else dict(zip(self.names, found, strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_microseconds(value)
    return value.isoformat() if isinstance(value, date) else value
