"""A query made ready: fields resolved, values checked, words folded, the page's place decoded. Pure.

Every index answers the same `Asked`, so that what fits is decided once; each only says it in its own language.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec

from vonggac_collector.errors import Invalid
from vonggac_collector.instants import to_microseconds
from vonggac_collector.search.fields import FIELDS, ORDER, Field
from vonggac_collector.search.query import Having, Is, Kind, Query, Range, Sort, Starts, Term, Word
from vonggac_collector.search.versions import order_of

from .fold import tag, words
from .schema import AGENT

MAX_TERMS: Final = 50
MAX_VALUES: Final = 200
MAX_LIMIT: Final = 1_000
"""Of terms in a query, values in a term, rows in a page; the project's own figures, beyond what anybody types."""
FACET_SIZE: Final = 20
"""Values of a facet that are shown."""
NO_NUMBER: Final = -(2**53)
NO_TEXT: Final = ""
"""What a document without the field is sorted as: below every other."""
MAX_HOSTS: Final = 65_536
"""Hosts that a search can be narrowed to by what else they have: as many terms as Elasticsearch takes
(index.max_terms_count, by default)."""
_FLAGS: Final = (True, False)


class TooMany(Invalid):
    """More hosts than MAX_HOSTS have what was asked for. `kind`: of what."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        super().__init__(
            f"more than {MAX_HOSTS} hosts have such {kind}; narrow that down, or look among them"
        )


class Phrases(msgspec.Struct, frozen=True):
    """The text has one of the phrases: its words in that order, each whole. With `prefix`, the last word of each may
    go on, and stands anywhere. An empty phrase is in every text.
    """

    phrases: tuple[tuple[str, ...], ...]
    prefix: bool
    negated: bool


class OneOf(msgspec.Struct, frozen=True):
    """The field is equal to one of the values."""

    path: str
    values: tuple[str | int | bool, ...]
    negated: bool


class Under(msgspec.Struct, frozen=True):
    """The document's unit is one of these or lies under it."""

    units: tuple[str, ...]
    negated: bool


class Begins(msgspec.Struct, frozen=True):
    """The field begins with the text."""

    path: str
    text: str
    negated: bool


class Between(msgspec.Struct, frozen=True):
    """The field is a number, or text in the order of its bytes, from `low` to `high`, both included; None: open. Times
    are milliseconds since 1970."""

    path: str
    low: int | str | None
    high: int | str | None
    negated: bool


class OnHosts(msgspec.Struct, frozen=True):
    """The document's host has one that fits what is `asked`, whose order and place say nothing. An index finds those
    hosts first, within the same scope, and puts them here: `found_on`.
    """

    asked: Asked
    negated: bool


Condition = Phrases | OneOf | Under | Begins | Between | OnHosts


class Asked(msgspec.Struct, frozen=True):
    """`after`: sort value and id of the last row of the page before."""

    kind: Kind
    conditions: tuple[Condition, ...]
    sort: Field
    descending: bool
    after: tuple[str | int, str] | None
    limit: int

    @property
    def missing(self) -> str | int:
        """What a document without the sort field is sorted as."""
        return _missing(self.sort)

    @property
    def facets(self) -> list[Field]:
        """The fields whose values are counted: those of the kind, on the first page."""
        return [f for f in FIELDS[self.kind].values() if f.facet] if self.after is None else []


def found_on(asked: Asked, hosts: Callable[[Asked], Iterable[str]]) -> Asked:
    """The question with the hosts themselves, by their ids, where it asks for those that have something."""
    conditions = [
        OneOf(AGENT, tuple(hosts(c.asked)), c.negated) if isinstance(c, OnHosts) else c
        for c in asked.conditions
    ]
    return msgspec.structs.replace(asked, conditions=tuple(conditions))


def _missing(field: Field) -> str | int:
    return NO_NUMBER if field.type in ("number", "time") else NO_TEXT


def ask(query: Query, *, after: str = "", limit: int = MAX_LIMIT) -> Asked:
    """Raises Invalid, naming what does not fit."""
    if len(query.terms) > MAX_TERMS:
        raise Invalid(f"a search has at most {MAX_TERMS} terms")
    sort = query.sort or ORDER[query.kind]
    field = _field(query.kind, sort.field)
    if not field.sorts:
        raise Invalid(f"{query.kind} cannot be sorted by {sort.field!r}")
    return Asked(
        query.kind,
        tuple(_condition(query.kind, t) for t in query.terms),
        field,
        sort.descending,
        _decode(after, sort, field) if after else None,
        max(0, min(limit, MAX_LIMIT)),
    )


def _condition(kind: Kind, term: Term) -> Condition:
    if isinstance(term, Having):
        return OnHosts(ask(Query(term.kind, term.terms)), term.negated)
    if isinstance(term, Word):
        found = tuple(words(term.text))
        return Phrases((found,), len(found) == 1 and not term.whole, term.negated)
    field = _field(kind, term.field)
    if isinstance(term, Range):
        return _between(field, term)
    if isinstance(term, Starts):
        return _begins(field, term)
    return _one_of(field, term)


def _one_of(field: Field, term: Is) -> Condition:
    if not 0 < len(term.values) <= MAX_VALUES:
        raise Invalid(f"{field.name}: give one to {MAX_VALUES} values")
    for value in term.values:
        fits = {
            "number": type(value) is int,
            "flag": value in _FLAGS and isinstance(value, bool),
            "time": False,
        }
        if not fits.get(field.type, isinstance(value, str)):
            raise Invalid(f"{field.name}: {str(value)[:100]!r} does not fit")
        if isinstance(value, int):
            _bounded(field, value)
    if field.type == "unit":
        return Under(tuple(str(v) for v in term.values), term.negated)
    if field.type == "name":
        phrases = tuple(tuple(tag(field.name, w) for w in words(str(v))) for v in term.values)
        return Phrases(phrases, False, term.negated)
    return OneOf(field.path, term.values, term.negated)


def _begins(field: Field, term: Starts) -> Condition:
    if field.type == "name":
        return Phrases((tuple(tag(field.name, w) for w in words(term.text)),), True, term.negated)
    if field.type != "term":
        raise Invalid(f"{field.name}: has no beginning to compare")
    return Begins(field.path, term.text, term.negated)


def _between(field: Field, term: Range) -> Condition:
    wanted: type = {"number": int, "time": datetime, "version": str}.get(field.type, type(None))
    ends = [v for v in (term.low, term.high) if v is not None]
    if wanted is type(None) or any(type(v) is not wanted for v in ends):
        raise Invalid(f"{field.name}: cannot be compared like that")
    if field.type == "version":
        return Between(
            field.sort_path,
            None if term.low is None else order_of(str(term.low), "above" if term.above else "below"),
            None if term.high is None else order_of(str(term.high), "below" if term.below else "above"),
            term.negated,
        )
    low, high = _whole(field, term.low), _whole(field, term.high)
    return Between(
        field.path,
        low + 1 if low is not None and term.above else low,
        high - 1 if high is not None and term.below else high,
        term.negated,
    )


def _whole(field: Field, value: object) -> int | None:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Invalid(f"{field.name}: a time without zone")
        return to_microseconds(value) // 1_000
    return _bounded(field, value) if isinstance(value, int) else None


def _bounded(field: Field, value: int) -> int:
    if abs(value) >= 2**53:
        raise Invalid(f"{field.name}: {str(value)[:30]} is too large")
    return value


def _field(kind: Kind, name: str) -> Field:
    try:
        return FIELDS[kind][name]
    except KeyError:
        raise Invalid(f"{kind} have no field {name[:60]!r}; there are {', '.join(FIELDS[kind])}") from None


def place(asked: Asked, value: str | int, identifier: str) -> str:
    """The page's end, for the next one's `after`."""
    raw = msgspec.msgpack.encode((asked.sort.name, asked.descending, value, identifier))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(after: str, sort: Sort, field: Field) -> tuple[str | int, str]:
    try:
        raw = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
        name, descending, value, identifier = msgspec.msgpack.decode(
            raw, type=tuple[str, bool, str | int, str]
        )
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Invalid("this is no place in a list") from None
    if (name, descending, type(value)) != (sort.field, sort.descending, type(_missing(field))):
        raise Invalid("this place is one in another order")
    return value, identifier
