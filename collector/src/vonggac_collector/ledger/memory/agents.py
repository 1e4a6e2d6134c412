"""Agents, their keys, and enrolment tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from vonggac_collector.instants import FAR

from .. import rows
from .store import Store, put_new


class MemoryAgents:
    """See interface.Agents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, agent: rows.Agent) -> None:
        put_new(self._store.agents, agent.id, agent)

    def add_key(self, keyid: str, agent: str, public_key: bytes, epoch: int, since: datetime) -> None:
        put_new(self._store.keys, keyid, (agent, public_key, epoch, since, None))

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
        books = self._store.books
        in_force = [b for b in books.values() if b.published_at < FAR]
        book = max(in_force, key=lambda b: (b.published_at, b.digest), default=None)
        trial = self._store.trials.get(max(self._store.trials, default=0))
        if trial is not None and books[trial.rulebook].published_at == FAR and trial.takes(agent, place.unit):
            book = books[trial.rulebook]
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

    def with_aside(self) -> list[rows.Agent]:
        return [a for a in self.all() if a.aside]

    def heads(self) -> dict[str, str | None]:
        return {a.id: a.head_digest for a in self._store.agents.values()}

    def keys(self, agent: str) -> dict[str, bytes]:
        return {keyid: key for keyid, (of, key, *_) in self._store.keys.items() if of == agent}

    def terms(self, agent: str) -> list[rows.AgentKey]:
        every = self._store.keys.items()
        mine = [
            rows.AgentKey(k, epoch, since, until) for k, (of, _, epoch, since, until) in every if of == agent
        ]
        return sorted(mine, key=lambda k: k.epoch, reverse=True)

    def every_key(self) -> dict[str, tuple[str, bytes]]:
        return {keyid: (of, key) for keyid, (of, key, *_) in self._store.keys.items()}

    def put(self, agent: rows.Agent) -> None:
        self._store.agents[agent.id] = agent


class MemoryTokens:
    """See interface.Tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, token: rows.Token) -> None:
        put_new(self._store.tokens, token.id, token)

    def by_hash(self, hashed: str) -> rows.Token | None:
        return next((t for t in self._store.tokens.values() if t.hash == hashed), None)

    def get(self, token: str) -> rows.Token | None:
        return self._store.tokens.get(token)

    def all(self) -> list[rows.Token]:
        newest = sorted(self._store.tokens.values(), key=lambda t: t.id)
        return sorted(newest, key=lambda t: t.created_at, reverse=True)

    def first(self, units: Sequence[str] | None, now: datetime, limit: int) -> tuple[list[rows.Token], int]:
        """See interface.Tokens."""
        found = [t for t in self.all() if units is None or t.unit in units]
        found.sort(key=lambda t: not (t.uses_left > 0 and not t.revoked and t.expires_at > now))
        return found[:limit], len(found)

    def use(self, token: str) -> bool:
        found = self._store.tokens[token]
        if found.uses_left < 1:
            return False
        self._store.tokens[token] = msgspec.structs.replace(found, uses_left=found.uses_left - 1)
        return True

    def revoke(self, token: str) -> None:
        self._store.tokens[token] = msgspec.structs.replace(self._store.tokens[token], revoked=True)
