"""The index in SQL: see interface.Index for what it does. Hosts that are put together are written in one transaction.

It is rebuilt in place, and goes on answering: each host is compared thing by thing, and hosts that the ledger no longer
has are dropped in the end. Events and daily scores are not copied: the ledger's own tables answer for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from vonggac_collector.errors import Busy, Conflict, IndexFailed, IndexMissing, LedgerDamaged, StoreFailed
from vonggac_collector.index.asked import ask, place
from vonggac_collector.index.interface import (
    Count,
    Event,
    HostState,
    IndexHealth,
    Noted,
    Page,
    Row,
    Score,
    State,
    Taken,
)
from vonggac_collector.ledger.sql import postgres
from vonggac_collector.ledger.sql.database import open_engines, store_errors
from vonggac_collector.search.query import Query, Scope

from .asking import Question, question, row_of
from .tables import LAYOUT, METADATA, SCHEMA, gone, hosts, notes
from .writing import chosen, put

STALLED_S: Final = 120.0
"""A rebuild that was not heard of for so long was left halfway."""
_CONNECTIONS: Final = 4
"""To PostgreSQL, of each process that searches; as many more of one that writes."""
_CACHE_KIB: Final = 32_768
"""Of the connection that writes to SQLite: at 5,000 hosts a fourth more are written than with SQLite's own 2,000."""
_BEAT_S: Final = 10.0
_DENIED: Final = "42501"
_PRIVILEGE: Final = """
SELECT to_regnamespace(%s) IS NOT NULL, has_database_privilege(current_database(), 'CREATE'),
       current_user, current_database()
"""
_NOT_THERE: Final = ("42P01", "42703", "3F000")
"""SQLSTATE codes: insufficient privilege; undefined table, undefined column, invalid schema name."""
_NOT_THERE_SQLITE: Final = ("no such table", "no such column")
"""SQLite has one code for all that is wrong with a statement, and these words (its resolve.c and build.c)."""


class SqlIndex:
    """See interface.Index. Made by `open_index` and `open_within`."""

    keeps_events = False

    def __init__(self, writer: sa.Engine, reader: sa.Engine) -> None:
        self._writer = writer
        self._reader = reader

    def put(self, states: Sequence[HostState], *, thorough: bool = False) -> Taken:
        with self._writing() as connection:
            overtaken = put(connection, states, thorough=thorough)
        return Taken(overtaken=frozenset(overtaken))

    def looks(self, agents: Sequence[str]) -> Mapping[str, Noted]:
        with self._reading() as connection:
            rows = chosen(connection, hosts.c.agent, agents, "inventory")
        return {r.agent: Noted(inventory=r.inventory) for r in rows}

    def add_events(self, events: Sequence[Event]) -> Mapping[str, str]:
        return {}

    def forget_events(self, before: str) -> list[str]:
        return []

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        return {}

    def search(self, query: Query, scope: Scope, *, after: str = "", limit: int = 50) -> Page:
        asked = ask(query, after=after, limit=limit)
        facets: Mapping[str, list[Count]] = {}
        with self._reading() as connection:
            asking = question(connection, asked, scope)
            if asked.facets:
                total, facets = asking.facets()
            else:
                total = asking.count()
            found = list(asking.rows(asked.limit + 1)) if total else []
        rows: list[Any] = found[: asked.limit]
        end = place(asked, rows[-1][0], rows[-1][1]) if rows and len(found) > len(rows) else ""
        return Page(total, [row_of(r) for r in rows], end, dict(facets))

    def count(self, query: Query, scope: Scope, *, most: int = 0) -> int:
        with self._reading() as connection:
            return question(connection, ask(query), scope).count(most)

    def counts(self, queries: Sequence[Query], scope: Scope, *, most: int = 0) -> list[int | None]:
        with self._reading() as connection:
            return [question(connection, ask(q), scope).count(most) for q in queries]

    @contextmanager
    def export(self, query: Query, scope: Scope) -> Iterator[_Export]:
        with self._reading() as connection:
            yield _Export(question(connection, ask(query), scope))

    def refresh(self) -> None:
        """What is committed is found."""

    def mark(self, ticket: int) -> None:
        with self._noting() as noted:
            noted["ticket"] = str(max(ticket, int(noted.get("ticket", "0"))))

    def state(self) -> State:
        return self.health().state

    def health(self) -> IndexHealth:
        try:
            with self._reading() as connection:
                noted = _notes(connection)
        except IndexMissing:
            noted = {}
        ticket, generation = int(noted.get("ticket", "0")), int(noted.get("generation", "0"))
        if noted.get("schema", LAYOUT) != LAYOUT:
            return IndexHealth("missing", ticket, generation, "it was made by another release")
        if "building" in noted:
            if time.time() - float(noted["building"]) <= STALLED_S:
                return IndexHealth("rebuilding", ticket, generation)
            return IndexHealth("missing", ticket, generation, "a rebuild was left halfway")
        if generation == 0:
            return IndexHealth("missing", ticket, generation, "it was never built")
        return IndexHealth("ready", ticket, generation)

    @contextmanager
    def building(self) -> Iterator[_Build]:
        self.prepare()
        self.beat()
        with self._writing() as connection:
            # Tickets of a ledger that is gone may be higher than any of this one's; what keeps none is dropped.
            connection.execute(hosts.update().values(ticket=0))
            connection.execute(gone.delete())
        build = _Build(self)
        try:
            yield build
        except BaseException:
            with self._noting() as noted:
                noted["building"] = "0"
            raise

    def prepare(self) -> None:
        """Make the tables, anew if another release made them. Raises IndexFailed."""
        self._writer.dispose()
        if self._writer.dialect.name == "sqlite":
            file = Path(str(self._writer.url.database))
            file.touch(mode=0o600)
            # Whoever read while there was none made one that others may read.
            file.chmod(0o600)
        with self._writing(made=False) as connection:
            make(connection)

    def beat(self) -> None:
        """A rebuild is going on."""
        with self._noting() as noted:
            noted["building"] = str(time.time())

    def finish(self, ticket: int) -> None:
        """Drop every host that was not put since `building`; the rebuild is done."""
        with self._writing() as connection:
            left = connection.execute(sa.select(hosts.c.agent).where(hosts.c.ticket == 0)).scalars().all()
            put(connection, [HostState(agent, 0, gone=True) for agent in left], thorough=True)
            connection.execute(gone.delete().where(gone.c.ticket == 0))
            # Or the database would not know which of its indices leads to few.
            for table in METADATA.sorted_tables:
                connection.exec_driver_sql(f"ANALYZE {within(connection, table)}")
        with self._noting() as noted:
            noted["generation"] = str(int(noted.get("generation", "0")) + 1)
            noted["ticket"] = str(ticket)
            del noted["building"]

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with _index_errors(), self._reader.connect() as connection, connection.begin():
                yield connection
        except IndexMissing:
            # Another file may lie in the place of the one that is still open.
            self._reader.dispose()
            raise

    @contextmanager
    def _writing(self, *, made: bool = True) -> Iterator[sa.Connection]:
        """As the only writer. Raises IndexMissing unless the tables are this release's, or are to be made."""
        with _index_errors(), self._writer.connect() as connection, connection.begin():
            postgres.hold(connection, SCHEMA)
            if made and _notes(connection).get("schema") != LAYOUT:
                raise IndexMissing("it was made by another release")
            yield connection

    @contextmanager
    def _noting(self) -> Iterator[dict[str, str]]:
        with self._writing() as connection:
            before = _notes(connection)
            after = dict(before)
            yield after
            if after != before:
                connection.execute(notes.delete())
                connection.execute(notes.insert(), [{"name": k, "value": v} for k, v in after.items()])


class _Build:
    def __init__(self, index: SqlIndex) -> None:
        self._index = index
        self._beaten = time.monotonic()

    def put(self, states: Sequence[HostState]) -> Taken:
        if time.monotonic() - self._beaten > _BEAT_S:
            self._index.beat()
            self._beaten = time.monotonic()
        return self._index.put(states, thorough=True)

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        return {}

    def finish(self, ticket: int) -> None:
        self._index.finish(ticket)


class _Export:
    def __init__(self, asking: Question) -> None:
        self.total = asking.count()
        self._asking = asking

    def __iter__(self) -> Iterator[Row]:
        return map(row_of, self._asking.rows(None))


def open_index(path: Path) -> SqlIndex:
    """The index in that file, made anew if it is damaged or of another schema; then it has to be rebuilt."""
    try:
        return _open(path)
    except (LedgerDamaged, IndexFailed, StoreFailed, sa.exc.DBAPIError):
        for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            file.unlink(missing_ok=True)
        return _open(path)


def _open(path: Path) -> SqlIndex:
    made = SqlIndex(*open_engines(f"sqlite:///{path}"))
    made.prepare()
    return made


def open_within(url: str, password_file: Path | None = None) -> SqlIndex:
    """The index inside a ledger's PostgreSQL, which all its processes share. Nothing is connected yet."""
    inside = {"schema_translate_map": {None: SCHEMA}}
    writer, reader = postgres.open_engines(sa.make_url(url), password_file, _CONNECTIONS)
    return SqlIndex(writer.execution_options(**inside), reader.execution_options(**inside))


def make(connection: sa.Connection) -> None:
    """Make what is missing, all of it anew if another release made it. Raises IndexFailed."""
    if connection.dialect.name == "postgresql":
        _make_schema(connection)
    else:
        connection.exec_driver_sql(f"PRAGMA cache_size=-{_CACHE_KIB}")
    METADATA.create_all(connection)
    if _notes(connection).get("schema") != LAYOUT:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        connection.execute(notes.insert(), {"name": "schema", "value": LAYOUT})


def within(connection: sa.Connection, table: sa.Table) -> str:
    """The table's name in statements."""
    return f"{SCHEMA}.{table.name}" if connection.dialect.name == "postgresql" else table.name


def _make_schema(connection: sa.Connection) -> None:
    there, may, user, database = connection.exec_driver_sql(_PRIVILEGE, (SCHEMA,)).one()
    quoted = connection.dialect.identifier_preparer.quote_identifier
    if not there and not may:
        raise IndexFailed(
            f"search needs a schema of its own beside the ledger, and the role may not make it: "
            f"GRANT CREATE ON DATABASE {quoted(database)} TO {quoted(user)}"
        )
    if not there:
        connection.execute(sa.schema.CreateSchema(SCHEMA))


@contextmanager
def _index_errors() -> Iterator[None]:
    try:
        with store_errors():
            yield
    except (Busy, Conflict, StoreFailed) as e:
        raise IndexFailed(str(e)) from e
    except sa.exc.ProgrammingError as e:
        state = getattr(e.orig, "sqlstate", None)
        if state in _NOT_THERE or any(words in str(e.orig) for words in _NOT_THERE_SQLITE):
            raise IndexMissing("it was never built, or by another release") from e
        if state == _DENIED:
            raise IndexFailed(f"the role may not use the schema {SCHEMA}: {e.orig}") from e
        raise


def _notes(connection: sa.Connection) -> dict[str, str]:
    return {r.name: r.value for r in connection.execute(sa.select(notes))}
