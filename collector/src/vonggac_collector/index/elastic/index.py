"""The index in Elasticsearch: see interface.Index for what it does, `layout` for where things are.

A host is written in three steps: its own document under the ticket, which shows everybody that somebody is at it; then
what differs of its other documents; then its own again, settled. If that meets a higher ticket, somebody overtook, and
may not have seen what was written here when listing what has to go: so the host has to be put once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any, Final

import msgspec
from elasticsearch import Elasticsearch

from vonggac_collector.index import schema
from vonggac_collector.index.asked import MAX_HOSTS, Asked, TooMany, ask, found_on
from vonggac_collector.index.document import Document, documents
from vonggac_collector.index.interface import (
    Event,
    HostState,
    IndexHealth,
    Noted,
    Page,
    Room,
    Row,
    Score,
    State,
    Taken,
)
from vonggac_collector.search.query import Kind, Query, Scope

from . import dsl
from .client import Access, Operation, Written, checked, connect, index_errors, search_together, send
from .dsl import count_body, hosts_body, page_of, query_of, row_of, search_body
from .layout import NEXT, WRITTEN, Layout

_LISTED: Final = 10_000
"""Documents listed in one request: index.max_result_window, by default."""
_EXPORTED: Final = 2_000
_KEEP: Final = "2m"
"""How long a point in time is kept for the next request of an export."""
_BEAT_S: Final = 10.0


class ElasticIndex:
    """See interface.Index. `prefix`: what the names of indices begin with."""

    keeps_events = True

    def __init__(
        self, access: Access, prefix: str = "vonggac", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client: Elasticsearch = connect(access)
        self._layout = Layout(self._client, prefix)
        self._sleep = sleep
        self._months: set[str] = set()

    def put(self, states: Sequence[HostState], *, thorough: bool = False) -> Taken:
        taken = [self.put_into(s, states, thorough=thorough) for s in self._layout.suffixes()]
        refused: dict[str, str] = {}
        overtaken: frozenset[str] = frozenset()
        for each in taken:
            refused |= each.refused
            overtaken |= each.overtaken
        return Taken(refused, overtaken)

    def put_into(
        self, suffix: str, states: Sequence[HostState], *, thorough: bool = False, fresh: bool = False
    ) -> Taken:
        """Into one generation: "" the one that serves, NEXT the one that is being made.

        `fresh`: who has no document of their own there has no others either. Whoever writes begins with it, so nobody
        else's can appear unseen meanwhile.
        """
        heads = self._layout.rooms["hosts"] + suffix
        before = self._heads(heads, [s.agent for s in states if not thorough or s.same])
        settled = {agent: noted.get(schema.SETTLED) for agent, noted in before.items()}
        whole = {s.agent for s in states if s.inventory and s.inventory == settled.get(s.agent)}
        # Whose inventory was left out although this generation has another one is read and put again.
        overtaken = {s.agent for s in states if s.same and s.agent not in whole}
        states = [s for s in states if s.agent not in overtaken]
        made = {s.agent: documents(s) for s in states}
        written = self._send([_head(heads, s, made[s.agent], "") for s in states])
        overtaken |= {agent for _, agent in written.conflicts}
        live = [s for s in states if s.agent not in overtaken]
        refused = written.refused
        new = {s.agent for s in live if fresh and not s.gone and s.agent not in before}
        for room in schema.ROOMS[1:]:
            todo = [s for s in live if room == "findings" or s.agent not in whole]
            refused |= self._put_room(room, suffix, todo, made, new).refused
        ends = [_head(heads, s, made[s.agent], s.inventory) for s in live if s.agent not in refused]
        overtaken |= {agent for _, agent in self._send(ends).conflicts}
        return Taken(refused, frozenset(overtaken))

    def _put_room(
        self,
        room: Room,
        suffix: str,
        states: Sequence[HostState],
        made: Mapping[str, list[Document]],
        new: Collection[str],
    ) -> Written:
        alias = self._layout.rooms[room] + suffix
        held = self._held(alias, [s.agent for s in states if s.agent not in new])
        operations = []
        for state in states:
            wanted = {d.id: d for d in made[state.agent] if d.room == room}
            there = held.get(state.agent, {})
            operations += [
                Operation("index", alias, i, state.agent, state.ticket, msgspec.json.encode(d.fields))
                for i, d in wanted.items()
                if there.get(i) != d.digest
            ]
            operations += [
                Operation("delete", alias, i, state.agent, state.ticket) for i in there.keys() - wanted
            ]
        return self._send(operations)

    def _heads(self, heads: str, agents: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What the own documents of these hosts note of how they were put."""
        if not agents:
            return {}
        with index_errors():
            answer = self._client.mget(
                index=heads, ids=list(agents), source=[schema.SETTLED, schema.EPOCH, schema.SEQUENCE]
            )
        return {d["_id"]: d["_source"] for d in checked(answer["docs"]) if d.get("found")}

    def _held(self, alias: str, agents: Sequence[str]) -> dict[str, dict[str, str]]:
        """What is there of these hosts: digests by id, by host."""
        found: dict[str, dict[str, str]] = {}
        if not agents:
            return found
        after: list[Any] | None = None
        with index_errors():
            self._client.indices.refresh(index=alias)
            while True:
                answer = self._client.search(
                    index=alias,
                    query={"terms": {schema.AGENT: list(agents)}},
                    source=False,
                    docvalue_fields=[{"field": schema.AGENT}, {"field": schema.DIGEST_FIELD}],
                    sort=[{schema.ID: "asc"}],
                    size=_LISTED,
                    search_after=after,
                    track_total_hits=False,
                )
                hits = answer["hits"]["hits"]
                for hit in hits:
                    fields = hit["fields"]
                    held = found.setdefault(fields[schema.AGENT][0], {})
                    held[hit["_id"]] = fields[schema.DIGEST_FIELD][0]
                if len(hits) < _LISTED:
                    return found
                after = hits[-1]["sort"]

    def looks(self, agents: Sequence[str]) -> Mapping[str, Noted]:
        suffixes = self._layout.suffixes()
        found = self._heads(self._layout.rooms["hosts"] + suffixes[0], agents)
        # While a generation is made that has not all of them yet, nobody's inventory is left out.
        return {
            a: Noted(f[schema.EPOCH], f[schema.SEQUENCE], f[schema.SETTLED] if len(suffixes) == 1 else "")
            for a, f in found.items()
            if schema.EPOCH in f
        }

    def add_events(self, events: Sequence[Event]) -> Mapping[str, str]:
        for month in sorted({e.month for e in events} - self._months):
            self._layout.ensure_month(month)
            self._months.add(month)
        operations = [
            Operation(
                "create",
                self._layout.month(e.month) + WRITTEN,
                e.id,
                e.id,
                source=msgspec.json.encode(e.fields),
            )
            for e in events
        ]
        return self._send(operations).refused

    def forget_events(self, before: str) -> list[str]:
        gone = self._layout.drop_months(before)
        self._months -= set(gone)
        return gone

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        refused: dict[str, str] = {}
        for suffix in self._layout.suffixes():
            refused |= self.put_scores_into(suffix, scores, ticket)
        return refused

    def put_scores_into(self, suffix: str, scores: Sequence[Score], ticket: int) -> dict[str, str]:
        """Into one generation, as `put_into`."""
        alias = self._layout.scores + suffix
        return self._send(
            [Operation("index", alias, s.id, s.id, ticket, msgspec.json.encode(s.fields)) for s in scores]
        ).refused

    def search(self, query: Query, scope: Scope, *, after: str = "", limit: int = 50) -> Page:
        asked = self._found(ask(query, after=after, limit=limit), scope)
        with index_errors():
            answer = self._client.search(
                index=self._alias(query.kind), body=search_body(asked, scope, size=asked.limit + 1)
            )
        return page_of(asked, answer.body)

    def count(self, query: Query, scope: Scope, *, most: int = 0) -> int:
        asked = self._found(ask(query), scope)
        with index_errors():
            answer = self._client.count(
                index=self._alias(query.kind), query=query_of(asked, scope), terminate_after=most or None
            )
        return min(int(answer["count"]), most) if most else int(answer["count"])

    def counts(self, queries: Sequence[Query], scope: Scope, *, most: int = 0) -> list[int | None]:
        hosts = cache(partial(self._hosts, scope=scope))
        found: list[int | None] = [None] * len(queries)
        asked: dict[int, Asked] = {}
        for n, query in enumerate(queries):
            with suppress(TooMany):
                asked[n] = found_on(ask(query), hosts)
        searches = [(self._alias(a.kind), count_body(a, scope, most)) for a in asked.values()]
        for n, answer in zip(asked, search_together(self._client, searches), strict=True):
            number = int(answer["hits"]["total"]["value"])
            found[n] = min(number, most) if most else number
        return found

    @contextmanager
    def export(self, query: Query, scope: Scope) -> Iterator[_Export]:
        asked = self._found(ask(query), scope)
        with index_errors():
            opened = self._client.open_point_in_time(index=self._alias(query.kind), keep_alive=_KEEP)
        export = _Export(self._client, search_body(asked, scope, size=_EXPORTED), opened["id"])
        try:
            yield export
        finally:
            with index_errors():
                self._client.options(ignore_status=404).close_point_in_time(id=export.at)

    def refresh(self) -> None:
        with index_errors():
            self._client.indices.refresh(index=list(self._layout.rooms.values()))

    def mark(self, ticket: int) -> None:
        self._layout.note("ticket", {"ticket": ticket}, version=ticket)

    def state(self) -> State:
        return self._layout.seen().state

    def health(self) -> IndexHealth:
        return self._layout.health()

    @contextmanager
    def building(self) -> Iterator[_Build]:
        self._months.clear()
        self._layout.make_next()
        build = _Build(self, self._layout)
        try:
            yield build
        finally:
            if not build.finished:
                self._layout.drop_others()

    def close(self) -> None:
        self._client.close()

    def _found(self, asked: Asked, scope: Scope) -> Asked:
        """Raises TooMany."""
        return found_on(asked, lambda other: self._hosts(other, scope))

    def _hosts(self, asked: Asked, scope: Scope) -> list[str]:
        """The hosts in scope that have something that fits."""
        found: list[str] = []
        after: Mapping[str, Any] | None = None
        while True:
            with index_errors():
                answer = self._client.search(
                    index=self._alias(asked.kind), body=hosts_body(asked, scope, after)
                )
            made = answer["aggregations"]
            found += [b["key"]["host"] for b in made["hosts"]["buckets"]]
            # What is estimated is within a few of a hundred, and saves reading what is far too much.
            if len(found) > MAX_HOSTS or made.get("about", {"value": 0})["value"] > 2 * MAX_HOSTS:
                raise TooMany(asked.kind)
            after = made["hosts"].get("after_key")
            if after is None or len(made["hosts"]["buckets"]) < dsl.HOSTS_PAGE:
                return found

    def _alias(self, kind: Kind) -> str:
        return self._layout.rooms[schema.ROOM_OF[kind]]

    def _send(self, operations: Sequence[Operation]) -> Written:
        return send(self._client, operations, sleep=self._sleep)


class _Build:
    def __init__(self, index: ElasticIndex, layout: Layout) -> None:
        self.finished = False
        self._index = index
        self._layout = layout
        self._beaten = time.monotonic()

    def put(self, states: Sequence[HostState]) -> Taken:
        if time.monotonic() - self._beaten > _BEAT_S:
            self._layout.beat()
            self._beaten = time.monotonic()
        return self._index.put_into(NEXT, states, fresh=True)

    def put_scores(self, scores: Sequence[Score], ticket: int) -> Mapping[str, str]:
        return self._index.put_scores_into(NEXT, scores, ticket)

    def finish(self, ticket: int) -> None:
        self._layout.swap()
        self.finished = True
        self._index.mark(ticket)


class _Export:
    """Pages of one point in time; the first is asked for at once, for its total."""

    def __init__(self, client: Elasticsearch, body: dict[str, Any], at: str) -> None:
        self._client = client
        self._body = {k: v for k, v in body.items() if k != "aggs"}
        self.at = at
        self._first = self._ask()
        self.total: int = self._first["hits"]["total"]["value"]

    def _ask(self, after: list[Any] | None = None) -> dict[str, Any]:
        body = self._body | {"pit": {"id": self.at, "keep_alive": _KEEP}}
        if after is not None:
            body |= {"search_after": after, "track_total_hits": False}
        with index_errors():
            answer: dict[str, Any] = self._client.search(body=body).body
        self.at = answer.get("pit_id", self.at)
        return answer

    def __iter__(self) -> Iterator[Row]:
        hits = self._first["hits"]["hits"]
        while hits:
            yield from map(row_of, hits)
            hits = self._ask(hits[-1]["sort"])["hits"]["hits"] if len(hits) == self._body["size"] else []


def _head(alias: str, state: HostState, made: Sequence[Document], settled: str) -> Operation:
    """The host's own document; of a host that is gone, its deletion."""
    if not made:
        return Operation("delete", alias, state.agent, state.agent, state.ticket)
    fields = made[0].fields | {schema.SETTLED: settled}
    return Operation("index", alias, state.agent, state.agent, state.ticket, msgspec.json.encode(fields))
