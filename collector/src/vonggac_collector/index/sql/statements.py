"""What is asked, as SQL statements. Pure."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from vonggac_collector.index import schema
from vonggac_collector.index.asked import (
    FACET_SIZE,
    Asked,
    Begins,
    Between,
    Condition,
    OneOf,
    OnHosts,
    Phrases,
    Under,
)
from vonggac_collector.index.interface import Room
from vonggac_collector.search.query import Scope

from .tables import COMMON_PATHS, column_name, hosts, items, paths, words_of


class Statements:
    """The statements for one question within one scope."""

    def __init__(self, asked: Asked, scope: Scope) -> None:
        self._asked = asked
        self._room: Room = schema.ROOM_OF[asked.kind]
        self._own = hosts if self._room == "hosts" else items[self._room]
        self._id = hosts.c.agent if self._room == "hosts" else self._own.c.id
        self._sort = sa.func.coalesce(self._column(asked.sort.sort_path), asked.missing)
        self._where = [_under((scope.unit,))]
        if self._room != "hosts":
            self._where.append(self._own.c.kind == asked.kind)
        for condition in asked.conditions:
            found = self._condition(condition, scope)
            # What a document does not have fits nothing, so that the negation is everything else.
            self._where.append(sa.not_(sa.func.coalesce(found, sa.false())) if condition.negated else found)

    def count(self, most: int = 0) -> sa.Select[Any]:
        """How many fit, at most `most`; 0: all."""
        if not most:
            return self._from(sa.select(sa.func.count())).where(*self._where)
        some = self._from(sa.select(hosts.c.row)).where(*self._where).limit(most).subquery()
        return sa.select(sa.func.count()).select_from(some)

    def rows(self) -> sa.Select[Any]:
        """Sort value, id, host and the parts of the document, in order; those after the page before."""
        order = self._sort.desc() if self._asked.descending else self._sort.asc()
        body = hosts.c.own if self._room == "hosts" else self._own.c.body
        chosen = self._from(sa.select(self._sort, self._id, hosts.c.agent, hosts.c.common, body))
        chosen = chosen.where(*self._where).order_by(order, self._id)
        if self._asked.after is not None:
            value, identifier = self._asked.after
            beyond = self._sort < value if self._asked.descending else self._sort > value
            chosen = chosen.where(beyond | ((self._sort == value) & (self._id > identifier)))
        return chosen

    def counts(self) -> sa.Executable:
        """How many fit, under "", and the most frequent values by field name: in one pass over what fits."""
        facets = self._asked.facets
        columns = {f.name: self._column(f.path).label(f"facet_{n}") for n, f in enumerate(facets)}
        fitting = (
            self._from(sa.select(*(columns.values() or [hosts.c.row])))
            .where(*self._where)
            .cte("fitting")
            .prefix_with("MATERIALIZED")
        )
        number = sa.func.count()
        total = sa.select(sa.literal(""), sa.null(), number).select_from(fitting)
        if not facets:
            return total
        most = [
            sa.select(sa.literal(name), fitting.c[column.name], number)
            .where(fitting.c[column.name].is_not(None))
            .group_by(fitting.c[column.name])
            .order_by(number.desc(), fitting.c[column.name])
            .limit(FACET_SIZE)
            .subquery()
            for name, column in columns.items()
        ]
        return total.union_all(*(sa.select(m) for m in most))

    def agents(self) -> sa.Select[Any]:
        """The hosts that something fits of, each maybe more than once."""
        return self._from(sa.select(hosts.c.agent)).where(*self._where).correlate(None)

    def _from(self, chosen: sa.Select[Any]) -> sa.Select[Any]:
        if self._room == "hosts":
            return chosen.select_from(hosts)
        return chosen.select_from(self._own.join(hosts, hosts.c.agent == self._own.c.agent))

    def _column(self, path: str) -> sa.ColumnElement[Any]:
        if path == schema.AGENT:
            return hosts.c.agent
        table = hosts if path in COMMON_PATHS else self._own
        return table.c[column_name(path)]

    def _condition(self, condition: Condition, scope: Scope) -> sa.ColumnElement[bool]:
        match condition:
            case Phrases(phrases, prefix):
                return sa.or_(*(self._phrase(p, prefix) for p in phrases))
            case OnHosts(asked):
                return hosts.c.agent.in_(Statements(asked, scope).agents())
            case OneOf(path, values):
                return self._column(path).in_(values)
            case Under(units):
                return _under(units)
            case Begins(path, text):
                return sa.func.substr(self._column(path), 1, len(text)) == text
            case Between(path, low, high):
                column = self._column(path)
                return sa.and_(
                    column.is_not(None),
                    column >= low if low is not None else sa.true(),
                    column <= high if high is not None else sa.true(),
                )

    def _phrase(self, phrase: tuple[str, ...], prefix: bool) -> sa.ColumnElement[bool]:
        if not phrase:
            return sa.true()
        if prefix:
            return sa.and_(self._phrase(phrase[:-1], False), self._matches(f'"{phrase[-1]}"*'))
        return self._matches('"' + " ".join(phrase) + '"')

    def _matches(self, wanted: str) -> sa.ColumnElement[bool]:
        """In the host's words or in the document's own; as one list of rows, which may lead to them."""
        if self._room == "hosts":
            return hosts.c.row.in_(_with_words("hosts", wanted))
        own, host = self._own.alias(), hosts.alias()
        of_hosts = sa.select(own.c.row).join(host, host.c.agent == own.c.agent)
        of_hosts = of_hosts.where(host.c.row.in_(_with_words("hosts", wanted)))
        return self._own.c.row.in_(sa.union_all(_with_words(self._room, wanted), of_hosts))


def _with_words(room: Room, wanted: str) -> sa.Select[Any]:
    words = words_of(room)
    return sa.select(words.c.rowid).where(sa.literal_column(words.name).op("MATCH")(wanted))


def _under(units: tuple[str, ...]) -> sa.ColumnElement[bool]:
    inside = sa.select(paths.c.unit).where(paths.c.above.in_(units))
    return hosts.c[column_name(schema.UNIT)].in_(inside)
