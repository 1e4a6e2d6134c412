"""Users and sessions; the audit log and the count of refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from .. import rows
from .store import Store, put_new

_NO_HASH = "0" * 64


class MemoryPeople:
    """See interface.People."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, user: rows.User) -> None:
        if self.by_name(user.name) is not None:
            raise ValueError(f"{user.name} is there already")
        put_new(self._store.users, user.id, user)

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
        put_new(self._store.sessions, session.hash, session)

    def session(self, hashed: str) -> tuple[rows.Session, rows.User] | None:
        found = self._store.sessions.get(hashed)
        return None if found is None else (found, self._store.users[found.user])

    def touch(self, hashed: str, seen_at: datetime) -> None:
        self._store.sessions[hashed] = msgspec.structs.replace(self._store.sessions[hashed], seen_at=seen_at)

    def close_session(self, hashed: str) -> None:
        self._drop(lambda s: s.hash == hashed)

    def close_expired(self, now: datetime) -> None:
        self._drop(lambda s: s.expires_at <= now)

    def tries(self, keys: Sequence[str], since: datetime) -> dict[str, int]:
        self._store.tries = [t for t in self._store.tries if t[1] > since]
        return dict(Counter(key for key, _ in self._store.tries if key in keys))

    def add_tries(self, keys: Sequence[str], at: datetime) -> None:
        self._store.tries += [(key, at) for key in keys]

    def forgive(self, keys: Sequence[str]) -> None:
        for key in keys:
            newest = max((n for n, t in enumerate(self._store.tries) if t[0] == key), default=None)
            if newest is not None:
                del self._store.tries[newest]

    def _drop(self, unwanted: Any) -> None:
        self._store.sessions = {h: s for h, s in self._store.sessions.items() if not unwanted(s)}


class MemoryTrail:
    """See interface.Trail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def hold(self) -> None:
        """There is one writer."""

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
