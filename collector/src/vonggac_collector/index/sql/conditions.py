"""What is asked, as conditions on hosts, on things, and on a host having a thing. Pure.

A free word is in the host's text or in the thing's. So that each text is looked at once and not with every thing of
every host, which words a text has becomes a number: its *bits*. A document fits if both numbers together have all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from vonggac_collector.index import schema
from vonggac_collector.index.asked import Asked, Begins, Between, Condition, OneOf, OnHosts, Phrases, Under
from vonggac_collector.index.fold import tagged
from vonggac_collector.search.fields import COMMON
from vonggac_collector.search.query import Scope

from .contains import Contains
from .tables import COMMON_PATHS, column_name, held, hosts, paths, plain, things

Clause = sa.ColumnElement[bool]
_OF_HOSTS = frozenset(f.name for f in COMMON)


class Conditions:
    """`host`, `thing`, `link`: all have to hold. `words`: each is in the host's words or in the thing's."""

    def __init__(self, asked: Asked, scope: Scope) -> None:
        self._kind = asked.kind
        self._scope = scope
        self.host: list[Clause] = [_under((scope.unit,))]
        self.thing: list[Clause] = []
        self.link: list[Clause] = []
        self.words: list[str] = []
        for condition in asked.conditions:
            self._add(condition)

    @property
    def full(self) -> int:
        """The bits of all words."""
        return (1 << len(self.words)) - 1

    def bits(self, table: sa.Table) -> sa.ColumnElement[int]:
        """Which of the words the row's text has."""
        none = sa.literal(0, sa.BigInteger)
        found = [
            sa.case((Contains(table.c.words, w), sa.literal(1 << n, sa.BigInteger)), else_=none)
            for n, w in enumerate(self.words)
        ]
        return sum(found, none)

    def of(self, table: sa.Table, bits: Sequence[int] | None = None) -> list[Clause]:
        """On hosts or on things, with one of those bits."""
        clauses = self.host if table is hosts else self.thing
        return [*clauses, *([self.bits(table).in_(bits)] if self.words and bits is not None else [])]

    def column(self, path: str) -> sa.ColumnElement[Any]:
        """The field's column."""
        return self._table(path).c["agent" if path == schema.AGENT else column_name(path)]

    def _table(self, path: str) -> sa.Table:
        if self._kind == "hosts" or path in COMMON_PATHS:
            return hosts
        return held[self._kind] if path in schema.HERE else things[self._kind]

    def _add(self, condition: Condition) -> None:
        if isinstance(condition, Phrases):
            self._add_phrases(condition)
            return
        if isinstance(condition, Under | OnHosts):
            clauses = self.host
        else:
            table = self._table(condition.path)
            clauses = self.host if table is hosts else self.thing if table is self._things else self.link
        clauses.append(_signed(self._clause(condition), condition.negated))

    @property
    def _things(self) -> sa.Table | None:
        return things.get(self._kind)

    def _add_phrases(self, condition: Phrases) -> None:
        table = self._things
        name = next((tagged(p[0]) for p in condition.phrases if p), None)
        if table is None or name in _OF_HOSTS:
            self.host.append(_signed(_any(hosts, condition), condition.negated))
        elif name is not None:
            self.thing.append(_signed(_any(table, condition), condition.negated))
        elif condition.negated:
            # In neither of both.
            self.host.append(sa.not_(_any(hosts, condition)))
            self.thing.append(sa.not_(_any(table, condition)))
        else:
            self.words += _parts(condition.phrases[0], condition.prefix)

    def _clause(self, condition: OneOf | Under | Begins | Between | OnHosts) -> Clause:
        match condition:
            case OnHosts(asked):
                return _has(asked, self._scope)
            case OneOf(path, values):
                return self.column(path).in_([plain(v) for v in values])
            case Under(units):
                return _under(tuple(map(plain, units)))
            case Begins(path, text):
                begins: Clause = sa.func.substr(self.column(path), 1, len(text)) == plain(text)
                return begins
            case Between(path, low, high):
                column = self.column(path)
                ends = [column >= low] if low is not None else []
                ends += [column <= high] if high is not None else []
                return sa.and_(column.is_not(None), *ends)


def joined(asked: Asked, conditions: Conditions) -> list[Clause]:
    """The conditions that hold for a host, its thing and that it has it, all in one row."""
    return [*conditions.host, *conditions.thing, *conditions.link, *_words(asked, conditions)]


def _words(asked: Asked, conditions: Conditions) -> list[Clause]:
    one = things[asked.kind]
    return [sa.or_(Contains(hosts.c.words, w), Contains(one.c.words, w)) for w in conditions.words]


def _has(asked: Asked, scope: Scope) -> Clause:
    """The host has something that fits. Asked of one host after the other, so that only those in question are asked."""
    inner = Conditions(asked, scope)
    if asked.kind == "hosts":
        return sa.and_(*inner.host)
    link, one = held[asked.kind], things[asked.kind]
    found = sa.exists().select_from(link.join(one, one.c.row == link.c.thing))
    mine = found.where(link.c.host == hosts.c.row, *inner.thing, *inner.link, *_words(asked, inner))
    return sa.and_(*inner.host, mine.correlate(hosts))


def _signed(found: Clause, negated: bool) -> Clause:
    # What a document does not have fits nothing, so that the negation is everything else.
    return sa.not_(sa.func.coalesce(found, sa.false())) if negated else found


def _any(table: sa.Table, condition: Phrases) -> Clause:
    """The row's text has one of the phrases."""
    phrases = [_parts(p, condition.prefix) for p in condition.phrases]
    return sa.or_(*(sa.and_(sa.true(), *(Contains(table.c.words, w) for w in p)) for p in phrases))


def _parts(phrase: tuple[str, ...], prefix: bool) -> list[str]:
    """What has to be in a text of words between spaces."""
    whole = phrase[:-1] if prefix else phrase
    return [f" {' '.join(whole)} "] * bool(whole) + [f" {w}" for w in phrase[-1:] if prefix]


def _under(units: tuple[str, ...]) -> Clause:
    inside = sa.select(paths.c.unit).where(paths.c.above.in_(units))
    return hosts.c[column_name("organization.id")].in_(inside)
