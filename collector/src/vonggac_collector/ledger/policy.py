"""The policy: the repository's metadata as it is served, and who tries which rulebook. What it says: `..policy`."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Protocol

import msgspec


class Trial(msgspec.Struct, frozen=True):
    """Who is judged by a rulebook before all others are, from then on: `share` of a hundred machines, and those of
    `units` (JSON, codes). With neither the trial is over, as it is when its rulebook is published.
    """

    number: int
    at: datetime
    rulebook: str
    share: int
    units: bytes

    @property
    def on(self) -> bool:
        """Whether anybody takes part."""
        return self.share > 0 or self.units != b"[]"

    @property
    def codes(self) -> list[str]:
        """Of the units."""
        return msgspec.json.decode(self.units, type=list[str])

    def takes(self, agent: str, unit: str) -> bool:
        """Whether the machine takes part. Who takes part of a share does so of a larger one."""
        place = int.from_bytes(hashlib.sha256(agent.encode()).digest()[:4]) % 100
        return place < self.share or unit in self.codes


class Policy(Protocol):
    """Files by name, as bytes."""

    def hold(self) -> None:
        """Until the transaction ends nobody else changes them."""

    def file(self, name: str) -> bytes | None: ...
    def all(self) -> dict[str, bytes]: ...
    def put(self, name: str, raw: bytes) -> None:
        """In place of what had the name."""

    def drop(self, name: str) -> None: ...
