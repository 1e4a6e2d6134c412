"""The index in memory, for tests: what fits is decided by plain Python, document by document."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import msgspec

from vonggac_collector.instants import to_microseconds
from vonggac_collector.search.fields import VERSION_ORDER, Field
from vonggac_collector.search.query import Query, Scope

from . import schema
from .asked import (
    FACET_SIZE,
    Asked,
    Begins,
    Between,
    Condition,
    OneOf,
    OnHosts,
    Phrases,
    TooMany,
    Under,
    ask,
    found_on,
    place,
)
from .document import Document, documents, plain
from .interface import Count, Event, HostState, IndexHealth, Noted, Page, Row, Score, State, Taken

_Store = dict[str, tuple[HostState, list[Document]]]
REFUSED: Final = "refused by the twin"


class MemoryIndex:
    """See interface.Index. `refuses`: says of a host whether its documents are refused for good."""

    keeps_events = True

    def __init__(self, refuses: Callable[[HostState], bool] = lambda _: False) -> None:
        self.events: dict[str, Event] = {}
        self.scores: dict[str, Score] = {}
        self._refuses = refuses
        self._stores: list[_Store] = [{}]
        self._ticket, self._generation = 0, 1
        self._lock = threading.RLock()

    def put(self, states: Sequence[HostState], *, thorough: bool = False) -> Taken:
        with self._lock:
            taken = [self._put(store, states) for store in self._stores]
        return Taken(taken[-1].refused, frozenset().union(*(t.overtaken for t in taken)))

    def _put(self, store: _Store, states: Sequence[HostState]) -> Taken:
        refused, overtaken = {}, set()
        for state in states:
            held = store[state.agent][0] if state.agent in store else None
            if held is not None and held.ticket > state.ticket:
                continue
            if self._refuses(state):
                refused[state.agent] = REFUSED
                continue
            if state.same and (held is None or held.inventory != state.inventory):
                overtaken.add(state.agent)
                continue
            put = state
            if state.same and held is not None:
                kept = [i for i in held.items if schema.ROOM_OF[i.kind] == "inventory"]
                put = msgspec.structs.replace(state, items=(*state.items, *kept), same=False)
            store[state.agent] = (put, documents(put))
        return Taken(refused, frozenset(overtaken))

    def looks(self, agents: Sequence[str]) -> Mapping[str, Noted]:
        with self._lock:
            states = {a: self._stores[0][a][0] for a in agents if a in self._stores[0]}
            whole = len(self._stores) == 1
        return {
            a: Noted(s.own[schema.EPOCH], s.own[schema.SEQUENCE], s.inventory if whole else "")  # type: ignore[arg-type]
            for a, s in states.items()
            if schema.EPOCH in s.own
        }

    def add_events(self, events: Sequence[Event]) -> Mapping[str, str]:
        with self._lock:
            for event in events:
                self.events.setdefault(event.id, event)
        return {}

    def forget_events(self, before: str) -> list[str]:
        with self._lock:
            gone = {event.month for event in self.events.values() if event.month < before}
            self.events = {i: event for i, event in self.events.items() if event.month not in gone}
        return sorted(gone)

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        with self._lock:
            self.scores |= {s.id: s for s in scores}
        return {}

    def search(self, query: Query, scope: Scope, *, after: str = "", limit: int = 50) -> Page:
        asked = ask(query, after=after, limit=limit)
        with self._lock:
            found = self._fitting(asked, scope)
        keyed = sorted(((_sort_value(asked, d), d.id, d) for d in found), key=lambda k: k[:2])
        if asked.descending:
            # By falling value, but equal ones by rising id.
            keyed.sort(key=lambda k: k[0], reverse=True)
        rest = [k for k in keyed if asked.after is None or _is_after(asked, k[0], k[1])]
        rows = rest[: asked.limit]
        end = place(asked, rows[-1][0], rows[-1][1]) if rows and len(rest) > len(rows) else ""
        return Page(
            len(found),
            [Row(d.id, d.agent, plain(d.fields)) for _, _, d in rows],
            end,
            {f.name: _counts(f, found) for f in asked.facets},
        )

    def count(self, query: Query, scope: Scope, *, most: int = 0) -> int:
        with self._lock:
            found = len(self._fitting(ask(query), scope))
        return min(found, most) if most else found

    def counts(self, queries: Sequence[Query], scope: Scope, *, most: int = 0) -> list[int | None]:
        found: list[int | None] = []
        for query in queries:
            try:
                found.append(self.count(query, scope, most=most))
            except TooMany:
                found.append(None)
        return found

    @contextmanager
    def export(self, query: Query, scope: Scope) -> Iterator[_Export]:
        rows: list[Row] = []
        with self._lock:
            page = self.search(query, scope, limit=1_000)
            rows += page.rows
            while page.after:
                page = self.search(query, scope, after=page.after, limit=1_000)
                rows += page.rows
        yield _Export(rows)

    def refresh(self) -> None:
        """Everything is found at once."""

    def mark(self, ticket: int) -> None:
        self._ticket = max(ticket, self._ticket)

    def state(self) -> State:
        return "ready" if len(self._stores) == 1 else "rebuilding"

    def health(self) -> IndexHealth:
        return IndexHealth(self.state(), self._ticket, self._generation)

    @contextmanager
    def building(self) -> Iterator[_Build]:
        build = _Build(self)
        with self._lock:
            self._stores = [self._stores[0], {}]
        try:
            yield build
        finally:
            with self._lock:
                self._stores = self._stores[:1]

    def swap(self, ticket: int) -> None:
        """The generation in the making serves from now on."""
        with self._lock:
            self._stores = [self._stores[-1]]
            self._ticket, self._generation = ticket, self._generation + 1

    def lose(self, agent: str) -> None:
        """A host's documents go missing, as no index should let them."""
        with self._lock:
            del self._stores[0][agent]

    def put_next(self, states: Sequence[HostState]) -> Taken:
        """Into the generation in the making only."""
        with self._lock:
            return self._put(self._stores[-1], states)

    def close(self) -> None:
        """Nothing to close."""

    def _fitting(self, asked: Asked, scope: Scope) -> list[Document]:
        asked = found_on(asked, lambda other: {d.agent for d in self._fitting(other, scope)})
        return [
            d
            for _, made in self._stores[0].values()
            for d in made
            if d.kind == asked.kind
            and scope.unit in _list(d.fields[schema.PATH])
            and all(fits(d, c) for c in asked.conditions)
        ]


class _Build:
    def __init__(self, index: MemoryIndex) -> None:
        self._index = index

    def put(self, states: Sequence[HostState]) -> Taken:
        return self._index.put_next(states)

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        return self._index.put_scores(scores, ticket)

    def finish(self, ticket: int) -> None:
        self._index.swap(ticket)


class _Export:
    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self.total = len(rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)


def fits(document: Document, condition: Condition) -> bool:
    """Whether the document fits the condition."""
    return _fits(document, condition) != condition.negated


def _fits(document: Document, condition: Condition) -> bool:
    match condition:
        case Phrases(phrases, prefix):
            text = str(document.fields[schema.TEXT]).split(" ")
            return any(_has(text, list(p), prefix) for p in phrases)
        case OnHosts():
            raise AssertionError("these hosts are found before")
        case OneOf(path, values):
            return document.fields.get(path) in values
        case Under(units):
            return not set(units).isdisjoint(_list(document.fields[schema.PATH]))
        case Begins(path, start):
            return path in document.fields and str(document.fields[path]).startswith(start)
        case Between(path, low, high):
            value: Any = document.fields.get(path)
            if path != VERSION_ORDER:
                value = _number(value)
            return value is not None and (low is None or low <= value) and (high is None or value <= high)


def _has(text: list[str], phrase: list[str], prefix: bool) -> bool:
    if prefix and phrase:
        return any(w.startswith(phrase[-1]) for w in text) and _has(text, phrase[:-1], False)
    return not phrase or any(text[n : n + len(phrase)] == phrase for n in range(len(text) - len(phrase) + 1))


def _is_after(asked: Asked, value: str | int, identifier: str) -> bool:
    assert asked.after is not None  # noqa: S101  narrows the type
    last, last_id = asked.after
    if value == last:
        return identifier > last_id
    return (value < last) == asked.descending  # type: ignore[operator]  # both are of the sort field's type


def _sort_value(asked: Asked, document: Document) -> Any:
    value = document.fields.get(asked.sort.sort_path)
    if value is None:
        return asked.missing
    return _number(value) if asked.sort.type in ("number", "time") else value


def _number(value: Any) -> int | None:
    if isinstance(value, str):
        return to_microseconds(datetime.fromisoformat(value)) // 1_000
    return value if isinstance(value, int) else None


def _counts(field: Field, found: list[Document]) -> list[Count]:
    counted = Counter(d.fields[field.path] for d in found if field.path in d.fields)
    ordered = sorted(counted.items(), key=lambda c: (-c[1], c[0]))[:FACET_SIZE]
    return [Count(value, number) for value, number in ordered]  # type: ignore[arg-type]


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else []
