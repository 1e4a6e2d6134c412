"""Legal holds, and shelves that are let go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ..keeping import REPORTS_DROPPED, Cut, Hold, Kept, ShelfSize
from ..rows import Look
from .chain import _DAYS_BACK
from .store import Store, put_new


class MemoryKeeping:
    """See interface.Keeping."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def freeze(self) -> None:
        """There is one writer."""

    def add_hold(self, row: Hold) -> None:
        put_new(self._store.holds, row.id, row)

    def release_hold(self, identifier: str, at: datetime, by: str, reason: str) -> None:
        self._store.holds[identifier] = msgspec.structs.replace(
            self._store.holds[identifier], released_at=at, released_by=by, release_reason=reason
        )

    def holds(self) -> list[Hold]:
        return sorted(self._store.holds.values(), key=lambda h: (h.at, h.id))

    def placed(self, since: datetime, until: datetime | None) -> list[tuple[str, str, str | None]]:
        ended: dict[str, datetime] = {}
        found = []
        for p in reversed(self._store.placements):
            end = ended.get(p.host)
            if (end is None or end > since) and (until is None or p.since < until):
                found.append((p.host, p.unit, p.system))
            ended[p.host] = p.since
        return found

    def make_shelves(self, now: datetime) -> None:
        """None has to be made."""

    def shelves(self) -> list[str]:
        return sorted({e.shelf for e in self._store.envelopes.values()})

    def size(self, shelf: str) -> ShelfSize:
        kinds: list[dict[Any, Any]] = [self._store.envelopes, self._store.looks, self._store.changes]
        return ShelfSize(*(sum(r.shelf == shelf for r in kind.values()) for kind in kinds))

    def page(self, shelf: str, after: str, limit: int) -> list[Kept]:
        found = [e for d, e in sorted(self._store.envelopes.items()) if d > after and e.shelf == shelf]
        return [Kept(e.digest, e.agent, e.received_at) for e in found[:limit]]

    def needed(self, shelf: str, since: datetime) -> set[str]:
        looks = sorted(self._store.looks.values(), key=lambda x: (x.epoch, x.sequence))
        newest = {x.agent: x for x in looks if x.committed_at < since}
        found = {x.digest for x in [*newest.values(), *(x for x in looks if x.committed_at >= since)]}
        for e in self._store.envelopes.values():
            agent = self._store.agents[e.agent]
            if e.digest == agent.head_digest or (e.state != "committed" and e.epoch == agent.epoch):
                found.add(e.digest)
        return {d for d in found if self._store.envelopes[d].shelf == shelf}

    def move(self, shelf: str, to: str, digests: Sequence[str]) -> None:
        links = self._links(shelf, digests)
        kinds: list[dict[Any, Any]] = [self._store.envelopes, self._store.looks]
        for kind in kinds:
            for digest in digests:
                if digest in kind and kind[digest].shelf == shelf:
                    kind[digest] = msgspec.structs.replace(kind[digest], shelf=to)
        for key, change in self._store.changes.items():
            if key[:3] in links and change.shelf == shelf:
                self._store.changes[key] = msgspec.structs.replace(change, shelf=to)

    def ends(self, shelf: str) -> list[Cut]:
        shelf_at = {
            place: x.shelf for x in self._store.looks.values() if (place := self._follows(x)) is not None
        }
        return [
            Cut(x.agent, x.epoch, x.sequence, x.digest)
            for x in self._store.looks.values()
            if x.shelf == shelf and shelf_at.get((x.agent, x.epoch, x.sequence), shelf) != shelf
        ]

    def _follows(self, look: Look) -> tuple[str, int, int] | None:
        """The place that it follows, over reports that the machine dropped if it says so; None if that is not known."""
        if REPORTS_DROPPED not in look.flags.split():
            return look.agent, look.epoch, look.sequence - 1
        places = [(x.agent, x.epoch, x.sequence) for x in self._store.looks.values()] + [*self._store.cuts]
        before = [p for p in places if p[:2] == (look.agent, look.epoch) and p[2] < look.sequence]
        return max(before, default=None)

    def cut(self, shelf: str, ends: Sequence[Cut]) -> None:
        there = {self._follows(x) for x in self._store.looks.values() if x.shelf == shelf}
        self._drop(self._store.cuts, lambda c: (c.agent, c.epoch, c.sequence) in there)
        for end in ends:
            self._store.cuts.setdefault((end.agent, end.epoch, end.sequence), end)

    def cuts(self, after: tuple[str, int, int], limit: int) -> list[Cut]:
        return [c for key, c in sorted(self._store.cuts.items()) if key > after][:limit]

    def drop(self, shelf: str, after: str, limit: int) -> str | None:
        digests = [k.digest for k in self.page(shelf, after, limit)]
        links = self._links(shelf, digests)
        self._drop(
            self._store.changes, lambda c: c.shelf == shelf and (c.agent, c.epoch, c.sequence) in links
        )
        for kind in (self._store.looks, self._store.envelopes):
            self._drop(kind, lambda r: r.shelf == shelf and r.digest in digests)
        return digests[-1] if len(digests) == limit else None

    def forget_heartbeats(self, agents: Sequence[str], since: datetime, named: Sequence[Hold]) -> int:
        def is_named(row: Any) -> bool:
            return any(
                h.since <= row.received_at and (h.until is None or row.received_at < h.until) for h in named
            )

        forgotten = 0
        for agent in agents:
            days = sorted(
                (r for r in self._store.heartbeats.values() if r.agent == agent and r.day < since.date()),
                key=lambda r: r.day,
            )
            late = sorted(
                (r for r in self._store.late.values() if r.agent == agent and r.received_at < since),
                key=lambda r: (r.looked_at, r.epoch, r.counter),
            )
            old: list[Any] = [r for r in [*days[:-_DAYS_BACK], *late[:-1]] if not is_named(r)]
            for kind in (self._store.heartbeats, self._store.late):
                self._drop(kind, lambda r, old=old: r in old)  # type: ignore[misc]
            forgotten += len(old)
        return forgotten

    def forget_letters(self, before: datetime) -> int:
        return self._drop(self._store.dead, lambda r: r.at < before)

    def _links(self, shelf: str, digests: Sequence[str]) -> set[tuple[str, int, int]]:
        looks = [self._store.looks[d] for d in digests if d in self._store.looks]
        return {(x.agent, x.epoch, x.sequence) for x in looks if x.shelf == shelf}

    def _drop(self, kind: dict[Any, Any], unwanted: Callable[[Any], bool]) -> int:
        gone = [key for key, row in kind.items() if unwanted(row)]
        for key in gone:
            del kind[key]
        return len(gone)
