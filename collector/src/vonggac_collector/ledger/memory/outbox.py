"""The outbox and its dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from .. import rows
from ..sql.outbox import MAX_ERROR
from .store import Store


class MemoryOutbox:
    """See interface.Outbox."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, kind: rows.OutboxKind, subjects: Sequence[str], at: datetime) -> None:
        for subject in subjects:
            number = self._store.numbers["outbox"] = self._store.numbers.get("outbox", 0) + 1
            self._store.outbox[number] = rows.OutboxRow(number, kind, subject, at, 0, at, "")

    def claim(self, limit: int, now: datetime, until: datetime) -> list[rows.OutboxRow]:
        found = [r for _, r in sorted(self._store.outbox.items()) if r.next_at <= now][:limit]
        self.keep([r.number for r in found], until)
        return found

    def keep(self, numbers: Sequence[int], until: datetime) -> None:
        for number in numbers:
            if number in self._store.outbox:
                row = self._store.outbox[number]
                self._store.outbox[number] = msgspec.structs.replace(row, next_at=until)

    def due_at(self) -> datetime | None:
        return min((r.next_at for r in self._store.outbox.values()), default=None)

    def done(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._store.outbox.pop(number, None)

    def fail(self, numbers: Sequence[int], error: str, next_at: datetime) -> None:
        for number in numbers:
            row = self._store.outbox.get(number)
            if row is not None:
                self._store.outbox[number] = msgspec.structs.replace(
                    row, attempts=row.attempts + 1, error=error[:MAX_ERROR], next_at=next_at
                )

    def bury(self, letter: rows.DeadLetter) -> None:
        self._store.dead[letter.number] = msgspec.structs.replace(letter, error=letter.error[:MAX_ERROR])
        self.done([letter.number])

    def buried(self, limit: int) -> list[rows.DeadLetter]:
        return sorted(self._store.dead.values(), key=lambda x: x.number, reverse=True)[:limit]

    def lag(self) -> rows.Lag:
        waiting = self._store.outbox.values()
        oldest = min((r.queued_at for r in waiting), default=None)
        return rows.Lag(len(waiting), oldest, len(self._store.dead))

    def ticket(self) -> int:
        number = self._store.numbers["outbox"] = self._store.numbers.get("outbox", 0) + 1
        return number

    def leap(self, by: int) -> None:
        number = self._store.numbers["outbox"] = self.ticket() + by
        self.mark(number)

    def mark(self, ticket: int) -> None:
        self._store.numbers["index"] = max(ticket, self.marked())

    def marked(self) -> int:
        return self._store.numbers.get("index", 0)
