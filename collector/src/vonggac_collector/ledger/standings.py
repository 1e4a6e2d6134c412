"""What the worker keeps for pages: where units, systems and hosts stand, as of its last round. Rows, and what a ledger
can do with them (`interface` has the rest). All of it can be made again from the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

import msgspec

StandingKind = Literal["unit", "own", "system"]
"""A unit with all beneath it; what a unit with others beneath it has itself; an information system."""


_SECOND: Final = timedelta(seconds=1)


class Round(msgspec.Struct, frozen=True):
    """Everything that is kept stands as of then. `hosts`: how many there were."""

    as_of: datetime
    hosts: int


class Head(msgspec.Struct, frozen=True):
    """The figures of a unit or a system. `id`: the unit's code or the system's id; `unit`: whose it is.

    `fingerprint` names all that the figures depend on; what falls silent depends on the time as well. `score` None:
    nothing to score. `weight`: its part in the level above. `heard` of `expected` hosts; `silent` ones; findings of
    critical severity that fail. `looked`: the median of the hosts' looks, None if none was ever heard.
    """

    kind: StandingKind
    id: str
    unit: str
    fingerprint: str
    score: int | None
    weight: int
    expected: int
    heard: int
    silent: int
    critical: int
    looked: datetime | None

    @property
    def share(self) -> float:
        """Heard of expected, 0 to 1, for showing; 0 where nothing is expected."""
        return self.heard / self.expected if self.expected else 0.0

    def freshness(self, as_of: datetime) -> int | None:
        """Median age of the looks then, seconds."""
        return None if self.looked is None else max(0, (as_of - self.looked) // _SECOND)


class Standing(Head, frozen=True):
    """`body`: the rest of what pages show, packed by `standings`; empty for a system."""

    body: bytes


class HostStanding(msgspec.Struct, frozen=True):
    """A host as lists show it. `looked_at`: of its newest look, heartbeats left aside; of a silent one when it was last
    heard. `score` before freshness.
    """

    host: str
    unit: str
    system: str | None
    hostname: str
    os: str
    sample: bool
    score: int | None
    silent: bool
    failing: int
    critical: int
    looked_at: datetime | None


_SCORES: Final = 2_000_000


def order_of(host: HostStanding) -> int:
    """Lists begin with the lowest: silent hosts first, then the worst; host name and id decide among equals."""
    return (0 if host.silent else _SCORES) + (0 if host.score is None else host.score + 1)


class Standings(Protocol):
    """What was kept by the last round."""

    def round(self) -> Round | None:
        """None before the first."""

    def end_round(self, of: Round) -> None: ...
    def heads(self, ids: Sequence[str] | None = None) -> list[Head]:
        """Those of that id, or all."""

    def systems(self, units: Sequence[str]) -> list[Head]:
        """The systems of those units."""

    def bodies(self, kind: StandingKind, ids: Sequence[str]) -> dict[str, bytes]: ...
    def put(self, standings: Sequence[Standing]) -> None:
        """In place of what was kept of them."""

    def looked(self, heads: Sequence[Head]) -> None:
        """Only `looked` differs from what is kept."""

    def drop(self, heads: Sequence[Head]) -> None: ...
    def put_hosts(self, unit: str, hosts: Sequence[HostStanding]) -> None:
        """These are all hosts of the unit."""

    def hosts(self, ids: Sequence[str]) -> list[HostStanding]: ...
    def find_hosts(self, units: Sequence[str] | None, text: str, limit: int) -> list[HostStanding]:
        """Of the units (None: of all), those whose name holds the text, casefolded, or whose id begins with it; in the
        order of lists.
        """
