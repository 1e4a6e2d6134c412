"""Vectors read back from the ledger, with the lists of rules that they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vonggac_collector.ledger.interface import Transaction

from .vector import Asked, Vector, unpack_rules, unpack_vector

_MAX_LISTS: Final = 1_000
_LISTS: dict[str, list[Asked]] = {}


def vector_at(tx: Transaction, packed: bytes) -> Vector:
    """The answers of a look's vector."""
    return unpack_vector(packed, lambda digest: list_at(tx, digest))


def vectors_at(tx: Transaction, digests: Sequence[str]) -> dict[str, Vector]:
    """The answers of looks, by digest."""
    return {digest: vector_at(tx, packed) for digest, packed in tx.chain.vectors(digests).items()}


def list_at(tx: Transaction, digest: str) -> list[Asked]:
    """A list is what its digest says, so it is read once in a process."""
    if digest not in _LISTS:
        packed = tx.findings.rules(digest)
        if packed is None:
            raise KeyError(f"the list of rules {digest} is not in the ledger")
        if len(_LISTS) >= _MAX_LISTS:
            _LISTS.clear()
        _LISTS[digest] = unpack_rules(packed)
    return _LISTS[digest]
