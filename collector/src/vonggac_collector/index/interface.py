"""What an index can do. `sql` and `elastic` do it, and `memory` in tests; everything else asks through these protocols.

An index holds documents about hosts. Each host is written as a whole, under the ticket (`ledger.interface.Outbox`) that
was drawn before the ledger was read; what was written under a higher ticket is never replaced by a lower one's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from vonggac_collector.search.query import Kind, Query, Scope

Value = str | int | float | bool | list[str]
Fields = dict[str, Value]
"""Values by their path in a document; times are ISO 8601 in UTC with milliseconds."""
Room = Literal["findings", "hosts", "inventory"]
State = Literal["ready", "rebuilding", "missing"]


class Item(msgspec.Struct, frozen=True):
    """One document about a host, without what all of the host's documents have. `key` tells it from the host's others;
    `text`: see `fold.to_text`. `digest` names all of it but what hosts never share (`schema.HERE`).
    """

    key: str
    kind: Kind
    fields: Fields
    text: str
    digest: str


class HostState(msgspec.Struct, frozen=True):
    """Everything that the ledger says of one host, read after `ticket` was drawn.

    `common`: what each of its documents has. `own`: the rest of the host's own document. `gone`: there is no such host
    any more; the rest is empty. `inventory` names all that the documents of room inventory are made of; `same`: they
    are left out of `items`, because the index noted the same.
    """

    agent: str
    ticket: int
    common: Fields = {}
    own: Fields = {}
    text: str = ""
    items: tuple[Item, ...] = ()
    gone: bool = False
    inventory: str = ""
    same: bool = False


class Taken(msgspec.Struct, frozen=True):
    """What became of the hosts that were put. `refused`: why a document of that host was refused for good, the others
    are in. `overtaken`: somebody else wrote that host meanwhile, so it has to be read and put once more.
    """

    refused: Mapping[str, str] = {}
    overtaken: frozenset[str] = frozenset()


class Noted(NamedTuple):
    """What a host was last put with: its look, and its `inventory` if that is whole; "" if not."""

    epoch: int = 0
    sequence: int = 0
    inventory: str = ""


class Event(msgspec.Struct, frozen=True):
    """Something that happened; written once and never changed. `month`: such as 2026.11."""

    id: str
    month: str
    fields: Fields


class Score(msgspec.Struct, frozen=True):
    """A score as published for a day."""

    id: str
    fields: Fields


class Row(msgspec.Struct, frozen=True):
    """One document that fits."""

    id: str
    agent: str
    fields: dict[str, Any]


class Count(msgspec.Struct, frozen=True):
    """How many documents have a value."""

    value: str | int | bool
    count: int


class Page(msgspec.Struct, frozen=True):
    """`total`: of all pages, exact. `after`: asks for the next page, empty on the last. `facets`: the most frequent
    values by field name; only on the first page.
    """

    total: int
    rows: list[Row]
    after: str
    facets: dict[str, list[Count]]


class Export(Protocol):
    """Every document that fits, as they were at one moment."""

    @property
    def total(self) -> int:
        """Exactly as many as there are."""

    def __iter__(self) -> Iterator[Row]: ...


class IndexHealth(msgspec.Struct, frozen=True):
    """`ready`: complete and of this release's schema. `rebuilding`: being made, answers as far as it can. `missing`:
    something is not there or not as it should be. `ticket`: the highest marked.
    """

    state: State
    ticket: int
    generation: int
    detail: str = ""


class Build(Protocol):
    """A new generation in the making."""

    def put(self, states: Sequence[HostState]) -> Taken: ...
    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]: ...
    def finish(self, ticket: int) -> None:
        """From now on searches are answered by the new generation; the old one is dropped. Marks the ticket."""


class Index(Protocol):
    """Raises errors.IndexFailed when it does not answer or answers that it can't now: try again later.
    errors.IndexMissing when something of it is missing: it has to be rebuilt.
    """

    def put(self, states: Sequence[HostState], *, thorough: bool = False) -> Taken:
        """Make the documents of these hosts what the states say. Doing it twice changes nothing.

        `thorough`: compare every document, although the index has noted that nothing changed.
        """

    @property
    def keeps_events(self) -> bool:
        """Whether anything is done with events."""

    def looks(self, agents: Sequence[str]) -> Mapping[str, Noted]:
        """What each of these hosts was last put with.

        The events of all looks up to that one are here if they were added before the host was put.
        """

    def add_events(self, events: Sequence[Event]) -> Mapping[str, str]:
        """What is there already stays. Returns what was refused for good, by id."""

    def forget_events(self, before: str) -> list[str]:
        """Drop the months before that one, such as 2026.11; says which they were."""

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        """Returns what was refused for good, by id."""

    def search(self, query: Query, scope: Scope, *, after: str = "", limit: int = 50) -> Page:
        """One page. Raises errors.Invalid for a field, value or `after` that does not fit."""

    def count(self, query: Query, scope: Scope, *, most: int = 0) -> int:
        """How many documents fit, exact up to `most`, where counting ends; 0: all. Raises errors.Invalid."""

    def counts(self, queries: Sequence[Query], scope: Scope, *, most: int = 0) -> list[int | None]:
        """`count` of each, asked together; None where more than asked.MAX_HOSTS hosts have what else is asked for."""

    def export(self, query: Query, scope: Scope) -> AbstractContextManager[Export]:
        """Everything that fits, in the query's order. Raises errors.Invalid."""

    def refresh(self) -> None:
        """What was put so far is found from now on; by itself that happens within seconds."""

    def mark(self, ticket: int) -> None:
        """Everything told under that ticket is here; a lower one than marked before changes nothing."""

    def state(self) -> State:
        """`health` at a glance, for pages: of months and templates, which searches do without, nothing is said."""

    def health(self) -> IndexHealth: ...
    def building(self) -> AbstractContextManager[Build]:
        """A new generation, while the old one serves and `put` writes both; thrown away unless it is finished."""

    def close(self) -> None: ...
