"""The ledger's in-memory twin, for tests: the same promises, nothing on disk. The tests run both through the same.

A transaction that raises is undone by putting back a copy of the lists and dictionaries it started with; rows are
frozen, so a shallow copy is enough.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import msgspec

from . import rows
from .sql.tree import parents_first

_NO_HASH = "0" * 64
_DAYS_BACK = 3


class Store:
    """Everything a ledger holds."""

    def __init__(self) -> None:
        self.units: dict[str, rows.Unit] = {}
        self.systems: dict[str, rows.System] = {}
        self.levels: list[tuple[str, datetime, int]] = []
        self.hosts: dict[str, rows.Host] = {}
        self.placements: list[rows.Placement] = []
        self.agents: dict[str, rows.Agent] = {}
        self.keys: dict[str, tuple[str, bytes, int, datetime, datetime | None]] = {}
        self.tokens: dict[str, rows.Token] = {}
        self.envelopes: dict[str, rows.Envelope] = {}
        self.looks: dict[str, rows.Look] = {}
        self.sections: dict[tuple[str, str, str], rows.Section] = {}
        self.heartbeats: dict[tuple[str, date], rows.HeartbeatDay] = {}
        self.late: dict[tuple[str, int, int], rows.LateHeartbeat] = {}
        self.books: dict[str, rows.PublishedRulebook] = {}
        self.scores: dict[tuple[str, str, date], rows.DailyScore] = {}
        self.users: dict[str, rows.User] = {}
        self.sessions: dict[str, rows.Session] = {}
        self.audit: list[rows.AuditRow] = []
        self.refusals: dict[str, tuple[int, int, int]] = {}

    def copy(self) -> dict[str, Any]:
        """Shallow copies of every collection."""
        return {name: value.copy() for name, value in vars(self).items()}

    def put_back(self, copies: dict[str, Any]) -> None:
        """Undo to `copies`."""
        vars(self).update(copies)


def _put_new(store: dict[Any, Any], key: Any, value: Any) -> None:
    if key in store:
        raise ValueError(f"{key} is there already")
    store[key] = value


def _head(e: rows.Envelope) -> rows.EnvelopeHead:
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


class MemoryTree:
    """See interface.Tree."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_unit(self, unit: rows.Unit) -> None:
        _put_new(self._store.units, unit.code, unit)

    def add_system(self, system: rows.System) -> None:
        _put_new(self._store.systems, system.id, system)
        self.set_level(system.id, system.level, system.created_at)

    def set_level(self, system: str, level: int, since: datetime) -> None:
        self._store.levels.append((system, since, level))

    def add_host(self, host: rows.Host) -> None:
        _put_new(self._store.hosts, host.id, host)

    def describe_host(self, host: str, hostname: str, os: str) -> None:
        self._store.hosts[host] = msgspec.structs.replace(self._store.hosts[host], hostname=hostname, os=os)

    def place(self, placement: rows.Placement) -> None:
        self._store.placements.append(placement)

    def units(self, as_of: datetime) -> list[rows.Unit]:
        return parents_first(u for u in self._store.units.values() if u.created_at <= as_of)

    def systems(self, as_of: datetime) -> list[rows.System]:
        levels = {s: level for s, since, level in self._store.levels if since <= as_of}
        return [
            msgspec.structs.replace(self._store.systems[s], level=level)
            for s, level in sorted(levels.items())
        ]

    def hosts(self, as_of: datetime) -> list[rows.Host]:
        found = [h for h in self._store.hosts.values() if h.expected_since <= as_of]
        return sorted(found, key=lambda h: h.id)

    def placements(self, as_of: datetime) -> list[rows.Placement]:
        return list({p.host: p for p in self._store.placements if p.since <= as_of}.values())


class MemoryAgents:
    """See interface.Agents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, agent: rows.Agent) -> None:
        _put_new(self._store.agents, agent.id, agent)

    def add_key(self, keyid: str, agent: str, public_key: bytes, epoch: int, since: datetime) -> None:
        _put_new(self._store.keys, keyid, (agent, public_key, epoch, since, None))

    def end_keys(self, agent: str, until: datetime) -> None:
        for keyid, (of, public_key, epoch, since, ended) in list(self._store.keys.items()):
            if of == agent and ended is None:
                self._store.keys[keyid] = (of, public_key, epoch, since, until)

    def holder(self, keyid: str) -> rows.KeyHolder | None:
        if keyid not in self._store.keys:
            return None
        agent, public_key, _, _, until = self._store.keys[keyid]
        place = {p.host: p for p in self._store.placements}[agent]
        levels = {system: level for system, _, level in self._store.levels}
        of_unit = [levels[s.id] for s in self._store.systems.values() if s.unit == place.unit]
        level = levels[place.system] if place.system is not None else max(of_unit, default=1)
        book = max(self._store.books.values(), key=lambda b: (b.published_at, b.digest), default=None)
        return rows.KeyHolder(
            keyid,
            public_key,
            until is not None,
            self._store.agents[agent],
            place.unit,
            place.profile,
            level,
            None if book is None else book.digest,
            None if book is None else book.levels,
        )

    def get(self, agent: str) -> rows.Agent | None:
        return self._store.agents.get(agent)

    def all(self) -> list[rows.Agent]:
        return sorted(self._store.agents.values(), key=lambda a: a.id)

    def keys(self, agent: str) -> dict[str, bytes]:
        return {keyid: key for keyid, (of, key, *_) in self._store.keys.items() if of == agent}

    def set_status(self, agent: str, status: rows.AgentStatus) -> None:
        self._change(agent, status=status)

    def set_head(
        self, agent: str, epoch: int, sequence: int, digest: str | None, content: str | None
    ) -> None:
        self._change(agent, epoch=epoch, head_sequence=sequence, head_digest=digest, head_content=content)

    def set_version(self, agent: str, agent_version: str) -> None:
        self._change(agent, agent_version=agent_version)

    def _change(self, agent: str, **values: Any) -> None:
        self._store.agents[agent] = msgspec.structs.replace(self._store.agents[agent], **values)


class MemoryTokens:
    """See interface.Tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, token: rows.Token) -> None:
        _put_new(self._store.tokens, token.id, token)

    def by_hash(self, hashed: str) -> rows.Token | None:
        return next((t for t in self._store.tokens.values() if t.hash == hashed), None)

    def get(self, token: str) -> rows.Token | None:
        return self._store.tokens.get(token)

    def all(self) -> list[rows.Token]:
        newest = sorted(self._store.tokens.values(), key=lambda t: t.id)
        return sorted(newest, key=lambda t: t.created_at, reverse=True)

    def use(self, token: str) -> bool:
        found = self._store.tokens[token]
        if found.uses_left < 1:
            return False
        self._store.tokens[token] = msgspec.structs.replace(found, uses_left=found.uses_left - 1)
        return True

    def revoke(self, token: str) -> None:
        self._store.tokens[token] = msgspec.structs.replace(self._store.tokens[token], revoked=True)


class MemoryChain:
    """See interface.Chain."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, digest: str) -> rows.EnvelopeHead | None:
        found = self._store.envelopes.get(digest)
        return None if found is None else _head(found)

    def at(self, agent: str, epoch: int, sequence: int) -> list[rows.EnvelopeHead]:
        place = (agent, epoch, sequence)
        return [_head(e) for e in self._store.envelopes.values() if (e.agent, e.epoch, e.sequence) == place]

    def envelope(self, digest: str) -> rows.Envelope | None:
        return self._store.envelopes.get(digest)

    def first_pending(self, agent: str, epoch: int) -> int | None:
        waiting = [
            e.sequence
            for e in self._store.envelopes.values()
            if (e.agent, e.epoch, e.state) == (agent, epoch, "pending")
        ]
        return min(waiting, default=None)

    def count(self, agent: str, state: rows.EnvelopeState) -> int:
        return sum(e.agent == agent and e.state == state for e in self._store.envelopes.values())

    def add(self, envelope: rows.Envelope) -> None:
        _put_new(self._store.envelopes, envelope.digest, envelope)

    def settle(
        self, digest: str, state: rows.EnvelopeState, committed_at: datetime | None, receipt: bytes | None
    ) -> None:
        self._store.envelopes[digest] = msgspec.structs.replace(
            self._store.envelopes[digest], state=state, committed_at=committed_at, receipt=receipt
        )

    def of_agent(self, agent: str, limit: int) -> list[rows.EnvelopeHead]:
        mine = [_head(e) for e in self._store.envelopes.values() if e.agent == agent]
        return sorted(mine, key=lambda e: (e.epoch, e.sequence, e.received_at), reverse=True)[:limit]

    def walk(self, agent: str, after: tuple[int, int], limit: int) -> list[rows.Envelope]:
        mine = [
            e
            for e in self._store.envelopes.values()
            if e.agent == agent and e.state == "committed" and (e.epoch, e.sequence) > after
        ]
        return sorted(mine, key=lambda e: (e.epoch, e.sequence))[:limit]

    def add_look(self, look: rows.Look) -> None:
        _put_new(self._store.looks, look.digest, look)

    def look(self, digest: str) -> rows.Look | None:
        return self._store.looks.get(digest)

    def newest_look(self, agent: str, as_of: datetime) -> rows.Look | None:
        mine = [x for x in self._store.looks.values() if x.agent == agent and x.committed_at <= as_of]
        return max(mine, key=lambda x: (x.epoch, x.sequence), default=None)

    def newest_looks(self, as_of: datetime) -> list[rows.LookHead]:
        newest = [self.newest_look(agent, as_of) for agent in {x.agent for x in self._store.looks.values()}]
        return [
            rows.LookHead(x.digest, x.agent, x.looked_at, x.rulebook, x.profile, x.outcomes_digest, x.flags)
            for x in newest
            if x is not None
        ]

    def outcomes(self, digests: Sequence[str]) -> dict[str, bytes]:
        return {d: self._store.looks[d].outcomes for d in digests if d in self._store.looks}

    def add_section(self, section: rows.Section) -> None:
        self._store.sections.setdefault((section.agent, section.name, section.digest), section)

    def held(self, agent: str) -> set[tuple[str, str]]:
        return {(name, digest) for of, name, digest in self._store.sections if of == agent}

    def section(self, agent: str, name: str, digest: str) -> rows.Section | None:
        return self._store.sections.get((agent, name, digest))


class MemoryHeartbeats:
    """See interface.Heartbeats."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def day(self, agent: str, day: date) -> rows.HeartbeatDay | None:
        return self._store.heartbeats.get((agent, day))

    def put(self, row: rows.HeartbeatDay, *, first: bool) -> None:
        if first:
            _put_new(self._store.heartbeats, (row.agent, row.day), row)
        self._store.heartbeats[row.agent, row.day] = row

    def add_late(self, row: rows.LateHeartbeat) -> None:
        self._store.late.setdefault((row.agent, row.epoch, row.counter), row)

    def recent(self, until: date) -> list[tuple[str, date, bytes]]:
        days: dict[str, list[rows.HeartbeatDay]] = {}
        for row in self._store.heartbeats.values():
            if row.day <= until:
                days.setdefault(row.agent, []).append(row)
        return [
            (r.agent, r.day, r.mask)
            for found in days.values()
            for r in sorted(found, key=lambda r: r.day)[-_DAYS_BACK:]
        ]

    def newest_late(self, as_of: datetime) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for row in self._store.late.values():
            if row.received_at <= as_of:
                found[row.agent] = max(row.looked_at, found.get(row.agent, row.looked_at))
        return found

    def newest(self, agent: str, as_of: datetime) -> datetime | None:
        every: list[rows.HeartbeatDay | rows.LateHeartbeat] = [*self._store.heartbeats.values()]
        every += self._store.late.values()
        times = [r.looked_at for r in every if r.agent == agent and r.received_at <= as_of]
        return max(times, default=None)


class MemoryRulebooks:
    """See interface.Rulebooks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, book: rows.PublishedRulebook) -> None:
        _put_new(self._store.books, book.digest, book)

    def get(self, digest: str) -> rows.PublishedRulebook | None:
        return self._store.books.get(digest)

    def published(self, as_of: datetime) -> list[tuple[str, datetime]]:
        found = [(b.digest, b.published_at) for b in self._store.books.values() if b.published_at <= as_of]
        return sorted(found, key=lambda b: (b[1], b[0]))


class MemoryScores:
    """See interface.Scores."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, scores: Iterable[rows.DailyScore]) -> None:
        given = list(scores)
        days = {s.day for s in given}
        for key in [k for k in self._store.scores if k[2] in days]:
            del self._store.scores[key]
        for score in given:
            self._store.scores[score.kind, score.id, score.day] = score

    def series(
        self, kind: str, ids: Sequence[str], since: date, until: date
    ) -> dict[str, dict[date, int | None]]:
        found: dict[str, dict[date, int | None]] = {i: {} for i in ids}
        for (of_kind, identifier, day), score in self._store.scores.items():
            if of_kind == kind and identifier in found and since <= day <= until:
                found[identifier][day] = score.score
        return found

    def day(self, day: date) -> list[rows.DailyScore]:
        return [s for s in self._store.scores.values() if s.day == day]

    def newest_day(self) -> date | None:
        return max((s.day for s in self._store.scores.values()), default=None)


class MemoryPeople:
    """See interface.People."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, user: rows.User) -> None:
        if self.by_name(user.name) is not None:
            raise ValueError(f"{user.name} is there already")
        _put_new(self._store.users, user.id, user)

    def by_name(self, name: str) -> rows.User | None:
        return next((u for u in self._store.users.values() if u.name == name), None)

    def get(self, user: str) -> rows.User | None:
        return self._store.users.get(user)

    def all(self) -> list[rows.User]:
        return sorted(self._store.users.values(), key=lambda u: u.name)

    def set_password(self, user: str, password: str) -> None:
        self._store.users[user] = msgspec.structs.replace(self._store.users[user], password=password)
        self._drop(lambda s: s.user == user)

    def open_session(self, session: rows.Session) -> None:
        _put_new(self._store.sessions, session.hash, session)

    def session(self, hashed: str) -> tuple[rows.Session, rows.User] | None:
        found = self._store.sessions.get(hashed)
        return None if found is None else (found, self._store.users[found.user])

    def touch(self, hashed: str, seen_at: datetime) -> None:
        self._store.sessions[hashed] = msgspec.structs.replace(self._store.sessions[hashed], seen_at=seen_at)

    def close_session(self, hashed: str) -> None:
        self._drop(lambda s: s.hash == hashed)

    def close_expired(self, now: datetime) -> None:
        self._drop(lambda s: s.expires_at <= now)

    def _drop(self, unwanted: Any) -> None:
        self._store.sessions = {h: s for h, s in self._store.sessions.items() if not unwanted(s)}


class MemoryTrail:
    """See interface.Trail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def head(self) -> tuple[int, str]:
        last = self._store.audit[-1] if self._store.audit else None
        return (0, _NO_HASH) if last is None else (last.number, last.hash)

    def add(self, row: rows.AuditRow) -> None:
        self._store.audit.append(row)

    def count(self, code: str, hour: int) -> int:
        total, of_hour, so_far = self._store.refusals.get(code, (0, hour, 0))
        in_hour = so_far + 1 if of_hour == hour else 1
        self._store.refusals[code] = (total + 1, hour, in_hour)
        return in_hour

    def counts(self) -> dict[str, int]:
        return {code: total for code, (total, _, _) in self._store.refusals.items()}

    def walk(self, after: int, limit: int) -> list[rows.AuditRow]:
        return [r for r in self._store.audit if r.number > after][:limit]


class MemoryTransaction:
    """The rooms over one store."""

    def __init__(self, store: Store) -> None:
        self.committed = False
        self.tree = MemoryTree(store)
        self.agents = MemoryAgents(store)
        self.chain = MemoryChain(store)
        self.heartbeats = MemoryHeartbeats(store)
        self.tokens = MemoryTokens(store)
        self.rulebooks = MemoryRulebooks(store)
        self.scores = MemoryScores(store)
        self.people = MemoryPeople(store)
        self.trail = MemoryTrail(store)


class MemoryLedger:
    """See interface.Ledger."""

    def __init__(self) -> None:
        self._store = Store()
        self._lock = threading.RLock()
        self._open: MemoryTransaction | None = None
        self._version = 0

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            before = self._store.copy()
            transaction = self._open = MemoryTransaction(self._store)
            try:
                yield transaction
            except BaseException:
                self._store.put_back(before)
                raise
            finally:
                self._open = None
            transaction.committed = True
            self._version += 1

    @contextmanager
    def batch(self) -> Iterator[None]:
        with self.write():
            yield

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            yield MemoryTransaction(self._store)

    def version(self) -> int:
        return self._version

    def close(self) -> None:
        """Nothing to close."""
