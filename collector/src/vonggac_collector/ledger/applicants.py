"""Machines that ask to be enrolled with a token that wants approval: rows, and what a ledger can do with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

ApplicantState = Literal["waiting", "approved", "refused"]


class Applicant(msgspec.Struct, frozen=True):
    """A machine that showed that it holds the key; nothing of it counts before somebody approves.

    What it said of itself is kept. `address`: whence it asked last, at `asked_at`. `unit`: of its token.
    One that still waits at `expires_at` is no longer approved. `host`: whose key it became.
    """

    keyid: str
    public_key: bytes
    token: str
    unit: str
    hostname: str
    machine_id: str
    platform: str
    agent_version: str
    address: str
    requested_at: datetime
    asked_at: datetime
    expires_at: datetime
    state: ApplicantState
    host: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str = ""


class Applicants(Protocol):
    """See the module."""

    def add(self, row: Applicant) -> None: ...
    def get(self, keyid: str) -> Applicant | None: ...
    def asked(self, keyid: str, at: datetime, address: str) -> None:
        """It asked again."""

    def decide(
        self, keyid: str, state: ApplicantState, by: str, at: datetime, reason: str, host: str | None
    ) -> bool:
        """Settle what waits; says whether it did: somebody else may have been first."""

    def first(self, units: Sequence[str] | None, now: datetime, limit: int) -> tuple[list[Applicant], int]:
        """Of those units, or of all: those that wait, the oldest first, then the others, the newest first; and how many
        wait in all.
        """
