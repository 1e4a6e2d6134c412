"""Writes hosts and what they have, in the caller's transaction: only what differs. One writer at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import JSONB

from vonggac_collector.index import schema
from vonggac_collector.index.document import digest_of, host_key
from vonggac_collector.index.interface import Fields, HostState, Item
from vonggac_collector.instants import to_microseconds
from vonggac_collector.search.query import Kind

from .tables import (
    COLUMNS,
    INVENTORY,
    ITEMS,
    LOOSE,
    SCHEMA,
    column_name,
    counted,
    gone,
    held,
    hosts,
    paths,
    plain,
    things,
)

_INSERT: Final = {t: t.insert() for t in (hosts, gone, paths, *things.values(), *held.values())}
_SET: Final = hosts.update().where(hosts.c.agent == sa.bindparam("of"))
_DELETE: Final = {
    t: t.delete().where(t.c.host == sa.bindparam("host"), t.c.thing == sa.bindparam("thing"))
    for t in held.values()
}
_HOLD: Final = {
    t: t.update().where(t.c.row == sa.bindparam("of")).values(holders=t.c.holders + sa.bindparam("more"))
    for t in things.values()
}
_HAS: Final = [counted(kind) for kind in ITEMS]
_Wanted = Mapping[int, Mapping[str, Item]]
"""Things by their digests, by the row of the host that has them."""


def put(connection: sa.Connection, states: Sequence[HostState], *, thorough: bool) -> set[str]:
    """Make each host what its state says, unless it was put under a higher ticket.

    Returns those whose inventory was left out although another one is here.
    """
    newest = {s.agent: s for s in sorted(states, key=lambda s: s.ticket)}
    there = {
        r.agent: r
        for r in chosen(connection, hosts.c.agent, newest, "row", "ticket", "digest", "inventory", *_HAS)
    }
    went = {r.agent: r.ticket for r in chosen(connection, gone.c.agent, newest, "ticket")}
    before = {a: r.ticket for a, r in there.items()} | went
    live = [s for s in newest.values() if s.ticket >= before.get(s.agent, 0)]
    whole = {s.agent for s in live if s.agent in there and there[s.agent].inventory == s.inventory != ""}
    overtaken = {s.agent for s in live if s.same and s.agent not in whole}
    live = [s for s in live if s.agent not in overtaken]
    digests = {s.agent: _digest(s) for s in live if not s.gone}
    same = {a for a, d in digests.items() if a in there and there[a].digest == d}
    _run(connection, _SET, [{"of": s.agent, "ticket": s.ticket} for s in live if s.agent in same])
    changed = [s for s in live if not s.gone and (thorough or s.agent not in same)]
    _put_paths(connection, changed)
    made = [_host(s, digests[s.agent], there.get(s.agent)) for s in changed]
    _run(connection, _INSERT[hosts], [m for m in made if m["agent"] not in there])
    _run(connection, _SET, [{"of": m["agent"], **m} for m in made if m["agent"] in there])
    rows = {r.agent: r.row for r in chosen(connection, hosts.c.agent, [s.agent for s in changed], "row")}
    ended = {there[s.agent].row for s in live if s.gone and s.agent in there}
    for kind in ITEMS:
        wanted: dict[int, dict[str, Item]] = {row: {} for row in ended}
        some = changed if kind not in INVENTORY else [s for s in changed if not s.same]
        wanted |= {rows[s.agent]: {i.digest: i for i in s.items if i.kind == kind} for s in some}
        _put_things(connection, kind, wanted)
    _delete(connection, hosts.c.row, ended)
    _delete(connection, gone.c.agent, [s.agent for s in live if s.agent in went])
    _run(connection, _INSERT[gone], [{"agent": s.agent, "ticket": s.ticket} for s in live if s.gone])
    return overtaken


def _put_things(connection: sa.Connection, kind: Kind, wanted: _Wanted) -> None:
    table, links, own = things[kind], held[kind], LOOSE[kind]
    items = {digest: item for of_host in wanted.values() for digest, item in of_host.items()}
    row_of = {r.digest: r.row for r in chosen(connection, table.c.digest, items, "row")}
    new = [i for d, i in items.items() if d not in row_of]
    if new:
        _run(connection, _INSERT[table], [_thing(kind, i) for i in new])
        row_of |= {
            r.digest: r.row for r in chosen(connection, table.c.digest, [i.digest for i in new], "row")
        }
    names = [column_name(p) for p in own]
    there = chosen(connection, links.c.host, wanted, "thing", *names)
    before = {(r[0], r[1]): tuple(r[2:]) for r in there}
    after = {
        (host, row_of[digest]): tuple(_value(kind, p, item.fields.get(p)) for p in own) if own else ()
        for host, of_host in wanted.items()
        for digest, item in of_host.items()
    }
    less = [{"host": host, "thing": thing} for host, thing in before if (host, thing) not in after]
    more, differ = list[dict[str, Any]](), list[dict[str, Any]]()
    for pair, values in after.items():
        if before.get(pair) != values:
            said = {"host": pair[0], "thing": pair[1], **dict(zip(names, values, strict=True))}
            (differ if pair in before else more).append(said)
    _run(connection, _DELETE[links], less + differ)
    _run(connection, _INSERT[links], more + differ)
    _count(connection, table, [link["thing"] for link in less], [link["thing"] for link in more])


def _count(connection: sa.Connection, table: sa.Table, less: list[int], more: list[int]) -> None:
    """Keep how many hosts have each thing, and no thing that none has."""
    number = Counter(more)
    number.subtract(less)
    _run(connection, _HOLD[table], [{"of": row, "more": n} for row, n in sorted(number.items()) if n])
    if less:
        none = _among(connection, table.c.row, set(less))
        connection.execute(table.delete().where(none, table.c.holders == 0))


def _digest(state: HostState) -> str:
    named = state.inventory != ""
    items = [i for i in state.items if not named or i.kind not in INVENTORY]
    names = [[i.digest, *(i.fields.get(p) for p in LOOSE[i.kind])] for i in items]
    return digest_of([state.common, state.own, state.text, names, state.inventory])


def _host(state: HostState, digest: str, there: Any) -> dict[str, Any]:
    has = Counter(counted(i.kind) for i in state.items)
    if state.same:
        has |= {counted(kind): there._mapping[counted(kind)] for kind in INVENTORY}
    return {
        "agent": state.agent,
        "key": host_key(state.agent),
        "ticket": state.ticket,
        "digest": digest,
        "inventory": state.inventory,
        **{name: has[name] for name in _HAS},
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
    for row in chosen(connection, paths.c.unit, wanted, "above"):
        there.setdefault(row.unit, set()).add(row.above)
    differ = sorted(unit for unit, above in wanted.items() if there.get(unit) != above)
    _delete(connection, paths.c.unit, differ)
    _run(connection, _INSERT[paths], [{"unit": u, "above": a} for u in differ for a in sorted(wanted[u])])


def chosen(
    connection: sa.Connection, column: sa.Column[Any], values: Collection[Any], *names: str
) -> list[Any]:
    """Of the rows whose column has one of the values: that column and those named."""
    if not values:
        return []
    wanted = sa.select(column, *(column.table.c[name] for name in names))
    return list(connection.execute(wanted.where(_among(connection, column, values))))


def _delete(connection: sa.Connection, column: sa.Column[Any], values: Collection[Any]) -> None:
    if values:
        connection.execute(sa.delete(column.table).where(_among(connection, column, values)))


def _among(
    connection: sa.Connection, column: sa.Column[Any], values: Collection[Any]
) -> sa.ColumnElement[bool]:
    """The column has one of the values, which are given as one: any number of them is the same statement."""
    given = sa.literal(msgspec.json.encode(list(values)).decode())
    if connection.dialect.name == "postgresql":
        each = sa.func.jsonb_array_elements_text(sa.cast(given, JSONB)).table_valued("value")
        return column.in_(sa.select(sa.cast(each.c.value, column.type)))
    return column.in_(sa.select(sa.func.json_each(given).table_valued("value").c.value))


def _run(connection: sa.Connection, statement: sa.sql.dml.UpdateBase, several: list[dict[str, Any]]) -> None:
    """Run the statement for each. SQLAlchemy itself would take longer over the parameters than the database does."""
    if several:
        inside = connection.get_execution_options().get("schema_translate_map")
        text, order = _compiled(statement, connection.dialect.name, tuple(several[0]), bool(inside))
        connection.exec_driver_sql(text, list(map(itemgetter(*order), several)))


@cache
def _compiled(
    statement: sa.sql.dml.UpdateBase, name: str, columns: tuple[str, ...], inside: bool
) -> tuple[str, list[str]]:
    """The statement as its driver takes it, and its parameters' names in order."""
    made = statement.compile(
        dialect=registry.load(name)(paramstyle="format" if name == "postgresql" else "qmark"),
        column_keys=columns,
        schema_translate_map={None: SCHEMA} if inside else None,
        render_schema_translate=inside,
    )
    return str(made), list(made.positiontup or ())
