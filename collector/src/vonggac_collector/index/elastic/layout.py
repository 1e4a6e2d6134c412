"""Which indices, aliases and templates there are, and which generation of them serves.

Every room of documents is an alias, such as vonggac-findings-current, of one index with a generation's number behind.
While the next generation is made, its indices carry the alias with `-next`; a swap moves the aliases in one step.
Writers know only aliases, and write both as long as both are there. Events are in one index a month. What the index
notes of itself (the highest ticket, the generation's schema, a build's progress) are documents of `…-state`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from elasticsearch import ApiError, Elasticsearch

from vonggac_collector.errors import IndexMissing
from vonggac_collector.index import schema
from vonggac_collector.index.interface import IndexHealth

from .client import checked, index_errors, while_busy
from .dsl import mappings

NEXT: Final = "-next"
WRITTEN: Final = "-write"
GRACE_S: Final = 300.0
"""How long the generation before is kept after a swap: searches and exports that began with it may end."""
STALLED_S: Final = 120.0
"""A build that was not heard of for so long was left halfway."""
_GENERATION: Final = re.compile(r"-(\d{6})$")
_SETTINGS: Final = {
    # Facets count on it being one (`dsl.search_body`).
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",
    # How long a deletion is remembered against an older writer; above a request's time limit and its retries.
    "gc_deletes": "15m",
}
_STATE: Final = {"dynamic": False, "properties": {}}


class Serving(msgspec.Struct, frozen=True):
    """The indices behind each alias."""

    aliases: dict[str, list[str]]


class Layout:
    """The names that begin with `prefix`, in one cluster."""

    def __init__(self, client: Elasticsearch, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self.state = f"{prefix}-state"
        self.scores = f"{prefix}-scores-daily"
        self.rooms: dict[str, str] = {room: f"{prefix}-{room}-current" for room in schema.ROOMS}

    @property
    def aliases(self) -> dict[str, dict[str, schema.ColumnType]]:
        """Every alias that has to be there, with the fields of its documents."""
        made = {self.rooms[room]: schema.OF_ROOM[room] for room in schema.ROOMS}
        return made | {self.scores: schema.SCORES}

    def month(self, month: str) -> str:
        """The index of that month's events; written through the alias with `WRITTEN`."""
        return f"{self._prefix}-events-{month}"

    def serving(self) -> Serving:
        """Which of our aliases there are."""
        names = [name + suffix for name in self.aliases for suffix in ("", NEXT)]
        with index_errors():
            answer = self._client.options(ignore_status=404).indices.get_alias(name=names)
        found: dict[str, list[str]] = {}
        for index, held in answer.items():
            if isinstance(held, dict):
                for alias in held.get("aliases", {}):
                    found.setdefault(alias, []).append(index)
        return Serving(found)

    def suffixes(self) -> list[str]:
        """Of the generations that are written to: "" serves, NEXT is being made. Raises IndexMissing without any."""
        aliases = self.serving().aliases
        found = [s for s in ("", NEXT) if all(name + s in aliases for name in self.aliases)]
        if not found:
            raise IndexMissing("there is no complete generation of the search index")
        return found

    def health(self) -> IndexHealth:
        """Compares what is there with what has to be, and puts right what a rebuild is not needed for."""
        found = self.seen()
        if found.state != "ready":
            return found
        lost = sorted(self._months() - set(self._existing(self.month("*"))))
        if lost:
            return msgspec.structs.replace(found, state="missing", detail=f"there is no {', '.join(lost)}")
        self.ensure_templates()
        if time.time() - float(self._notes("layout")["layout"].get("since", 0)) > GRACE_S:
            self.drop_others()
        return found

    def seen(self) -> IndexHealth:
        """What aliases and notes tell of it."""
        aliases = self.serving().aliases
        notes = self._notes("ticket", "layout", "build")
        ticket, layout = int(notes["ticket"].get("ticket", 0)), notes["layout"]
        generation = int(layout.get("generation", 0))
        if any(name + NEXT in aliases for name in self.aliases):
            beat = float(notes["build"].get("beat", 0))
            if time.time() - beat <= STALLED_S:
                return IndexHealth("rebuilding", ticket, generation)
            return IndexHealth("missing", ticket, generation, "a rebuild was left halfway")
        absent = [name for name in self.aliases if len(aliases.get(name, [])) != 1]
        if absent:
            return IndexHealth("missing", ticket, generation, f"there is no {', '.join(absent)}")
        if layout.get("schema") != schema.DIGEST:
            return IndexHealth("missing", ticket, generation, "it is of another release's schema")
        return IndexHealth("ready", ticket, generation)

    def ensure_templates(self) -> None:
        """Templates for whatever makes an index by these names other than this code: a restore, a first event."""
        wanted = {name: (f"{name}-*", fields) for name, fields in self.aliases.items()}
        events = f"{self._prefix}-events"
        wanted[events] = (f"{events}-*", schema.EVENTS)
        with index_errors():
            answer = self._client.options(ignore_status=404).indices.get_index_template(
                name=f"{self._prefix}-*"
            )
            held = {
                t["name"]: t["index_template"].get("_meta", {}) for t in answer.get("index_templates", [])
            }
            for name, (pattern, fields) in wanted.items():
                if held.get(name, {}).get("schema") != schema.DIGEST:
                    self._client.indices.put_index_template(
                        name=name,
                        index_patterns=[pattern],
                        priority=500,
                        meta={"schema": schema.DIGEST},
                        template={"settings": {"index": _SETTINGS}, "mappings": mappings(fields)},
                    )

    def ensure_month(self, month: str) -> None:
        """Make that month's index of events, unless it is there, and note that it has to be."""
        name = self.month(month)
        self._create(name, schema.EVENTS, alias=name + WRITTEN)
        self.note(f"month-{month}", {"month": name})

    def drop_months(self, before: str) -> list[str]:
        """Drop the months of events before that one, and the notes that they have to be there; says which."""
        first = len(self.month(""))
        gone = sorted(n[first:] for n in self._existing(self.month("*")) if n < self.month(before))
        for month in gone:
            with index_errors():
                self._client.options(ignore_status=404).delete(index=self.state, id=f"month-{month}")
        self._drop(map(self.month, gone))
        return gone

    def make_next(self) -> None:
        """Make the next generation's indices, empty; one that was left halfway is dropped."""
        self.ensure_state()
        self.ensure_templates()
        self.drop_others()
        self.beat()
        number = 1 + max((_number(i) for n in self.aliases for i in self._existing(f"{n}-*")), default=0)
        for name, fields in self.aliases.items():
            self._create(f"{name}-{number:06}", fields, alias=name + NEXT)

    def drop_others(self) -> None:
        """Drop every generation but the one that serves."""
        aliases = self.serving().aliases
        serving = {i for name in self.aliases for i in aliases.get(name, [])}
        left = {i for name in self.aliases for i in self._existing(f"{name}-*")} - serving
        self._drop(left)

    def swap(self) -> None:
        """The next generation serves; in one step, so that no search meets neither or both. Raises IndexMissing."""
        aliases = self.serving().aliases
        actions: list[dict[str, Any]] = []
        for name in self.aliases:
            made = aliases.get(name + NEXT, [])
            if len(made) != 1:
                raise IndexMissing(f"there is no {name}{NEXT}")
            actions += [
                {"remove": {"index": made[0], "alias": name + NEXT, "must_exist": True}},
                {"add": {"index": made[0], "alias": name}},
            ]
            actions += [{"remove": {"index": i, "alias": name}} for i in aliases.get(name, [])]
            # Something else made an index by the alias's name.
            actions += [{"remove_index": {"index": i}} for i in self._existing(name)]
        with index_errors():
            self._client.indices.refresh(index=[name + NEXT for name in self.aliases])
            self._client.indices.update_aliases(actions=actions)
        number = _number(next(iter(aliases[self.scores + NEXT])))
        self.note("layout", {"generation": number, "schema": schema.DIGEST, "since": time.time()})

    def ensure_state(self) -> None:
        """Make the index of notes, unless it is there."""
        if not self._existing(self.state):
            self._create(self.state, None)

    def beat(self) -> None:
        """A build is going on."""
        self.note("build", {"beat": time.time()})

    def note(self, name: str, value: dict[str, Any], *, version: int | None = None) -> None:
        """Write down a note; with a version, unless a higher one is there."""
        more: dict[str, Any] = {} if version is None else {"version": version, "version_type": "external"}

        def write() -> None:
            with index_errors():
                self._client.index(index=self.state, id=name, document=value, **more)

        try:
            while_busy(write)
        except IndexMissing:
            self.ensure_state()
            raise
        except Exception as e:
            if not (isinstance(e.__cause__, ApiError) and e.__cause__.status_code == 409):
                raise

    def _notes(self, *names: str) -> dict[str, dict[str, Any]]:
        """By their names; empty ones for those that are not there."""
        with index_errors():
            answer = self._client.mget(index=self.state, ids=list(names))
        try:
            return {d["_id"]: d.get("_source", {}) for d in checked(answer["docs"])}
        except IndexMissing:
            return {name: {} for name in names}

    def _months(self) -> set[str]:
        with index_errors():
            self._client.options(ignore_status=404).indices.refresh(index=self.state)
            answer = self._client.options(ignore_status=404).search(
                index=self.state, size=1_000, source={"includes": ["month"]}, query={"match_all": {}}
            )
        hits = answer.get("hits", {}).get("hits", [])
        return {h["_source"]["month"] for h in hits if "month" in h["_source"]}

    def _existing(self, pattern: str) -> list[str]:
        """Names of indices, not of aliases."""
        with index_errors():
            answer = self._client.options(ignore_status=404).indices.get(
                index=pattern, allow_no_indices=True, ignore_unavailable=True, features="settings"
            )
        return [name for name in answer if _fits(name, pattern)]

    def _create(
        self, name: str, fields: dict[str, schema.ColumnType] | None, *, alias: str | None = None
    ) -> None:
        try:
            with index_errors():
                self._client.indices.create(
                    index=name,
                    settings={"index": _SETTINGS},
                    mappings=_STATE if fields is None else mappings(fields),
                    aliases=None if alias is None else {alias: {}},
                )
        except Exception as e:
            if not (isinstance(e.__cause__, ApiError) and "resource_already_exists" in str(e.__cause__)):
                raise

    def _drop(self, names: Iterable[str]) -> None:
        left = sorted(names)
        if left:
            with index_errors():
                self._client.indices.delete(index=left, ignore_unavailable=True)


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _number(index: str) -> int:
    found = _GENERATION.search(index)
    return int(found[1]) if found else 0
