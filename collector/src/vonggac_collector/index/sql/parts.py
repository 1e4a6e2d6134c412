"""How what fits is counted: taken apart into parts, each all of some hosts' links to some things. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

MAX_PARTS: Final = 8
"""Beyond that many, words are compared link by link instead."""


class Size(msgspec.Struct, frozen=True):
    """Hosts or things with those bits: how many, and how often they are had or have. `side`: hosts, things."""

    side: str
    bits: int
    number: int
    links: int


class Part(msgspec.Struct, frozen=True):
    """Hosts and things by their bits. `every_host`, `every_thing`: there are no others. `by_host`, `by_thing`: links of
    these hosts, links of these things. `mixed`: of these links only those whose bits together are all.
    """

    hosts: tuple[int, ...]
    things: tuple[int, ...]
    every_host: bool
    every_thing: bool
    by_host: int
    by_thing: int
    mixed: bool = False


def parts(sizes: Iterable[Size], full: int) -> list[Part]:
    """`sizes`: of what fits, by side and bits, and of all there is, by the sides all-hosts and all-things."""
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
    return [
        Part(
            h,
            t,
            sum(some[b].number for b in h) == by_side["all-hosts"][0].number,
            sum(these[b].number for b in t) == by_side["all-things"][0].number,
            sum(some[b].links for b in h),
            sum(these[b].links for b in t),
            mixed,
        )
        for h, t in pairs
    ]
