"""What the page for adding machines shows: tokens, machines that wait for approval, units to choose from."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from .views import HostRow, SystemRow, UnitLink


class TokenRow(msgspec.Struct, frozen=True):
    """An enrolment token, without its secret."""

    id: str
    unit: UnitLink
    system: str
    uses_left: int
    expires_at: datetime
    created_by: str
    created_at: datetime
    revoked: bool
    approval: bool = False
    """Somebody has to approve each machine."""


class ApplicantRow(msgspec.Struct, frozen=True):
    """A machine that asks to be let in, as it presents itself; only that it holds the key is certain.

    `host`: whose new key it is to be, or has become.
    """

    keyid: str
    unit: UnitLink
    system: str
    host: str
    hostname: str
    machine_id: str
    platform: str
    agent_version: str
    address: str
    requested_at: datetime
    asked_at: datetime
    expires_at: datetime
    state: Literal["waiting", "approved", "refused", "expired"]
    decided_by: str
    decided_at: datetime | None
    reason: str


class EnrolPage(msgspec.Struct, frozen=True):
    """What a sysadmin needs to add a machine."""

    as_of: datetime
    units: list[UnitLink]
    """Those that fit what was asked for, the first hundred."""
    systems: list[SystemRow]
    """Theirs, and those of the tokens' units."""
    tokens: list[TokenRow]
    """Those that still enrol, then the others, the newest first: a hundred."""
    recent: list[HostRow]
    """Hosts enrolled lately, newest first."""
    collector_url: str
    collector_keyid: str
    units_total: int = 0
    """How many units the caller may see."""
    tokens_total: int = 0
    """How many tokens their units have."""
    applicants: list[ApplicantRow] = []
    """Machines that wait for approval, the longest first, then those that were decided, the newest first: fifty."""
    applicants_waiting: int = 0
    """How many wait in all."""
