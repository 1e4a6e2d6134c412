"""What is wrong now, the history of it, and the lists of rules that vectors answer."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .. import rows
from .store import Store, put_new


class MemoryFindings:
    """See interface.Findings."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_rules(self, digest: str, packed: bytes) -> None:
        self._store.rules.setdefault(digest, packed)

    def rules(self, digest: str) -> bytes | None:
        return self._store.rules.get(digest)

    def lists(self) -> dict[str, bytes]:
        return dict(self._store.rules)

    def differ(
        self, agent: str, wrong: Sequence[rows.Failing], mended: Sequence[str], changes: Sequence[rows.Change]
    ) -> None:
        for row in wrong:
            before = self._store.failings.get((agent, row.rule))
            kept = before is not None and before.outcome == row.outcome
            since = before.since if before is not None and kept else row.since
            self._store.failings[agent, row.rule] = msgspec.structs.replace(row, since=since)
        for rule in mended:
            self._store.failings.pop((agent, rule), None)
        for change in changes:
            put_new(self._store.changes, (agent, change.epoch, change.sequence, change.rule), change)

    def current(self, agents: Sequence[str]) -> dict[str, list[rows.Failing]]:
        found: dict[str, list[rows.Failing]] = {}
        for (agent, _), row in sorted(self._store.failings.items()):
            if agent in agents:
                found.setdefault(agent, []).append(row)
        return found

    def history(
        self, agent: str, rule: str | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 10_000
    ) -> list[rows.Change]:
        return [
            change
            for (of, epoch, sequence, about), change in sorted(self._store.changes.items())
            if of == agent and (epoch, sequence) > after and rule in (None, about)
        ][:limit]
