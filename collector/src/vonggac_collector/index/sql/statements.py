"""What is asked, as SQL statements. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from vonggac_collector.index import schema
from vonggac_collector.index.asked import FACET_SIZE, Asked
from vonggac_collector.search.fields import Field
from vonggac_collector.search.query import Scope

from .conditions import Clause, Conditions, joined
from .parts import Part
from .tables import COMMON_PATHS, counted, held, hosts, things

_TOTAL: Final = ""
_OUT_OF_ORDER: Final = 4
"""Times as long as a link that comes in the order in which links are grouped: measured on SQLite, 0.5 to 0.13 µs."""


class OfHosts:
    """The statements for a question about hosts within one scope."""

    def __init__(self, asked: Asked, scope: Scope) -> None:
        self._asked = asked
        self._conditions = Conditions(asked, scope)
        self._sort = sa.func.coalesce(self._conditions.column(asked.sort.sort_path), asked.missing)

    def count(self, most: int = 0) -> sa.Select[Any]:
        """How many fit, at most `most`; 0: all."""
        return _number_of(sa.select(hosts.c.row).where(*self._conditions.host), most)

    def facets(self) -> sa.CompoundSelect[Any]:
        """Name, value as text and number of the most frequent values of each facet, and of all under ""."""
        columns = [self._conditions.column(f.path).label(f.name) for f in self._asked.facets]
        fitting = sa.select(*columns, sa.literal(1).label("number")).where(*self._conditions.host)
        return _facets(dict.fromkeys(self._asked.facets, fitting), fitting)

    def rows(self, limit: int | None) -> sa.Select[Any]:
        """Sort value, id, host and the parts of the document, in order; those after the page before."""
        value = self._sort.label("value")
        chosen = sa.select(value, hosts.c.agent.label("id"), hosts.c.agent, hosts.c.common, hosts.c.own)
        chosen = chosen.where(*self._conditions.host, *_beyond(self._asked, self._sort, hosts.c.agent))
        return chosen.order_by(_ordered(self._asked, self._sort), hosts.c.agent).limit(limit)


class OfThings:
    """The statements for a question about what hosts have, within one scope."""

    def __init__(self, asked: Asked, scope: Scope) -> None:
        self._asked = asked
        self._things, self._held = things[asked.kind], held[asked.kind]
        self._conditions = Conditions(asked, scope)
        self._sort = sa.func.coalesce(self._conditions.column(asked.sort.sort_path), asked.missing)
        self._has = hosts.c[counted(asked.kind)]

    @property
    def full(self) -> int:
        """The bits of every word."""
        return self._conditions.full

    @property
    def by_link(self) -> bool:
        """Whether links have to be looked at one by one, whatever their hosts and things are."""
        return bool(self._conditions.link)

    @property
    def sorted_by(self) -> str:
        """What the order is of: hosts, things or links."""
        path = self._asked.sort.sort_path
        return "links" if path in schema.HERE else "hosts" if path in COMMON_PATHS else "things"

    def sizes(self) -> sa.CompoundSelect[Any]:
        """As parts.Size: of what fits, and of all."""
        made = []
        for side, table, links in (
            ("hosts", hosts, self._has),
            ("things", self._things, self._things.c.holders),
        ):
            some = sa.select(self._conditions.bits(table).label("bits"), links.label("links"))
            fitting = some.where(*self._conditions.of(table)).subquery()
            each = sa.select(sa.literal(side), fitting.c.bits, sa.func.sum(fitting.c.links))
            made.append(each.group_by(fitting.c.bits))
        total = sa.func.coalesce(sa.func.sum(self._has), 0)
        return sa.union_all(*made, sa.select(sa.literal("all"), sa.literal(0, sa.BigInteger), total))

    def count(self, part: Part, most: int = 0) -> sa.Select[Any]:
        """How many fit, at most `most`; 0: all."""
        return _number_of(self._links(part, part.by_host <= part.by_thing, self._held.c.host), most)

    def facets(self, parts: Sequence[Part]) -> sa.CompoundSelect[Any]:
        """Name, value as text and number of the most frequent values of each facet, and of all under ""."""
        of_hosts = [f for f in self._asked.facets if f.path in COMMON_PATHS]
        of_things = [f for f in self._asked.facets if f.path not in COMMON_PATHS]
        by_host = sa.union_all(*(self._by_host(p, of_hosts) for p in parts))
        by_thing = sa.union_all(*(self._by_thing(p, of_things) for p in parts))
        found = dict.fromkeys(of_hosts, by_host) | dict.fromkeys(of_things, by_thing)
        return _facets(found, by_thing if all(p.every_host for p in parts) else by_host)

    def runs(self, parts: Sequence[Part], after: tuple[Any, ...], limit: int) -> sa.Select[Any]:
        """Sort values in order, of hosts each with its row, and how many links there are of them; those after one."""
        table, value = self._side, self._sort.label("value")
        clauses = self._conditions.of(table, _bits(parts, table))
        if table is hosts:
            key = hosts.c.key
            chosen = sa.select(value, key, self._has, hosts.c.row)
            chosen = chosen.where(*clauses, self._has > 0, *_from(self._asked, self._sort))
            if after:
                chosen = chosen.where(_past(self._asked, self._sort, after[0], key, after[1]))
            return chosen.order_by(_ordered(self._asked, self._sort), key).limit(limit)
        each = (
            sa.select(value, self._things.c.holders)
            .where(*clauses, *_from(self._asked, self._sort))
            .subquery()
        )
        chosen = sa.select(each.c.value, sa.literal(""), sa.func.sum(each.c.holders)).group_by(each.c.value)
        if after:
            value_of = each.c.value
            chosen = chosen.where(value_of < after[0] if self._asked.descending else value_of > after[0])
        return chosen.order_by(_ordered(self._asked, each.c.value)).limit(limit)

    def rows(
        self, parts: Sequence[Part], limit: int | None, chunk: Sequence[Any] | None = None
    ) -> sa.Select[Any]:
        """Sort value, id, host and the parts of the document, in order; those after the page before.

        `chunk`: only of these `runs`, which follow each other.
        """
        links, one = self._held, self._things
        of_hosts = sa.select(hosts.c.row).where(*self._conditions.of(hosts, _bits(parts, hosts)))
        of_things = sa.select(one.c.row).where(*self._conditions.of(one, _bits(parts, one)))
        by_host = sum(p.by_host for p in parts) <= sum(p.by_thing for p in parts)
        if chunk is not None:
            by_host = self._side is hosts
            if by_host:
                of_hosts = sa.select(hosts.c.row).where(hosts.c.row.in_([r[3] for r in chunk]))
            else:
                low, high = sorted((chunk[0][0], chunk[-1][0]))
                of_things = of_things.where(self._sort >= low, self._sort <= high)
        identifier = hosts.c.key + one.c.key
        chosen = sa.select(
            self._sort.label("value"),
            identifier.label("id"),
            links.c.host,
            links.c.thing,
            *(c for c in links.c if c.name not in ("host", "thing")),
        ).select_from(links.join(one, one.c.row == links.c.thing).join(hosts, hosts.c.row == links.c.host))
        chosen = chosen.where(*_led(links, of_hosts, of_things, by_host), *self._conditions.link)
        if len(parts) > 1 or any(p.mixed for p in parts):
            chosen = chosen.where(*joined(self._asked, self._conditions))
        chosen = chosen.where(*_beyond(self._asked, self._sort, identifier))
        # Bodies are fetched for the rows that are chosen only.
        order = (_ordered(self._asked, self._sort), hosts.c.key, one.c.key)
        few = chosen.order_by(*order).limit(limit).subquery()
        rest = [c for c in few.c if c.name not in ("value", "id", "host", "thing")]
        full = few.join(one, one.c.row == few.c.thing).join(hosts, hosts.c.row == few.c.host)
        wanted = sa.select(few.c.value, few.c.id, hosts.c.agent, hosts.c.common, one.c.body, *rest)
        return wanted.select_from(full).order_by(_ordered(self._asked, few.c.value), few.c.id)

    @property
    def _side(self) -> sa.Table:
        return hosts if self.sorted_by == "hosts" else self._things

    def _links(self, part: Part, by_host: bool, *columns: Any) -> sa.Select[Any]:
        """Links of the part, reached through the hosts or through the things."""
        links, conditions = self._held, self._conditions
        chosen = sa.select(*columns).select_from(links)
        if part.mixed:
            both = links.join(self._things, self._things.c.row == links.c.thing)
            both = both.join(hosts, hosts.c.row == links.c.host)
            return sa.select(*columns).select_from(both).where(*joined(self._asked, conditions))
        of_hosts = sa.select(hosts.c.row).where(*conditions.of(hosts, part.hosts))
        of_things = sa.select(self._things.c.row).where(*conditions.of(self._things, part.things))
        return chosen.where(
            *_led(
                links,
                None if part.every_host else of_hosts,
                None if part.every_thing else of_things,
                by_host,
            ),
            *conditions.link,
        )

    def _by_thing(self, part: Part, fields: Sequence[Field]) -> sa.Select[Any]:
        """The fields of each thing, and how many of the hosts have it."""
        kept = self._things.c.holders
        if self._by_rest(part, part.other_hosts, part.by_thing):
            others = _rest(hosts, self._conditions.of(hosts, part.hosts))
            links = sa.select(self._held.c.thing).where(*_led(self._held, others, None, True))
            return self._counted(self._things, self._held.c.thing, links, part.things, fields, kept)
        by_host = part.by_host * _OUT_OF_ORDER < part.by_thing
        links = self._links(part, by_host, self._held.c.thing)
        return self._counted(self._things, self._held.c.thing, links, part.things, fields)

    def _by_host(self, part: Part, fields: Sequence[Field]) -> sa.Select[Any]:
        """The fields of each host, and how many of the things it has."""
        if self._by_rest(part, part.other_things, part.by_host):
            others = _rest(self._things, self._conditions.of(self._things, part.things))
            links = sa.select(self._held.c.host).where(*_led(self._held, None, others, False))
            return self._counted(hosts, self._held.c.host, links, part.hosts, fields, self._has)
        by_host = part.by_host <= part.by_thing * _OUT_OF_ORDER
        links = self._links(part, by_host, self._held.c.host)
        return self._counted(hosts, self._held.c.host, links, part.hosts, fields)

    def _by_rest(self, part: Part, others: int, links: int) -> bool:
        """Whether it is less work to count what does not fit, and to take that from the numbers that are kept."""
        return not part.mixed and not self.by_link and others * _OUT_OF_ORDER < links

    def _counted(
        self,
        table: sa.Table,
        link: sa.Column[Any],
        links: sa.Select[Any],
        bits: Sequence[int],
        fields: Sequence[Field],
        kept: sa.Column[Any] | None = None,
    ) -> sa.Select[Any]:
        """The fields of each row of the table that has links, and their number; with `kept`, how many that is more."""
        columns = [self._conditions.column(f.path).label(f.name) for f in fields]
        each = links.add_columns(sa.func.count().label("number")).group_by(link).subquery()
        joined_to = each.c[link.name] == table.c.row
        if kept is None:
            return sa.select(*columns, each.c.number).select_from(each.join(table, joined_to))
        number = kept - sa.func.coalesce(each.c.number, 0)
        chosen = sa.select(*columns, number.label("number")).select_from(table.outerjoin(each, joined_to))
        return chosen.where(number > 0, *self._conditions.of(table, bits))


def _rest(table: sa.Table, clauses: Sequence[Clause]) -> sa.Select[Any]:
    """All rows but those."""
    some = sa.select(table.c.row).where(*clauses).correlate(None)
    return sa.select(table.c.row).where(table.c.row.not_in(some))


def _led(
    links: sa.Table, of_hosts: sa.Select[Any] | None, of_things: sa.Select[Any] | None, by_host: bool
) -> list[Clause]:
    """Links of some hosts (None: of all) to some things; reached through the hosts, or through the things.

    Adding nothing to a column keeps its index from being used.
    """
    host: sa.ColumnElement[int] = links.c.host
    thing: sa.ColumnElement[int] = links.c.thing
    host, thing = (host, thing + 0) if by_host else (host + 0, thing)
    sides = ((host, of_hosts), (thing, of_things))
    return [column.in_(some) for column, some in sides if some is not None]


def _bits(parts: Sequence[Part], table: sa.Table) -> list[int]:
    return sorted({b for p in parts for b in (p.hosts if table is hosts else p.things)})


def _number_of(chosen: sa.Select[Any], most: int) -> sa.Select[Any]:
    some = chosen.limit(most) if most else chosen
    return sa.select(sa.func.count()).select_from(some.subquery())


def _facets(
    found: dict[Field, Any], all_of: sa.Select[Any] | sa.CompoundSelect[Any]
) -> sa.CompoundSelect[Any]:
    ctes = {id(s): _once(s, n) for n, s in enumerate({id(s): s for s in (*found.values(), all_of)}.values())}
    number = sa.func.sum(ctes[id(all_of)].c.number)
    total = sa.select(sa.literal(_TOTAL), sa.cast(sa.null(), sa.Text), sa.func.coalesce(number, 0))
    most = []
    for field, counts in found.items():
        each = ctes[id(counts)]
        value, number = each.c[field.name], sa.func.sum(each.c.number)
        best = (
            sa.select(value.label("value"), number.label("number")).where(value.is_not(None)).group_by(value)
        )
        best = best.order_by(number.desc(), value).limit(FACET_SIZE)
        some = best.subquery()
        most.append(sa.select(sa.literal(field.name), sa.cast(some.c.value, sa.Text), some.c.number))
    return sa.union_all(total, *most)


def _once(chosen: Any, number: int) -> sa.CTE:
    made: sa.CTE = chosen.cte(f"counted_{number}").prefix_with("MATERIALIZED")
    return made


def _ordered(asked: Asked, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return column.desc() if asked.descending else column.asc()


def _past(
    asked: Asked, column: sa.ColumnElement[Any], value: Any, key: sa.ColumnElement[str], last: str
) -> Clause:
    beyond: Clause = column < value if asked.descending else column > value
    return sa.or_(beyond, sa.and_(column == value, key > last))


def _beyond(asked: Asked, column: sa.ColumnElement[Any], identifier: sa.ColumnElement[str]) -> list[Clause]:
    """After the page before."""
    return [] if asked.after is None else [_past(asked, column, asked.after[0], identifier, asked.after[1])]


def _from(asked: Asked, column: sa.ColumnElement[Any]) -> list[Clause]:
    """Not before the last value of the page before."""
    if asked.after is None:
        return []
    return [column <= asked.after[0] if asked.descending else column >= asked.after[0]]
