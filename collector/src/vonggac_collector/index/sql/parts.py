"""How what fits is counted: taken apart into parts, each all of some hosts' links to some things. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

MAX_PARTS: Final = 8
"""Beyond that many, words are compared link by link instead."""


class Size(msgspec.Struct, frozen=True):
    """Hosts or things with those bits, by how often they are had or have. `side`: hosts, things, all."""

    side: str
    bits: int
    links: int


class Part(msgspec.Struct, frozen=True):
    """Hosts and things by their bits. `by_host`, `by_thing`: links of these hosts, of these things; `other_hosts`,
    `other_things`: of all others. `mixed`: of these links only those whose bits together are all.
    """

    hosts: tuple[int, ...]
    things: tuple[int, ...]
    by_host: int
    by_thing: int
    other_hosts: int
    other_things: int
    mixed: bool = False

    @property
    def every_host(self) -> bool:
        """No other has anything."""
        return self.other_hosts == 0

    @property
    def every_thing(self) -> bool:
        """Nobody has another."""
        return self.other_things == 0


def parts(sizes: Iterable[Size], full: int) -> list[Part]:
    """`sizes`: of what fits, by side and bits, and of all there is."""
    by_side: dict[str, dict[int, Size]] = {}
    for size in sizes:
        by_side.setdefault(size.side, {})[size.bits] = size
    some, these = by_side.get("hosts", {}), by_side.get("things", {})
    hosts_of: dict[tuple[int, ...], list[int]] = {}
    for bits in sorted(some):
        fitting = tuple(sorted(b for b in these if bits | b == full))
        if fitting:
            hosts_of.setdefault(fitting, []).append(bits)
    pairs = [(tuple(h), t) for t, h in hosts_of.items()]
    mixed = len(pairs) > MAX_PARTS
    if mixed:
        union = {b for h, _ in pairs for b in h}, {b for _, t in pairs for b in t}
        pairs = [(tuple(sorted(union[0])), tuple(sorted(union[1])))]
    return [_part(some, these, h, t, by_side["all"][0].links, mixed) for h, t in pairs]


def _part(
    some: Mapping[int, Size],
    these: Mapping[int, Size],
    hosts: tuple[int, ...],
    things: tuple[int, ...],
    links: int,
    mixed: bool,
) -> Part:
    by_host, by_thing = sum(some[b].links for b in hosts), sum(these[b].links for b in things)
    return Part(hosts, things, by_host, by_thing, links - by_host, links - by_thing, mixed)
