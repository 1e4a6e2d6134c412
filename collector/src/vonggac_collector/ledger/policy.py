"""The policy repository's metadata as it is served: what a ledger can do with it. What it says: `..policy`."""

from __future__ import annotations

from typing import Protocol


class Policy(Protocol):
    """Files by name, as bytes."""

    def hold(self) -> None:
        """Until the transaction ends nobody else changes them."""

    def file(self, name: str) -> bytes | None: ...
    def all(self) -> dict[str, bytes]: ...
    def put(self, name: str, raw: bytes) -> None:
        """In place of what had the name."""

    def drop(self, name: str) -> None: ...
