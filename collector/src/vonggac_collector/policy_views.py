"""What the page on the policy says: which rulebook is in force, which is tried, and who vouches for them."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Book(msgspec.Struct, frozen=True):
    """A rulebook, and since when it is in force, or tried."""

    digest: str
    version: str
    since: datetime


class SignedRole(msgspec.Struct, frozen=True):
    """A role of the policy repository (root, targets, timestamp) and when it expires."""

    role: str
    until: datetime
    over: bool


class PolicyPage(msgspec.Struct, frozen=True):
    """`share`: of a hundred machines, that try `tried`; `units`: how many units do. `signed`: empty if nobody signs."""

    as_of: datetime
    in_force: Book | None
    tried: Book | None
    share: int
    units: int
    signed: list[SignedRole]
