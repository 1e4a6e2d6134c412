"""What the page on the policy says: which rulebook is in force, which is tried, and who vouches for them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from .views import UnitLink

RulebookState = Literal["in-force", "tried", "earlier", "unknown"]


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


class Running(msgspec.Struct, frozen=True):
    """A rulebook by which `machines` were judged last; `state` as on a machine's page."""

    digest: str
    version: str
    state: RulebookState
    machines: int


class PolicyPage(msgspec.Struct, frozen=True):
    """`share`: of a hundred machines, that try `tried`; `units`: how many of the reader's units do, `tops`: those that
    the others lie beneath. `signed`: empty if nobody signs; `own_keys`: keys of people that lie on the collector.
    `foreign`: the ledger's repository is not the one that this collector accepted, so nobody is told of it.
    """

    as_of: datetime
    in_force: Book | None
    tried: Book | None
    share: int
    units: int
    signed: list[SignedRole]
    tops: list[UnitLink] = []
    running: list[Running] = []
    own_keys: list[str] = []
    foreign: bool = False
