"""The policy repository's metadata."""

from __future__ import annotations

from .store import Store


class MemoryPolicy:
    """See policy.Policy."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def hold(self) -> None:
        """There is one writer."""

    def file(self, name: str) -> bytes | None:
        return self._store.policy.get(name)

    def all(self) -> dict[str, bytes]:
        return dict(self._store.policy)

    def put(self, name: str, raw: bytes) -> None:
        self._store.policy[name] = raw

    def drop(self, name: str) -> None:
        self._store.policy.pop(name, None)
