"""The form of everything: bounded JSON, the form for digests, envelopes, gzip (docs/wire.md).

With `chain` and `proof` a second verifier, written from that page alone: the standard library, Ed25519, and nothing of
the product. Where it and the product disagree, one of them is wrong, or the page is not precise enough.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TYPE = "application/vnd.vonggac.{}.v1+json"
REPORT, HEARTBEAT, RECEIPT = TYPE.format("report") + ".gz", TYPE.format("heartbeat"), TYPE.format("receipt")
KIB = 1024
MIB = 1024 * KIB
STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
HEX = re.compile(r"[0-9a-f]{64}")
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class NoError(Exception):
    """It does not verify."""


REFUSALS = (NoError, InvalidSignature, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What it may end with: whatever cannot be read is refused as well as what was seen to be wrong."""


def need(holds: Any) -> None:
    if not holds:
        raise NoError


def strict_json(raw: bytes, most: int, longest: int = MIB) -> Any:
    """The value of a JSON text within the limits; `longest`: bytes of one string."""
    need(len(raw) <= most)
    parts = STRING.split(raw)
    bare = b"".join(parts[::2])
    need(all(len(string) <= longest for string in parts[1::2]))
    need(bare.count(b":") <= 100_000 and bare.count(b",") <= 200_000)
    deep = deepest = 0
    for mark in re.findall(rb"[\[{\]}]", bare):
        deep += 1 if mark in b"[{" else -1
        deepest = max(deepest, deep)
    need(deepest <= 64)
    text = raw.decode("utf-8")
    value = json.loads(
        text, object_pairs_hook=_object, parse_constant=_never, parse_int=_integer, parse_float=_double
    )
    again = json.dumps(value, ensure_ascii=False)
    again.encode("utf-8")
    need("\\u0000" not in again or not NUL.search(again))
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len(dict(pairs)) == len(pairs))
    return dict(pairs)


def _never(_: str) -> None:
    raise NoError


def _integer(text: str) -> int:
    need(len(text) <= 20 and abs(int(text)) <= 2**53)
    return int(text)


def _double(text: str) -> float:
    need(abs(float(text)) < float("inf"))
    return float(text)


def canonical(value: Any) -> str:
    """The form that digests are made of: no white space, keys sorted, one way to write each number and string."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(k)}:{canonical(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return _written(value)
    return json.dumps(value, ensure_ascii=False)


def _written(number: float) -> str:
    digits, _, power = repr(number).partition("e")
    if not power:
        return digits
    if power == "-05":
        return "-"[: digits.startswith("-")] + "0.0000" + digits.lstrip("-").replace(".", "")
    return f"{digits}e{int(power)}"


def digest_of_value(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def is_digest(v: Any) -> bool:
    return isinstance(v, str) and HEX.fullmatch(v) is not None


class Envelope(NamedTuple):
    kind: str
    payload: bytes
    signatures: list[tuple[str, bytes]]

    @property
    def signed(self) -> bytes:
        kind = self.kind.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.signed).hexdigest()


def envelope_of(value: Any) -> Envelope:
    """The outer shape; nothing of the payload is read."""
    need(isinstance(value, dict) and set(value) == {"payload", "payloadType", "signatures"})
    payload = _bytes(value["payload"])
    need(base64.b64encode(payload).decode() == value["payload"] and isinstance(value["payloadType"], str))
    need(isinstance(value["signatures"], list) and 1 <= len(value["signatures"]) <= 4)
    signatures = []
    for signature in value["signatures"]:
        need(
            isinstance(signature, dict)
            and set(signature) == {"keyid", "sig"}
            and is_digest(signature["keyid"])
        )
        signatures.append((signature["keyid"], _bytes(signature["sig"])))
        need(len(signatures[-1][1]) == 64)
    return Envelope(value["payloadType"], payload, signatures)


def _bytes(written: str) -> bytes:
    need(BASE64.fullmatch(written))
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error:
        raise NoError from None


def opened(envelope: Envelope, kind: str, key: bytes) -> bytes:
    """The payload of an envelope of that kind which `key` signed."""
    need(envelope.kind == kind)
    mine = [sig for keyid, sig in envelope.signatures if keyid == hashlib.sha256(key).hexdigest()]
    need(mine)
    Ed25519PublicKey.from_public_bytes(key).verify(mine[0], envelope.signed)
    return envelope.payload


def unpacked(packed: bytes) -> bytes:
    """What one gzip member holds, within the limits."""
    most = min(32 * MIB, max(64 * KIB, 200 * len(packed)))
    stream = zlib.decompressobj(31)
    try:
        raw = stream.decompress(packed, most + 1)
    except zlib.error:
        raise NoError from None
    need(len(raw) <= most and stream.eof and not stream.unused_data)
    return raw
