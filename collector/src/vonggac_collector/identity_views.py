"""What people are shown of a machine's identity and chain: its keys, both sides of a fork, what is missing."""

from __future__ import annotations

from datetime import datetime

import msgspec


class KeyRow(msgspec.Struct, frozen=True):
    """A key of a machine; `until` is None as long as it is in force."""

    keyid: str
    epoch: int
    since: datetime
    until: datetime | None


class ForkSide(msgspec.Struct, frozen=True):
    """One of two reports for one place, and what it says of its machine; that is as true as its machine is honest.

    `hostname`, `machine_id`, `addresses` are empty where the report names what nobody has any more.
    """

    sequence: int
    digest: str
    previous: str | None
    received_at: datetime
    looked_at: datetime
    hostname: str
    machine_id: str
    addresses: list[str]
    agent_version: str


class MissingRow(msgspec.Struct, frozen=True):
    """Reports `first` to `last` are not here; the one after them waits for them since `since`."""

    epoch: int
    first: int
    last: int
    since: datetime


class Fork(msgspec.Struct, frozen=True):
    """Two different reports by one key. `here`: in the chain, None if nothing has that place; `other`: kept beside it.

    `differs`: names of the fields and of the report's sections that are not the same in both.
    """

    here: ForkSide | None
    other: ForkSide
    differs: list[str]
