"""What a ledger can do with the outbox (`interface` has the rest)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from . import rows


class Outbox(Protocol):
    """What the index is yet to be told, written with what it announces."""

    def add(self, kind: rows.OutboxKind, subjects: Sequence[str], at: datetime) -> None:
        """One row each, in that order."""

    def claim(self, limit: int, now: datetime, until: datetime) -> list[rows.OutboxRow]:
        """The oldest rows that are due, in order of their numbers; nobody else gets them before `until`.

        Whoever claimed them and dies leaves them to the next after that; who is at it for longer says so by `keep`.
        """

    def keep(self, numbers: Sequence[int], until: datetime) -> None:
        """Whoever claimed them is still at it: nobody else gets them before `until`."""

    def due_at(self) -> datetime | None:
        """When the next row may be claimed; None if there is none."""

    def done(self, numbers: Sequence[int]) -> None:
        """The index has taken them."""

    def fail(self, numbers: Sequence[int], error: str, next_at: datetime) -> None:
        """Another attempt is due at `next_at`."""

    def bury(self, letter: rows.DeadLetter) -> None:
        """The row of that number is taken out of the outbox, and kept as a dead letter."""

    def buried(self, limit: int) -> list[rows.DeadLetter]:
        """Newest first."""

    def lag(self) -> rows.Lag: ...
    def ticket(self) -> int:
        """A number above every one that was given so far, to a row or as a ticket; never given again.

        Whoever draws one after claiming and reads the ledger after that sees no less than any lower ticket's holder had
        to announce: so it is the version of what is told to the index.
        """

    def leap(self, by: int) -> None:
        """Leave out that many numbers and mark the last: an index that was told by another ledger is behind then."""

    def mark(self, ticket: int) -> None:
        """The index holds what was told under that ticket; a lower one than marked before changes nothing."""

    def marked(self) -> int:
        """The highest ticket marked; 0 if none was."""
