"""The index in SQL: see interface.Index for what it does. Every host is written in one transaction.

It is rebuilt in place, and goes on answering: each host is compared document by document, and hosts that the ledger no
longer has are dropped in the end. Events and daily scores are not copied: the ledger's own tables answer for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from vonggac_collector.errors import Busy, IndexFailed, LedgerDamaged, StoreFailed
from vonggac_collector.index import schema
from vonggac_collector.index.asked import ask, place
from vonggac_collector.index.document import digest_of
from vonggac_collector.index.interface import (
    Count,
    Event,
    Fields,
    HostState,
    IndexHealth,
    Item,
    Page,
    Room,
    Row,
    Score,
    Taken,
)
from vonggac_collector.ledger.sql.database import open_engines, store_errors
from vonggac_collector.ledger.tables import to_microseconds
from vonggac_collector.search.query import Query, Scope

from .statements import Statements
from .tables import columns_of, create, drop, hosts, items, notes, paths, words_of

STALLED_S: Final = 120.0
"""A rebuild that was not heard of for so long was left halfway."""
_BEAT_S: Final = 10.0
_IN_CHUNK: Final = 500


class SqlIndex:
    """See interface.Index. Made by `open_index`."""

    def __init__(self, writer: sa.Engine, reader: sa.Engine) -> None:
        self._writer = writer
        self._reader = reader

    def put(self, states: Sequence[HostState], *, thorough: bool = False) -> Taken:
        with _index_errors(), self._writer.connect() as connection, connection.begin():
            held = {
                r.agent: r
                for chunk in _chunks([s.agent for s in states])
                for r in connection.execute(
                    sa.select(hosts.c.row, hosts.c.agent, hosts.c.ticket, hosts.c.digest).where(
                        hosts.c.agent.in_(chunk)
                    )
                )
            }
            for state in states:
                there = held.get(state.agent)
                if there is None or there.ticket <= state.ticket:
                    _put_host(connection, state, there, thorough)
        return Taken()

    def looks(self, agents: Sequence[str]) -> None:
        """No events are kept here."""

    def add_events(self, events: Sequence[Event]) -> Mapping[str, str]:
        return {}

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        return {}

    def search(self, query: Query, scope: Scope, *, after: str = "", limit: int = 50) -> Page:
        asked = ask(query, after=after, limit=limit)
        statements = Statements(asked, scope)
        with _index_errors(), self._reader.connect() as connection, connection.begin():
            found = connection.execute(statements.rows().limit(asked.limit + 1)).all()
            counted = connection.execute(statements.counts()).all()
        facets: dict[str, list[Count]] = {f.name: [] for f in asked.facets}
        for name, value, number in counted[1:]:
            facets[name].append(Count(value, number))
        rows = found[: asked.limit]
        end = place(asked, rows[-1][0], rows[-1][1]) if rows and len(found) > len(rows) else ""
        return Page(counted[0][2], [_row(r) for r in rows], end, facets)

    def count(self, query: Query, scope: Scope, *, most: int = 0) -> int:
        with _index_errors(), self._reader.connect() as connection, connection.begin():
            return int(connection.execute(Statements(ask(query), scope).count(most)).scalar_one())

    @contextmanager
    def export(self, query: Query, scope: Scope) -> Iterator[_Export]:
        statements = Statements(ask(query), scope)
        with _index_errors(), self._reader.connect() as connection, connection.begin():
            total = connection.execute(statements.count()).scalar_one()
            yield _Export(total, connection.execute(statements.rows()))

    def refresh(self) -> None:
        """What is committed is found."""

    def mark(self, ticket: int) -> None:
        with self._noting() as noted:
            noted["ticket"] = str(max(ticket, int(noted.get("ticket", "0"))))

    def health(self) -> IndexHealth:
        with _index_errors(), self._reader.connect() as connection, connection.begin():
            noted = _notes(connection)
        ticket, generation = int(noted.get("ticket", "0")), int(noted.get("generation", "0"))
        if "building" in noted:
            if time.time() - float(noted["building"]) <= STALLED_S:
                return IndexHealth("rebuilding", ticket, generation)
            return IndexHealth("missing", ticket, generation, "a rebuild was left halfway")
        if generation == 0:
            return IndexHealth("missing", ticket, generation, "it was never built")
        return IndexHealth("ready", ticket, generation)

    @contextmanager
    def building(self) -> Iterator[_Build]:
        with self._noting() as noted:
            noted["building"] = str(time.time())
        with _index_errors(), self._writer.connect() as connection, connection.begin():
            # Tickets of a ledger that is gone may be higher than any of this one's.
            connection.execute(hosts.update().values(ticket=0))
        build = _Build(self)
        try:
            yield build
        except BaseException:
            with self._noting() as noted:
                noted["building"] = "0"
            raise

    def beat(self) -> None:
        """A rebuild is going on."""
        with self._noting() as noted:
            noted["building"] = str(time.time())

    def finish(self, kept: set[str], ticket: int) -> None:
        """Drop every host that is not among those kept; the rebuild is done."""
        with _index_errors(), self._writer.connect() as connection, connection.begin():
            for agent in connection.execute(sa.select(hosts.c.agent)).scalars().all():
                if agent not in kept:
                    _put_host(connection, HostState(agent, 0, gone=True), None, True)
            # Or SQLite would not know which of its indices leads to few.
            connection.exec_driver_sql("ANALYZE")
        with self._noting() as noted:
            noted["generation"] = str(int(noted.get("generation", "0")) + 1)
            noted["ticket"] = str(ticket)
            del noted["building"]

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _noting(self) -> Iterator[dict[str, str]]:
        with _index_errors(), self._writer.connect() as connection, connection.begin():
            before = _notes(connection)
            after = dict(before)
            yield after
            if after != before:
                connection.execute(notes.delete())
                connection.execute(notes.insert(), [{"name": k, "value": v} for k, v in after.items()])


class _Build:
    def __init__(self, index: SqlIndex) -> None:
        self._index = index
        self._kept: set[str] = set()
        self._beaten = time.monotonic()

    def put(self, states: Sequence[HostState]) -> Taken:
        if time.monotonic() - self._beaten > _BEAT_S:
            self._index.beat()
            self._beaten = time.monotonic()
        self._kept |= {s.agent for s in states if not s.gone}
        return self._index.put(states, thorough=True)

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        return {}

    def finish(self, ticket: int) -> None:
        self._index.finish(self._kept, ticket)


class _Export:
    def __init__(self, total: int, rows: sa.CursorResult[Any]) -> None:
        self.total = total
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        return map(_row, self._rows)


def open_index(path: Path) -> SqlIndex:
    """The index in that file, made anew if it is damaged or of another schema; then it has to be rebuilt."""
    try:
        return _open(path)
    except (LedgerDamaged, StoreFailed, sa.exc.DBAPIError):
        for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            file.unlink(missing_ok=True)
        return _open(path)


def _open(path: Path) -> SqlIndex:
    writer, reader = open_engines(f"sqlite:///{path}")
    with store_errors(), writer.connect() as connection, connection.begin():
        create(connection)
        if _notes(connection).get("schema") != schema.DIGEST:
            drop(connection)
            create(connection)
            connection.execute(notes.insert(), {"name": "schema", "value": schema.DIGEST})
    return SqlIndex(writer, reader)


@contextmanager
def _index_errors() -> Iterator[None]:
    try:
        with store_errors():
            yield
    except (Busy, StoreFailed) as e:
        raise IndexFailed(str(e)) from e


def _put_host(connection: sa.Connection, state: HostState, there: Any, thorough: bool) -> None:
    digest = digest_of([state.common, state.own, state.text, [(i.id, i.fields, i.text) for i in state.items]])
    if there is not None and there.digest == digest and not thorough:
        connection.execute(hosts.update().where(hosts.c.row == there.row).values(ticket=state.ticket))
        return
    for room, table in items.items():
        _put_items(connection, room, table, state)
    row = connection.execute(sa.select(hosts.c.row).where(hosts.c.agent == state.agent)).scalar()
    if row is not None:
        _remove(connection, "hosts", hosts, [row])
    if state.gone:
        return
    _put_path(connection, state)
    made = connection.execute(
        hosts.insert(),
        {
            "agent": state.agent,
            "ticket": state.ticket,
            "digest": digest,
            "common": msgspec.json.encode(state.common),
            "own": msgspec.json.encode(state.own),
            **_columns("hosts", state.common | state.own),
        },
    ).inserted_primary_key
    _add_words(connection, "hosts", [(made[0] if made else 0, state.text)])


def _put_items(connection: sa.Connection, room: Room, table: sa.Table, state: HostState) -> None:
    """Write what differs, drop what is no more."""
    wanted = {i.id: (i, digest_of([i.fields, i.text])) for i in state.items if schema.ROOM_OF[i.kind] == room}
    held = connection.execute(
        sa.select(table.c.row, table.c.id, table.c.digest).where(table.c.agent == state.agent)
    ).all()
    same = {r.id for r in held if r.id in wanted and wanted[r.id][1] == r.digest}
    _remove(connection, room, table, [r.row for r in held if r.id not in same])
    new = [pair for identifier, pair in wanted.items() if identifier not in same]
    if new:
        connection.execute(table.insert(), [_item_row(room, state.agent, i, digest) for i, digest in new])
        rows: dict[str, int] = {}
        for chunk in _chunks([i.id for i, _ in new]):
            found = connection.execute(sa.select(table.c.id, table.c.row).where(table.c.id.in_(chunk)))
            rows |= {r.id: r.row for r in found}
        _add_words(connection, room, [(rows[i.id], i.text) for i, _ in new])


def _item_row(room: Room, agent: str, item: Item, digest: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "agent": agent,
        "kind": item.kind,
        "digest": digest,
        "body": msgspec.json.encode(item.fields),
        **_columns(room, item.fields),
    }


def _columns(room: Room, fields: Fields) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, (column, kind) in columns_of(room).items():
        value: Any = fields.get(path)
        if kind == "date" and value is not None:
            value = to_microseconds(datetime.fromisoformat(value)) // 1_000
        # Lists are searched by their words alone.
        made[column] = None if isinstance(value, list) else value
    return made


def _put_path(connection: sa.Connection, state: HostState) -> None:
    unit, wanted = state.common[schema.UNIT], state.common[schema.PATH]
    held = connection.execute(sa.select(paths.c.above).where(paths.c.unit == unit)).scalars()
    if set(held) != set(wanted if isinstance(wanted, list) else []):
        connection.execute(paths.delete().where(paths.c.unit == unit))
        connection.execute(paths.insert(), [{"unit": unit, "above": above} for above in wanted])  # type: ignore[union-attr]


def _remove(connection: sa.Connection, room: Room, table: sa.Table, rows: Sequence[int]) -> None:
    words = words_of(room)
    for chunk in _chunks(rows):
        connection.execute(table.delete().where(table.c.row.in_(chunk)))
        connection.execute(sa.delete(words).where(words.c.rowid.in_(chunk)))


def _add_words(connection: sa.Connection, room: Room, texts: Sequence[tuple[int, str]]) -> None:
    connection.execute(sa.insert(words_of(room)), [{"rowid": row, "words": text} for row, text in texts])


def _notes(connection: sa.Connection) -> dict[str, str]:
    return {r.name: r.value for r in connection.execute(sa.select(notes))}


def _row(found: Any) -> Row:
    _, identifier, agent, common, own = found
    return Row(identifier, agent, msgspec.json.decode(common) | msgspec.json.decode(own))


def _chunks(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[start : start + _IN_CHUNK] for start in range(0, len(values), _IN_CHUNK)]
