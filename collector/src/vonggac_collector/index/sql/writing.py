"""Writes hosts and what they have, in the caller's transaction: only what differs. One writer at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from vonggac_collector.index import schema
from vonggac_collector.index.document import digest_of, host_key
from vonggac_collector.index.interface import Fields, HostState, Item
from vonggac_collector.ledger.tables import to_microseconds
from vonggac_collector.search.query import Kind

from .tables import COLUMNS, ITEMS, column_name, counted, gone, held, here, hosts, paths, plain, things

_IN_CHUNK: Final = 500
_Wanted = Mapping[int, Mapping[str, Item]]
"""Things by their digests, by the row of the host that has them."""


def put(connection: sa.Connection, states: Sequence[HostState], *, thorough: bool) -> None:
    """Make each host what its state says, unless it was put under a higher ticket."""
    newest = {s.agent: s for s in sorted(states, key=lambda s: s.ticket)}
    there = {r.agent: r for r in _rows(connection, hosts.c.agent, newest, "row", "ticket", "digest")}
    went = {r.agent: r.ticket for r in _rows(connection, gone.c.agent, newest, "ticket")}
    before = {a: r.ticket for a, r in there.items()} | went
    live = [s for s in newest.values() if s.ticket >= before.get(s.agent, 0)]
    digests = {s.agent: _digest(s) for s in live if not s.gone}
    same = {a for a, d in digests.items() if a in there and there[a].digest == d}
    _run(
        connection,
        hosts.update().where(hosts.c.agent == sa.bindparam("of")).values(ticket=sa.bindparam("under")),
        [{"of": s.agent, "under": s.ticket} for s in live if s.agent in same],
    )
    changed = [s for s in live if not s.gone and (thorough or s.agent not in same)]
    _put_paths(connection, changed)
    made = [_host(s, digests[s.agent]) for s in changed]
    _run(connection, hosts.insert(), [m for m in made if m["agent"] not in there])
    written = [{"of": m.pop("agent"), **m} for m in made if m["agent"] in there]
    _run(connection, hosts.update().where(hosts.c.agent == sa.bindparam("of")), written)
    rows = {r.agent: r.row for r in _rows(connection, hosts.c.agent, [s.agent for s in changed], "row")}
    ended = {there[s.agent].row for s in live if s.gone and s.agent in there}
    for kind in ITEMS:
        wanted: dict[int, dict[str, Item]] = {row: {} for row in ended}
        wanted |= {rows[s.agent]: {i.digest: i for i in s.items if i.kind == kind} for s in changed}
        _put_things(connection, kind, wanted)
    _delete(connection, hosts.c.row, sorted(ended))
    _delete(connection, gone.c.agent, [s.agent for s in live if s.agent in went])
    _run(connection, gone.insert(), [{"agent": s.agent, "ticket": s.ticket} for s in live if s.gone])


def _put_things(connection: sa.Connection, kind: Kind, wanted: _Wanted) -> None:
    table, links, own = things[kind], held[kind], sorted(here(kind))
    items = {digest: item for of_host in wanted.values() for digest, item in of_host.items()}
    row_of = {r.digest: r.row for r in _rows(connection, table.c.digest, items, "row")}
    new = [i for d, i in items.items() if d not in row_of]
    if new:
        _run(connection, table.insert(), [_thing(kind, i) for i in new])
        row_of |= {r.digest: r.row for r in _rows(connection, table.c.digest, [i.digest for i in new], "row")}
    names = [column_name(p) for p in own]
    before = {
        (r.host, r.thing): tuple(r)[2:] for r in _rows(connection, links.c.host, wanted, "thing", *names)
    }
    after = {
        (host, row_of[digest]): tuple(_value(kind, p, item.fields.get(p)) for p in own)
        for host, of_host in wanted.items()
        for digest, item in of_host.items()
    }
    less = [pair for pair in before if pair not in after]
    more = [pair for pair in after if pair not in before]
    at = (links.c.host == sa.bindparam("of")) & (links.c.thing == sa.bindparam("what"))
    _run(connection, links.delete().where(at), [{"of": host, "what": thing} for host, thing in less])
    _run(
        connection,
        links.insert(),
        [{"host": p[0], "thing": p[1], **dict(zip(names, after[p], strict=True))} for p in sorted(more)],
    )
    if own:
        differ = [p for p in before if p in after and before[p] != after[p]]
        values = [{"of": p[0], "what": p[1], **dict(zip(names, after[p], strict=True))} for p in differ]
        _run(connection, links.update().where(at), values)
    _count(connection, table, less, more)


def _count(
    connection: sa.Connection, table: sa.Table, less: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    """Keep how many hosts have each thing, and no thing that none has."""
    number = Counter(thing for _, thing in more)
    number.subtract(thing for _, thing in less)
    _run(
        connection,
        table.update()
        .where(table.c.row == sa.bindparam("of"))
        .values(holders=table.c.holders + sa.bindparam("by")),
        [{"of": row, "by": by} for row, by in sorted(number.items()) if by],
    )
    for chunk in _chunks(sorted({thing for _, thing in less})):
        connection.execute(table.delete().where(table.c.row.in_(chunk), table.c.holders == 0))


def _digest(state: HostState) -> str:
    names = [[i.digest, *(i.fields.get(p) for p in sorted(here(i.kind)))] for i in state.items]
    return digest_of([state.common, state.own, state.text, names])


def _host(state: HostState, digest: str) -> dict[str, Any]:
    has = Counter(i.kind for i in state.items)
    return {
        "agent": state.agent,
        "key": host_key(state.agent),
        "ticket": state.ticket,
        "digest": digest,
        **{counted(kind): has[kind] for kind in ITEMS},
        **_values("hosts", state.common | state.own),
        "words": f" {state.text} ",
        "common": msgspec.json.encode(state.common),
        "own": msgspec.json.encode(state.own),
    }


def _thing(kind: Kind, item: Item) -> dict[str, Any]:
    shared = {p: v for p, v in item.fields.items() if p not in schema.HERE}
    return {
        "digest": item.digest,
        "key": item.key,
        "holders": 0,
        **{c: v for c, v in _values(kind, shared).items() if c in things[kind].c},
        "words": f" {item.text} ",
        "body": msgspec.json.encode(shared),
    }


def _values(kind: Kind, fields: Fields) -> dict[str, Any]:
    return {column_name(p): _value(kind, p, fields.get(p)) for p in COLUMNS[kind]}


def _value(kind: Kind, path: str, value: Any) -> Any:
    if COLUMNS[kind][path] == "date" and value is not None:
        return to_microseconds(datetime.fromisoformat(value)) // 1_000
    return plain(value)


def _put_paths(connection: sa.Connection, states: Sequence[HostState]) -> None:
    """Which units are above those of the hosts."""
    wanted: dict[str, set[str]] = {}
    for state in states:
        above = state.common[schema.PATH]
        wanted[str(state.common[schema.UNIT])] = set(above if isinstance(above, list) else [])
    there: dict[str, set[str]] = {}
    for row in _rows(connection, paths.c.unit, wanted, "above"):
        there.setdefault(row.unit, set()).add(row.above)
    differ = sorted(unit for unit, above in wanted.items() if there.get(unit) != above)
    _delete(connection, paths.c.unit, differ)
    _run(connection, paths.insert(), [{"unit": u, "above": a} for u in differ for a in sorted(wanted[u])])


def _rows(
    connection: sa.Connection, column: sa.Column[Any], values: Any, *names: str
) -> Iterator[sa.Row[Any]]:
    """Of the rows whose column has one of the values: that column and those named."""
    for chunk in _chunks(list(values)):
        wanted = sa.select(column, *(column.table.c[name] for name in names)).where(column.in_(chunk))
        yield from connection.execute(wanted)


def _run(connection: sa.Connection, statement: sa.Executable, several: list[dict[str, Any]]) -> None:
    if several:
        connection.execute(statement, several)


def _delete(connection: sa.Connection, column: sa.Column[Any], values: Sequence[Any]) -> None:
    for chunk in _chunks(values):
        connection.execute(sa.delete(column.table).where(column.in_(chunk)))


def _chunks(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[start : start + _IN_CHUNK] for start in range(0, len(values), _IN_CHUNK)]
