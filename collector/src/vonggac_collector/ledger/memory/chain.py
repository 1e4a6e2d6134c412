"""Envelopes, looks and sections; heartbeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from .. import rows
from .store import Store, put_new

_DAYS_BACK = 3


def head_of(e: rows.Envelope) -> rows.EnvelopeHead:
    """The envelope without its bytes."""
    return rows.EnvelopeHead(
        e.digest,
        e.agent,
        e.epoch,
        e.sequence,
        e.previous,
        e.state,
        e.keyid,
        e.sealed_at,
        e.received_at,
        e.size,
        e.receipt,
    )


class MemoryChain:
    """See interface.Chain."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, digest: str) -> rows.EnvelopeHead | None:
        found = self._store.envelopes.get(digest)
        return None if found is None else head_of(found)

    def at(self, agent: str, epoch: int, sequence: int) -> list[rows.EnvelopeHead]:
        place = (agent, epoch, sequence)
        return [head_of(e) for e in self._store.envelopes.values() if (e.agent, e.epoch, e.sequence) == place]

    def envelope(self, digest: str) -> rows.Envelope | None:
        return self._store.envelopes.get(digest)

    def first_pending(self, agent: str, epoch: int) -> int | None:
        waiting = [
            e.sequence
            for e in self._store.envelopes.values()
            if (e.agent, e.epoch, e.state) == (agent, epoch, "pending")
        ]
        return min(waiting, default=None)

    def forks(self, agent: str, epoch: int) -> list[rows.EnvelopeHead]:
        aside = (agent, epoch, "fork")
        return [head_of(e) for e in self._store.envelopes.values() if (e.agent, e.epoch, e.state) == aside]

    def count(self, agent: str, state: rows.EnvelopeState) -> int:
        return sum(e.agent == agent and e.state == state for e in self._store.envelopes.values())

    def add(self, envelope: rows.Envelope) -> None:
        put_new(self._store.envelopes, envelope.digest, envelope)

    def settle(
        self, digest: str, state: rows.EnvelopeState, committed_at: datetime | None, receipt: bytes | None
    ) -> None:
        self._store.envelopes[digest] = msgspec.structs.replace(
            self._store.envelopes[digest], state=state, committed_at=committed_at, receipt=receipt
        )

    def of_agent(self, agent: str, limit: int) -> list[rows.EnvelopeHead]:
        mine = [head_of(e) for e in self._store.envelopes.values() if e.agent == agent]
        return sorted(mine, key=lambda e: (e.epoch, e.sequence, e.received_at), reverse=True)[:limit]

    def walk(self, agent: str, after: tuple[int, int], limit: int) -> list[rows.Envelope]:
        mine = [
            e
            for e in self._store.envelopes.values()
            if e.agent == agent and e.state == "committed" and (e.epoch, e.sequence) > after
        ]
        return sorted(mine, key=lambda e: (e.epoch, e.sequence))[:limit]

    def walk_all(self, after: tuple[str, int, int, str], limit: int) -> list[rows.Envelope]:
        found = {
            (e.agent, e.epoch, e.sequence, e.digest): e
            for e in self._store.envelopes.values()
            if e.state == "committed"
        }
        return [e for key, e in sorted(found.items()) if key > after][:limit]

    def total(self) -> int:
        return sum(e.state == "committed" for e in self._store.envelopes.values())

    def add_look(self, look: rows.Look) -> None:
        put_new(self._store.looks, look.digest, look)

    def look(self, digest: str) -> rows.Look | None:
        return self._store.looks.get(digest)

    def newest_look(self, agent: str, as_of: datetime) -> rows.Look | None:
        mine = [x for x in self._store.looks.values() if x.agent == agent and x.committed_at <= as_of]
        return max(mine, key=lambda x: (x.epoch, x.sequence), default=None)

    def newest_looks(self, as_of: datetime, agents: Sequence[str] | None = None) -> list[rows.LookHead]:
        wanted = {x.agent for x in self._store.looks.values() if agents is None or x.agent in agents}
        newest = [self.newest_look(agent, as_of) for agent in wanted]
        return [
            rows.LookHead(x.digest, x.agent, x.looked_at, x.rulebook, x.profile, x.outcomes_digest, x.flags)
            for x in newest
            if x is not None
        ]

    def running(self, as_of: datetime, agents: Sequence[str] | None = None) -> dict[str, int]:
        return Counter(look.rulebook for look in self.newest_looks(as_of, agents))

    def walk_looks(
        self, after: tuple[str, int, int, str], until: tuple[str, int, int, str] | None
    ) -> list[rows.Look]:
        found = {(x.agent, x.epoch, x.sequence, x.digest): x for x in self._store.looks.values()}
        return [x for key, x in sorted(found.items()) if key > after and (until is None or key <= until)]

    def look_before(self, agent: str, epoch: int, sequence: int) -> rows.Look | None:
        mine = [x for x in self._store.looks.values() if x.agent == agent]
        before = [x for x in mine if (x.epoch, x.sequence) < (epoch, sequence)]
        return max(before, key=lambda x: (x.epoch, x.sequence), default=None)

    def vectors(self, digests: Sequence[str]) -> dict[str, bytes]:
        return {d: self._store.looks[d].vector for d in digests if d in self._store.looks}

    def put_section(self, section: rows.Section) -> None:
        self._store.sections[section.agent, section.name] = section

    def held(self, agent: str) -> set[tuple[str, str]]:
        return {(s.name, s.digest) for s in self._store.sections.values() if s.agent == agent}

    def sections(self, agent: str) -> list[rows.Section]:
        return [s for _, s in sorted(self._store.sections.items()) if s.agent == agent]


class MemoryHeartbeats:
    """See interface.Heartbeats."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def day(self, agent: str, day: date) -> rows.HeartbeatDay | None:
        return self._store.heartbeats.get((agent, day))

    def put(self, row: rows.HeartbeatDay, *, first: bool) -> None:
        if first:
            put_new(self._store.heartbeats, (row.agent, row.day), row)
        self._store.heartbeats[row.agent, row.day] = row

    def add_late(self, row: rows.LateHeartbeat) -> None:
        there = [r for r in self._store.late.values() if (r.agent, r.epoch) == (row.agent, row.epoch)]
        if row.looked_at in [r.looked_at for r in there]:
            return
        if row.counter in [r.counter for r in there]:
            row = msgspec.structs.replace(row, counter=max(r.counter for r in there) + 1)
        self._store.late[row.agent, row.epoch, row.counter] = row

    def recent(self, until: date, agents: Sequence[str] | None = None) -> list[tuple[str, date, bytes]]:
        days: dict[str, list[rows.HeartbeatDay]] = {}
        for row in self._store.heartbeats.values():
            if row.day <= until and (agents is None or row.agent in agents):
                days.setdefault(row.agent, []).append(row)
        return [
            (r.agent, r.day, r.mask)
            for found in days.values()
            for r in sorted(found, key=lambda r: r.day)[-_DAYS_BACK:]
        ]

    def newest_late(self, as_of: datetime, agents: Sequence[str] | None = None) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for row in self._store.late.values():
            if row.received_at <= as_of and (agents is None or row.agent in agents):
                found[row.agent] = max(row.looked_at, found.get(row.agent, row.looked_at))
        return found

    def newest(self, agent: str, as_of: datetime) -> datetime | None:
        every: list[rows.HeartbeatDay | rows.LateHeartbeat] = [*self._store.heartbeats.values()]
        every += self._store.late.values()
        times = [r.looked_at for r in every if r.agent == agent and r.received_at <= as_of]
        return max(times, default=None)

    def days(self, agent: str, limit: int) -> list[rows.HeartbeatDay]:
        found = [r for r in self._store.heartbeats.values() if r.agent == agent]
        return sorted(found, key=lambda r: r.day, reverse=True)[:limit]

    def late(self, agent: str, limit: int) -> list[rows.LateHeartbeat]:
        found = [r for r in self._store.late.values() if r.agent == agent]
        return sorted(found, key=lambda r: r.looked_at, reverse=True)[:limit]
