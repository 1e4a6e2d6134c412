"""Legal holds, and shelves that are let go: rows, and what a ledger can do with them (`interface` has the rest)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

import msgspec

HoldKind = Literal["unit", "system", "host"]
REPORTS_DROPPED: Final = "reports-dropped"
"""The flag of a look before which the machine dropped reports for want of room; also the action of the audit row."""
HELD: Final = "held-L{}"
"""The shelf, by level, of what outlives its own: what current state and kept moments need, and what a hold names."""
PAST: Final = "past-L{}"
"""The shelf of what lay there and is no longer needed nor named."""


class Hold(msgspec.Struct, frozen=True):
    """A legal hold: what was received of its hosts from `since` until before `until` outlives its months.

    `subject`: a host's id, a system's id or a unit's code; its hosts are those that were there at any time of it.
    """

    id: str
    kind: HoldKind
    subject: str
    reason: str
    since: datetime
    until: datetime | None
    by: str
    at: datetime
    released_at: datetime | None = None
    released_by: str | None = None
    release_reason: str | None = None


class Cut(msgspec.Struct, frozen=True):
    """The last report that retention dropped before one that is kept: what that one names as the report before it, or
    before those that the machine dropped itself (REPORTS_DROPPED).
    """

    agent: str
    epoch: int
    sequence: int
    digest: str


class Kept(msgspec.Struct, frozen=True):
    """An envelope on a shelf, as far as its being kept depends on it."""

    digest: str
    agent: str
    received_at: datetime


class ShelfSize(msgspec.Struct, frozen=True):
    """How many rows of each kind lie on a shelf."""

    envelopes: int
    looks: int
    changes: int


class Keeping(Protocol):
    """Legal holds; and shelves, which are let go as a whole once what is to stay was moved away (`retention`)."""

    def freeze(self) -> None:
        """Until the transaction ends nobody else adds or releases a hold."""

    def add_hold(self, row: Hold) -> None: ...
    def release_hold(self, identifier: str, at: datetime, by: str, reason: str) -> None: ...
    def holds(self) -> list[Hold]:
        """All, in order of being added, released ones too."""

    def placed(self, since: datetime, until: datetime | None) -> list[tuple[str, str, str | None]]:
        """Host, unit and system of every placement that was valid at any time from `since` until before `until`."""

    def make_shelves(self, now: datetime) -> None:
        """Those of this month and the next, where a shelf has to be made before it is used."""

    def shelves(self) -> list[str]:
        """Those that are made or have rows, sorted."""

    def size(self, shelf: str) -> ShelfSize: ...
    def page(self, shelf: str, after: str, limit: int) -> list[Kept]:
        """What lies there, in order of digests, those above `after`."""

    def needed(self, shelf: str, since: datetime) -> set[str]:
        """Digests of what lies there and a score at `since` or later, ingest, or an officer still needs.

        The newest look that was committed before `since`, unless another shelf has a newer one; looks committed later;
        every agent's head; what is pending or forked in its agent's epoch.
        """

    def move(self, shelf: str, to: str, digests: Sequence[str]) -> None:
        """Envelopes, with their looks and changes."""

    def ends(self, shelf: str) -> list[Cut]:
        """The committed reports that lie there while the one after them lies elsewhere."""

    def cut(self, shelf: str, ends: Sequence[Cut]) -> None:
        """Keep `ends` in the record of cuts, and forget the cuts before what lies on the shelf."""

    def cuts(self, after: tuple[str, int, int], limit: int) -> list[Cut]:
        """By agent, epoch and sequence, those after that."""

    def drop(self, shelf: str, after: str, limit: int) -> str | None:
        """Delete the shelf, or about `limit` envelopes of it from digest `after` on; None if nothing is left.

        Otherwise the digest to go on after, in another transaction. Raises Busy if it is read all the time.
        """

    def forget_heartbeats(self, agents: Sequence[str], since: datetime, named: Sequence[Hold]) -> int:
        """Delete rows of before `since`, without the times that `named` holds name; says how many.

        What a score at `since` or later needs stays: the newest three days before it, the newest that came late.
        """

    def forget_letters(self, before: datetime) -> int:
        """Delete dead letters of before; says how many."""
