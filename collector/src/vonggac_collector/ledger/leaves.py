"""The order of committed reports, and the checkpoints that sign it: rows, and what a ledger can do with them.

A leaf stands for one report, is never changed and never dropped; `vonggac_collector.checkpoints` appends. `interface`
has the rest of the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class Leaf(msgspec.Struct, frozen=True):
    """Report `sequence` of an agent's epoch is the `number`-th of all, counted from 0."""

    number: int
    agent: str
    epoch: int
    sequence: int
    digest: str

    @property
    def place(self) -> tuple[int, int]:
        """Where it is in its agent's chain."""
        return self.epoch, self.sequence


class Signed(msgspec.Struct, frozen=True):
    """A checkpoint as signed. `number` counts from 1; `digest` is that of the envelope `raw`."""

    number: int
    at: datetime
    tree_size: int
    root: str
    digest: str
    raw: bytes


class Member(msgspec.Struct, frozen=True):
    """A committed report as far as its leaf depends on it."""

    agent: str
    epoch: int
    sequence: int
    digest: str
    committed_at: datetime
    shelf: str

    @property
    def place(self) -> tuple[int, int]:
        """Where it is in its agent's chain."""
        return self.epoch, self.sequence


class Leaves(Protocol):
    """Leaves by number and by place, hashes above them in tiles, and checkpoints."""

    def hold(self) -> None:
        """Until the transaction ends nobody else appends or signs."""

    def size(self) -> int:
        """How many there are."""

    def behind(self, after: str, limit: int) -> list[str]:
        """Agents by id, those after that, which may have committed reports without a leaf: those of whose head none
        is, or that have no report in their present epoch.
        """

    def without(self, agent: str, limit: int) -> list[Member]:
        """Its committed reports after the last that has a leaf, in the chain's order."""

    def add(self, leaves: Sequence[Leaf]) -> None: ...
    def by_digest(self, digest: str) -> Leaf | None: ...
    def at(self, agent: str, epoch: int, sequence: int) -> Leaf | None: ...
    def walk(self, after: int, limit: int) -> list[Leaf]:
        """By number, those above `after`."""

    def of_agents(self, agents: Sequence[str]) -> list[Leaf]:
        """By agent and place."""

    def members(self, agents: Sequence[str]) -> list[Member]:
        """Their committed reports, by agent and place."""

    def tile(self, level: int, number: int) -> bytes:
        """Up to 256 hashes (`vonggac_collector.tiles`), one behind the other; b"" if it is not there."""

    def put_tiles(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """By level and number, each in place of what was there."""

    def sign(self, checkpoint: Signed) -> None: ...
    def newest(self) -> Signed | None: ...
    def checkpoints(self, after: int, limit: int) -> list[Signed]:
        """By number, those above `after`."""
