"""A verifier of proof files written from docs/wire.md alone, with nothing of the product in it, agrees on thousands."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.unit.contract.test_proof import kept, whole
from tests.unit.contract.test_wire_golden import AGENT_PUBLIC, COLLECTOR_PUBLIC
from tests.unit.properties import EXAMPLES

from vonggac_contract.errors import ContractError
from vonggac_contract.proof import check_proof, proof_from_bytes, proof_to_bytes

TYPE = "application/vnd.vonggac.{}.v1+json"


class NoError(Exception):
    """It does not verify."""


def need(holds: Any) -> None:
    if not holds:
        raise NoError


def digest_of(envelope: dict[str, Any]) -> str:
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"], validate=True)
    need(base64.b64encode(payload).decode() == envelope["payload"])
    return hashlib.sha256(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)).hexdigest()


def opened(envelope: dict[str, Any], kind: str, key: bytes) -> bytes:
    """The payload of an envelope that `key` signed."""
    need(set(envelope) == {"payload", "payloadType", "signatures"} and envelope["payloadType"] == kind)
    name, payload = kind.encode(), base64.b64decode(envelope["payload"], validate=True)
    signed = b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)
    mine = [s for s in envelope["signatures"] if s["keyid"] == hashlib.sha256(key).hexdigest()]
    need(mine and all(len(s["keyid"]) == 64 for s in envelope["signatures"]))
    Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(mine[0]["sig"], validate=True), signed)
    return payload


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
    need(all(isinstance(p, str) and len(p) == 64 and p == p.lower() for p in path))
    return [bytes.fromhex(p) for p in path]


def verify(file: dict[str, Any], collector: bytes, agent: bytes, held: dict[str, Any]) -> None:
    """The steps of docs/wire.md, Proof file, in their order."""
    need(file["schema"] == 1 and type(file["schema"]) is int)
    need("digest" in file or "checkpoint" in file)
    digest = file.get("digest")
    if digest is not None:
        need("receipt" in file or "leaf" in file)
        hashes([digest])
    said, told = None, None
    place = ("agent_id", "epoch", "sequence")
    if "envelope" in file:
        need(digest_of(file["envelope"]) == digest)
        said = json.loads(gzip.decompress(opened(file["envelope"], TYPE.format("report") + ".gz", agent)))
    if "receipt" in file:
        told = json.loads(opened(file["receipt"], TYPE.format("receipt"), collector))
        need(told["digest"] == digest)
    need(said is None or told is None or all(said[n] == told[n] for n in place))
    points: list[Any] = [file.get("checkpoint"), file.get("since"), held["checkpoint"]]
    found: list[Any] = [
        None if p is None else json.loads(opened(p, TYPE.format("checkpoint"), collector)) for p in points
    ]
    checkpoint, since, mine = found
    need(checkpoint)
    root = bytes.fromhex(checkpoint["root"])
    if "leaf" in file:
        number, size = file["leaf"]["number"], checkpoint["tree_size"]
        need(0 <= number < size)
        leaf = hashlib.sha256(b"\0" + bytes.fromhex(str(digest))).digest()
        need(leads(leaf, number, size, hashes(file["leaf"]["path"])) == root)
    if "since" in file or "consistency" in file:
        before, path = bytes.fromhex(since["root"]), hashes(file["consistency"])
        need(0 < since["tree_size"] <= checkpoint["tree_size"])
        need(grew(since["tree_size"], checkpoint["tree_size"], before, path) == (before, root))
    same = [c for c in (checkpoint, since) if c is not None and c["tree_size"] == mine["tree_size"]]
    need(same and same[0]["root"] == mine["root"])


def mutated(good: str, chance: random.Random) -> str:
    """The file with one thing in it different, somewhere, or the same file with its members in another order."""
    text = list(good)
    what = chance.randrange(5)
    at = chance.randrange(len(text))
    if what == 0:
        text[at] = chance.choice('0123456789abcdefABZ+/="{}[]:, ')
    elif what == 1:
        del text[at : at + chance.randrange(1, 70)]
    elif what == 2:
        value = json.loads(good)
        for name in chance.sample(sorted(value), chance.randrange(1, 3)):
            del value[name]
        return json.dumps(value)
    elif what == 3:
        value = json.loads(good)
        path = value["leaf" if chance.randrange(2) else "consistency"]
        path = path["path"] if isinstance(path, dict) else path
        if not path:
            return good
        one, other = chance.randrange(len(path)), chance.randrange(len(path))
        path[one], path[other] = path[other], path[one]
        return json.dumps(value)
    else:
        value = json.loads(good)
        return json.dumps({n: value[n] for n in chance.sample(sorted(value), len(value))})
    return "".join(text)


@pytest.mark.hostile
def test_both_verifiers_agree_on_good_and_mutated_proofs() -> None:
    chance = random.Random(9162)
    files = [
        (proof_to_bytes(whole(size, since)).decode(), since)
        for size, since in ((11, 6), (8, 8), (11, 1), (7, 4))
    ]
    verdicts = {True: 0, False: 0}
    for _ in range(max(400, 5 * EXAMPLES)):
        good, since = chance.choice(files)
        raw, held = mutated(good, chance), kept(since)
        try:
            check_proof(proof_from_bytes(raw.encode()), COLLECTOR_PUBLIC, agent_key=AGENT_PUBLIC, kept=held)
            ours = True
        except ContractError:
            ours = False
        try:
            value = json.loads(raw)
            need("envelope" in value)
            verify(value, COLLECTOR_PUBLIC, AGENT_PUBLIC, json.loads(proof_to_bytes(held)))
            theirs = True
        except (NoError, InvalidSignature, ValueError, KeyError, TypeError, AttributeError):
            theirs = False
        assert ours == theirs, raw
        verdicts[ours] += 1
    assert min(verdicts.values()) > 50
