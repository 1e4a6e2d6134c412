"""Which hosts count, and how much of them was looked at. Stands beside a score, never mixed into it.

Who declared, enrolled or discovered a host is left to the ledger; how a grade depends on coverage is left to
`grades`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .freshness import age
from .parameters import Parameters
from .values import Coverage, PlacedHost


class Presence(msgspec.Struct, frozen=True):
    """How a host is known. Times in seconds. `taken_out_at`: when the parent unit's approval to take it out took
    effect.
    """

    declared: bool = False
    enrolled: bool = False
    discovered_at: int | None = None
    dismissed: bool = False
    taken_out_at: int | None = None
    last_seen: int | None = None


def is_expected(presence: Presence, now: int, parameters: Parameters) -> bool:
    """Whether the host counts: declared, enrolled, or discovered on the network and not dismissed within the time for
    that.

    A host taken out that was seen again afterwards is back.
    """
    out, seen = presence.taken_out_at, presence.last_seen
    if out is not None and out <= now and (seen is None or seen <= out):
        return False
    discovered = presence.discovered_at
    return (
        presence.declared
        or presence.enrolled
        or (
            discovered is not None
            and not presence.dismissed
            and now - discovered >= parameters.discovered_counts_after_s
        )
    )


def coverage(hosts: Iterable[PlacedHost], now: int, parameters: Parameters) -> Coverage:
    """Coverage of the expected hosts; a host in two systems counts once, by its id."""
    ages = {host.host: age(host, now) for host in hosts if host.expected}
    known = sorted(seconds for seconds in ages.values() if seconds is not None)
    return Coverage(len(ages), sum(seconds < parameters.silent_after_s for seconds in known), tuple(known))


def merged(parts: Iterable[Coverage]) -> Coverage:
    """Coverage of several agencies together; no host is in two of them."""
    parts = tuple(parts)
    return Coverage(
        sum(part.expected for part in parts),
        sum(part.heard for part in parts),
        tuple(sorted(seconds for part in parts for seconds in part.ages_s)),
    )
