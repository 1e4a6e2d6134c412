"""Merkle trees of RFC 9162 (section 2.1): roots, and the two proofs that need one, on values. SHA-256.

The hash of everything beneath a *node* is asked for by height and place: height 0 are the leaves' hashes, a node at
height h is over 2^h leaves and never changes once these are there. So proofs over any number of leaves ask for some
dozen nodes; where these are kept is the caller's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .errors import BadProof

HASH_BYTES: Final = 32
EMPTY: Final = hashlib.sha256(b"").digest()
"""The root of no leaves (RFC 9162 section 2.1.1)."""
MAX_PATH: Final = 64
"""Nodes of a path: the height of a tree whose leaves a 64-bit number counts."""
Node = Callable[[int, int], bytes]
"""The hash at a height, at a place counted from 0 at that height; asked for complete ones only."""


def leaf_hash(data: bytes) -> bytes:
    """Of a leaf's bytes (RFC 9162 section 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of what is above two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete(hashes: Sequence[bytes]) -> bytes:
    """The hash above 1, 2, 4, 8 … hashes of one height."""
    while len(hashes) > 1:
        hashes = [node_hash(*hashes[i : i + 2]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def root(size: int, node: Node) -> bytes:
    """The root over the first `size` leaves."""
    return _over(0, size, node) if size else EMPTY


def inclusion_path(number: int, size: int, node: Node) -> list[bytes]:
    """The path from leaf `number`, counted from 0, to the root over `size` leaves (section 2.1.3.1), lowest first."""
    if not 0 <= number < size:
        raise ValueError(f"no leaf {number} among {size}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if number < middle:
            path.append(_over(middle, end, node))
            end = middle
        else:
            path.append(_over(start, middle, node))
            start = middle
    return path[::-1]


def consistency_path(first: int, second: int, node: Node) -> list[bytes]:
    """What shows that the tree over `first` leaves is the beginning of that over `second` (section 2.1.4.1).

    Nothing for no leaves, or as many: the roots say it.
    """
    if not 0 <= first <= second:
        raise ValueError(f"{first} leaves are not the beginning of {second}")
    if first in (0, second):
        return []
    path, start, end = [], 0, second
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_over(middle, end, node))
            end = middle
        else:
            path.append(_over(start, middle, node))
            start = middle
    if start:
        path.append(_over(start, end, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, number: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Return if a leaf with that hash is number `number` under `root` (section 2.1.3.2); raises BadProof."""
    if not 0 <= number < size:
        raise BadProof(f"there is no leaf {number} among {size}")
    found, left = leaf, iter(path)
    for before in _turns(number, size - 1):
        beside = _next(left)
        found = node_hash(beside, found) if before else node_hash(found, beside)
    _nothing_left(left)
    if found != root:
        raise BadProof("the leaf's path leads to another root")


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Return if the first root's leaves are the beginning of the second's (section 2.1.4.2); raises BadProof."""
    if not 0 <= first <= second:
        raise BadProof(f"{second} leaves are fewer than {first}")
    if first in (0, second):
        _nothing_left(iter(path))
        if first_root != (second_root if first else EMPTY):
            raise BadProof("two roots of as many leaves differ" if first else "no leaves have another root")
        return
    left = iter(path)
    place, last = first - 1, second - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    old = new = _next(left) if place else first_root
    for before in _turns(place, last):
        beside = _next(left)
        if before:
            old, new = node_hash(beside, old), node_hash(beside, new)
        else:
            new = node_hash(new, beside)
    _nothing_left(left)
    if old != first_root:
        raise BadProof("the proof leads to another root than the earlier one")
    if new != second_root:
        raise BadProof("the proof leads to another root than the later one")


class Frontier:
    """A tree that only grows: of everything so far it keeps the hashes of the largest complete parts, at most 64."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """One more leaf, by its hash."""
        size = self.size
        while size % 2:
            leaf, size = node_hash(self._parts.pop(), leaf), size >> 1
        self._parts.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Over all leaves so far."""
        if not self._parts:
            return EMPTY
        found = self._parts[-1]
        for part in reversed(self._parts[:-1]):
            found = node_hash(part, found)
        return found


def _split(size: int) -> int:
    """The largest power of two below `size`, which is 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def _over(start: int, end: int, node: Node) -> bytes:
    """The hash over leaves from `start` until before `end`; `start` is a multiple of the next power of two."""
    parts = []
    while start < end:
        height = (end - start).bit_length() - 1
        parts.append(node(height, start >> height))
        start += 1 << height
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found


def _turns(place: int, last: int) -> Iterator[bool]:
    """Up from a node to the root, with the last node of its height at `last`: whether what is beside comes before."""
    while last:
        before = bool(place % 2) or place == last
        if before:
            while not place % 2:
                place, last = place >> 1, last >> 1
        yield before
        place, last = place >> 1, last >> 1


def _next(left: Iterator[bytes]) -> bytes:
    found = next(left, None)
    if found is None:
        raise BadProof("the path is too short")
    return found


def _nothing_left(left: Iterator[bytes]) -> None:
    if next(left, None) is not None:
        raise BadProof("the path is too long")
