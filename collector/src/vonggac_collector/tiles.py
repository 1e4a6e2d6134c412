"""Hashes above the leaves, in tiles of 256: how a tree grows, and where its nodes are read. Pure.

Tile n of level L has the hashes number 256n to 256n + 255 of the nodes at height 8L; what is between two levels is
worked out. The layout is that of C2SP's tlog-tiles (https://c2sp.org/tlog-tiles, "Merkle Tree"), so that a path among
100 million leaves reads about ten rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

from vonggac_contract.merkle import HASH_BYTES, Node, complete

from .errors import LedgerDamaged

WIDTH: Final = 256
HEIGHT: Final = 8
"""Of a tile: 2^8 = 256."""
Tile = Callable[[int, int], bytes]
"""The hashes of a tile by level and number, as many as there are."""


def hashes_of(tile: bytes) -> list[bytes]:
    """One by one."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def node_in(tile: Tile) -> Node:
    """Reads nodes from tiles, each tile once. Raises LedgerDamaged where hashes are missing."""
    tile = functools.cache(tile)

    def node(height: int, place: int) -> bytes:
        level, above = divmod(height, HEIGHT)
        number, first = divmod(place << above, WIDTH)
        part = tile(level, number)[first * HASH_BYTES : (first + (1 << above)) * HASH_BYTES]
        if len(part) != HASH_BYTES << above:
            raise LedgerDamaged(f"hashes are missing in tile {number} of level {level}")
        return complete(hashes_of(part))

    return node


def grown(size: int, hashes: Sequence[bytes], tile: Tile) -> dict[tuple[int, int], bytes]:
    """The tiles that differ once leaves with these hashes come after the first `size`. Raises LedgerDamaged."""
    written: dict[tuple[int, int], bytes] = {}
    level = 0
    while hashes:
        number, there = divmod(size, WIDTH)
        held = bytearray(tile(level, number) if there else b"")
        if len(held) != there * HASH_BYTES:
            raise LedgerDamaged(f"tile {number} of level {level} has not the {there} hashes that come before")
        above = []
        for each in hashes:
            held += each
            if len(held) == WIDTH * HASH_BYTES:
                written[level, number] = bytes(held)
                above.append(complete(hashes_of(bytes(held))))
                held, number = bytearray(), number + 1
        if held:
            written[level, number] = bytes(held)
        size, hashes, level = size // WIDTH, above, level + 1
    return written
