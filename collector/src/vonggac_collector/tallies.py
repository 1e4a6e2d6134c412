"""What lies behind a unit's figures, in one value that adds up; and as the ledger keeps it. Pure."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence
from sys import byteorder
from typing import Final

import msgspec

from vonggac_contract.finding import Outcome

from .score.parts import Cause, Part, Rise
from .score.values import Deduction, Kind

OUTCOMES: Final = (Outcome.FAIL, Outcome.PARTIAL, Outcome.UNKNOWN, Outcome.PASS, Outcome.NOT_APPLICABLE)
"""In the order of the fields of `Counts`."""


class Counts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Hosts by what one rule says of them."""

    fail: int = 0
    partial: int = 0
    unknown: int = 0
    passed: int = 0
    not_applicable: int = 0

    @property
    def failing(self) -> int:
        """Failing, or met only in part."""
        return self.fail + self.partial

    @property
    def of(self) -> int:
        """All that are asked."""
        return sum(msgspec.structs.astuple(self))

    def by_outcome(self) -> dict[str, int]:
        """Outcome -> hosts, without those that none has."""
        found = zip(OUTCOMES, msgspec.structs.astuple(self), strict=True)
        return {outcome.value: number for outcome, number in found if number}


class Unknown(msgspec.Struct, frozen=True, array_like=True):
    """What is not known for one reason: on how many hosts, and of each rule on how many."""

    hosts: int
    rules: dict[str, int]


class Unassigned(msgspec.Struct, frozen=True, array_like=True):
    """An agency's hosts in no system, as the one group that they count as."""

    score: int
    hosts: int
    weight: int


class Tally(msgspec.Struct, frozen=True):
    """What lies behind a unit's figures. `part`: what it brings to the unit above.

    `deductions` add up to FULL - score, `gains` are rule, hosts and points, both largest first. `judges`: the rulebook
    ("": the newest) and profile that its hosts are judged by. `first`: of an agency, by rule, the ids of a few hosts
    where it fails, then where it is not known.
    """

    part: Part
    deductions: list[Deduction]
    gains: list[tuple[str, int, int]]
    counts: dict[str, Counts]
    unknown: dict[str, Unknown]
    judges: list[tuple[str, str]]
    unassigned: Unassigned | None = None
    first: dict[str, list[str]] = {}


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """As it is kept. Shares are longer than 64 bits; `first` are places in `hosts`."""

    weight: int
    points: int
    causes: list[tuple[Kind, str, int, str]]
    rises: list[tuple[str, int, int]]
    deductions: list[tuple[Kind, str, int, int]]
    gains: list[tuple[str, int, int]]
    rules: list[str]
    counts: bytes
    unknown: dict[str, Unknown]
    judges: list[tuple[str, str]]
    unassigned: Unassigned | None
    hosts: list[str]
    first: dict[str, list[int]]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Packed)


def pack(tally: Tally) -> bytes:
    """A tally as the ledger keeps it."""
    hosts = {
        host: place for place, host in enumerate(dict.fromkeys(h for f in tally.first.values() for h in f))
    }
    counts = array("I", (n for c in tally.counts.values() for n in msgspec.structs.astuple(c)))
    if byteorder == "big":
        counts.byteswap()
    packed = _Packed(
        tally.part.weight,
        tally.part.points,
        [(kind, what, c.hosts, f"{c.share:x}") for (kind, what), c in tally.part.causes.items()],
        [(rule, r.hosts, r.points) for rule, r in tally.part.rises.items()],
        [(d.kind, d.what, d.points, d.hosts) for d in tally.deductions],
        tally.gains,
        [*tally.counts],
        counts.tobytes(),
        tally.unknown,
        tally.judges,
        tally.unassigned,
        [*hosts],
        {rule: [hosts[h] for h in found] for rule, found in tally.first.items()},
    )
    return zlib.compress(_ENCODER.encode(packed), 1)


def unpack(body: bytes) -> Tally:
    """What `pack` packed. Only for the ledger's own bytes."""
    packed = _DECODER.decode(zlib.decompress(body))
    counts = array("I", packed.counts)
    if byteorder == "big":
        counts.byteswap()
    width = len(OUTCOMES)
    return Tally(
        Part(
            packed.weight,
            packed.points,
            {(kind, what): Cause(hosts, int(share, 16)) for kind, what, hosts, share in packed.causes},
            {rule: Rise(hosts, points) for rule, hosts, points in packed.rises},
        ),
        [Deduction(kind, what, points, hosts=hosts) for kind, what, points, hosts in packed.deductions],
        packed.gains,
        {rule: Counts(*counts[n * width : (n + 1) * width]) for n, rule in enumerate(packed.rules)},
        packed.unknown,
        packed.judges,
        packed.unassigned,
        {rule: [packed.hosts[p] for p in places] for rule, places in packed.first.items()},
    )


class _Peeked(msgspec.Struct, frozen=True, array_like=True):
    """A `_Packed` of which little is looked at; the fields are in the same places."""

    weight: msgspec.Raw
    points: msgspec.Raw
    causes: msgspec.Raw
    rises: msgspec.Raw
    deductions: msgspec.Raw
    gains: msgspec.Raw
    rules: list[str]
    counts: bytes
    unknown: msgspec.Raw
    judges: msgspec.Raw
    unassigned: msgspec.Raw
    hosts: list[str]
    first: dict[str, list[int]]


_PEEKER: Final = msgspec.msgpack.Decoder(_Peeked)


class Said(msgspec.Struct, frozen=True):
    """What one rule says of a unit's hosts; of an agency with the ids of the first of them (`Tally.first`)."""

    counts: Counts = Counts()
    first: Sequence[str] = ()


def said_of(tally: Tally, rule: str) -> Said:
    """Of one rule."""
    return Said(tally.counts.get(rule, Counts()), tally.first.get(rule, []))


def peek(body: bytes, rule: str) -> Said:
    """`said_of` the tally that was packed, in a fifth of the time of unpacking it."""
    packed = _PEEKER.decode(zlib.decompress(body))
    if rule not in packed.rules:
        return Said()
    width = len(OUTCOMES) * 4
    at = packed.rules.index(rule) * width
    counts = array("I", packed.counts[at : at + width])
    if byteorder == "big":
        counts.byteswap()
    return Said(Counts(*counts), [packed.hosts[p] for p in packed.first.get(rule, [])])
