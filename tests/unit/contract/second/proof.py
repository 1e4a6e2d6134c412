"""Checking a proof file, by the section of that name in docs/wire.md."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.unit.contract.second.form import (
    RECEIPT,
    REPORT,
    TYPE,
    envelope_of,
    is_digest,
    need,
    opened,
    unpacked,
)


def above(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def leads(leaf: bytes, number: int, size: int, path: list[bytes]) -> bytes:
    """By recursion over the tree's shape, unlike the RFC's loop."""
    if size == 1:
        need(not path)
        return leaf
    need(path)
    k = 1
    while 2 * k < size:
        k *= 2
    if number < k:
        return above(leads(leaf, number, k, path[:-1]), path[-1])
    return above(path[-1], leads(leaf, number - k, size - k, path[:-1]))


def grew(first: int, second: int, old: bytes, path: list[bytes], whole: bool = True) -> tuple[bytes, bytes]:
    """The two roots that a consistency path leads to."""
    if first == second:
        if whole:
            need(not path)
            return old, old
        need(len(path) == 1)
        return path[0], path[0]
    need(path)
    k = 1
    while 2 * k < second:
        k *= 2
    if first <= k:
        a, b = grew(first, k, old, path[:-1], whole)
        return a, above(b, path[-1])
    a, b = grew(first - k, second - k, old, path[:-1], False)
    return above(path[-1], a), above(path[-1], b)


def hashes(path: list[Any]) -> list[bytes]:
    need(all(map(is_digest, path)))
    return [bytes.fromhex(p) for p in path]


def check_proof(file: dict[str, Any], collector: bytes, agent: bytes, held: dict[str, Any]) -> None:
    """The steps of docs/wire.md, Proof file, in their order."""
    need(file["schema"] == 1 and type(file["schema"]) is int)
    need("digest" in file or "checkpoint" in file)
    name = file.get("digest")
    if name is not None:
        need("receipt" in file or "leaf" in file)
        hashes([name])
    said, told = None, None
    place = ("agent_id", "epoch", "sequence")
    if "envelope" in file:
        report = envelope_of(file["envelope"])
        need(report.digest == name)
        said = json.loads(unpacked(opened(report, REPORT, agent)))
    if "receipt" in file:
        told = json.loads(opened(envelope_of(file["receipt"]), RECEIPT, collector))
        need(told["digest"] == name)
    need(said is None or told is None or all(said[n] == told[n] for n in place))
    points: list[Any] = [file.get("checkpoint"), file.get("since"), held["checkpoint"]]
    kind = TYPE.format("checkpoint")
    found: list[Any] = [
        None if p is None else json.loads(opened(envelope_of(p), kind, collector)) for p in points
    ]
    checkpoint, since, mine = found
    need(checkpoint)
    root = bytes.fromhex(checkpoint["root"])
    if "leaf" in file:
        number, size = file["leaf"]["number"], checkpoint["tree_size"]
        need(0 <= number < size)
        leaf = hashlib.sha256(b"\0" + bytes.fromhex(str(name))).digest()
        need(leads(leaf, number, size, hashes(file["leaf"]["path"])) == root)
    if "since" in file or "consistency" in file:
        before, path = bytes.fromhex(since["root"]), hashes(file["consistency"])
        need(0 < since["tree_size"] <= checkpoint["tree_size"])
        need(grew(since["tree_size"], checkpoint["tree_size"], before, path) == (before, root))
    same = [c for c in (checkpoint, since) if c is not None and c["tree_size"] == mine["tree_size"]]
    need(same and same[0]["root"] == mine["root"])
