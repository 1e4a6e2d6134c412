"""Answers a question from one connection, in its transaction: what to count and where to begin follows from sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import msgspec
import sqlalchemy as sa

from vonggac_collector.index import schema
from vonggac_collector.index.asked import Asked
from vonggac_collector.index.documents import iso
from vonggac_collector.index.interface import Count, Row
from vonggac_collector.instants import from_microseconds
from vonggac_collector.search.query import Scope

from .parts import Part, Size, parts
from .statements import OfHosts, OfThings

DIRECT: Final = 20_000
"""So many links are sorted at once; of more, what comes first is looked for first."""
_RUNS: Final = 500
_GROWTH: Final = 4
_FETCHED: Final = 1_000

Found = Any
"""Sort value, id, host and the parts of a document."""


class Question(Protocol):
    """One question, on one connection."""

    def count(self, most: int = 0) -> int:
        """How many fit, at most `most`; 0: all."""

    def facets(self) -> tuple[int, Mapping[str, list[Count]]]:
        """How many fit, and the most frequent values by field name."""

    def rows(self, limit: int | None) -> Iterator[Found]:
        """The first that fit, in order, after the page before; None: all of them."""


def question(connection: sa.Connection, asked: Asked, scope: Scope) -> Question:
    """The question, not asked yet."""
    return (_AboutHosts if asked.kind == "hosts" else _AboutThings)(connection, asked, scope)


class _AboutHosts:
    def __init__(self, connection: sa.Connection, asked: Asked, scope: Scope) -> None:
        self._connection = connection
        self._asked = asked
        self._statements = OfHosts(asked, scope)

    def count(self, most: int = 0) -> int:
        return int(self._connection.execute(self._statements.count(most)).scalar_one())

    def facets(self) -> tuple[int, Mapping[str, list[Count]]]:
        return _counts(self._asked, self._connection.execute(self._statements.facets()))

    def rows(self, limit: int | None) -> Iterator[Found]:
        yield from self._connection.execute(self._statements.rows(limit))


class _AboutThings:
    def __init__(self, connection: sa.Connection, asked: Asked, scope: Scope) -> None:
        self._connection = connection
        self._asked = asked
        self._statements = OfThings(asked, scope)
        found = connection.execute(self._statements.sizes())
        sizes = [Size(side, int(bits), int(links)) for side, bits, links in found]
        self._parts = parts(sizes, self._statements.full)

    def count(self, most: int = 0) -> int:
        found = 0
        for part in self._parts:
            found += self._known(part) or self._count(part, most - found if most else 0)
            if most and found >= most:
                return most
        return found

    def _known(self, part: Part) -> int | None:
        """How many links a part has, if that is kept."""
        if part.mixed or self._statements.by_link:
            return None
        return part.by_thing if part.every_host else part.by_host if part.every_thing else None

    def _count(self, part: Part, most: int) -> int:
        return int(self._connection.execute(self._statements.count(part, most)).scalar_one())

    def facets(self) -> tuple[int, Mapping[str, list[Count]]]:
        if not self._parts:
            return 0, {f.name: [] for f in self._asked.facets}
        return _counts(self._asked, self._connection.execute(self._statements.facets(self._parts)))

    def rows(self, limit: int | None) -> Iterator[Found]:
        if not self._parts:
            return
        few = min(sum(p.by_host for p in self._parts), sum(p.by_thing for p in self._parts)) <= DIRECT
        if few or self._statements.sorted_by == "links":
            # PostgreSQL hands all rows of an export over one by one, SQLite has them in memory.
            options = {"yield_per": _FETCHED} if limit is None else {}
            yield from self._connection.execute(
                self._statements.rows(self._parts, limit), execution_options=options
            )
            return
        left = limit
        for chunk in self._chunks(DIRECT if limit is None else limit):
            for row in self._connection.execute(self._statements.rows(self._parts, left, chunk)):
                yield row
                left = None if left is None else left - 1
            if left == 0:
                return

    def _chunks(self, links: int) -> Iterator[list[Any]]:
        """Runs that follow each other, with so many links together; then with more."""
        chunk: list[Any] = []
        number = 0
        after: tuple[Any, ...] = ()
        while True:
            runs = self._connection.execute(self._statements.runs(self._parts, after, _RUNS)).all()
            for run in runs:
                chunk.append(run)
                number += int(run[2])
                if number >= links:
                    yield chunk
                    chunk, number, links = [], 0, min(links * _GROWTH, DIRECT)
            if len(runs) < _RUNS:
                break
            after = (runs[-1][0], runs[-1][1])
        if chunk:
            yield chunk


def row_of(found: Found) -> Row:
    """The row as a reader gets it."""
    _, identifier, agent, common, body, *here = found
    fields = msgspec.json.decode(common) | msgspec.json.decode(body)
    for path, value in zip(sorted(schema.HERE), here, strict=False):
        if value is not None:
            fields[path] = iso(from_microseconds(value * 1_000))
    return Row(identifier, agent, fields)


def _counts(asked: Asked, found: Iterable[Any]) -> tuple[int, Mapping[str, list[Count]]]:
    (_, _, total), *rest = found
    facets: dict[str, list[Count]] = {f.name: [] for f in asked.facets}
    numbers = {f.name for f in asked.facets if f.type == "number"}
    flags = {f.name for f in asked.facets if f.type == "flag"}
    for name, value, number in rest:
        # As text a flag is 1 in SQLite, true in PostgreSQL.
        read = int(value) if name in numbers else value in ("1", "true") if name in flags else value
        facets[name].append(Count(read, int(number)))
    return int(total), facets
