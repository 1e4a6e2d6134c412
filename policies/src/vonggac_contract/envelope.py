"""The envelope: DSSE v1 with Ed25519 signatures, nearly always one, sealed and verified as values.

DSSE: https://github.com/secure-systems-lab/dsse protocol.md, envelope.md. Ed25519: RFC 8032. The key id is the
SHA-256 of the 32 raw bytes of the public key, in hexadecimal. The *digest* of an envelope is the SHA-256 of its
pre-authentication encoding, so it does not change with white space or key order in the JSON around it. What the payload
says is for `report`, `heartbeat`, `receipt` and `enrolment`; nothing of it is read here, and nobody may read it before
`verify`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from . import limits
from .decode import as_written, bounded_json
from .errors import BadSignature, Malformed, TooLarge, UnknownSchema

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

REPORT: Final = "application/vnd.vonggac.report.v1+json.gz"
HEARTBEAT: Final = "application/vnd.vonggac.heartbeat.v1+json"
DELTA: Final = "application/vnd.vonggac.delta.v1+json"
RECEIPT: Final = "application/vnd.vonggac.receipt.v1+json"
ENROLMENT: Final = "application/vnd.vonggac.enrolment.v1+json"
ENROLLED: Final = "application/vnd.vonggac.enrolled.v1+json"
ROTATION: Final = "application/vnd.vonggac.rotation.v1+json"
CHECKPOINT: Final = "application/vnd.vonggac.checkpoint.v1+json"
EXPORT: Final = "application/vnd.vonggac.export.v1+json"
BOX_KEY: Final = "application/vnd.vonggac.boxkey.v1+json"
ANSWER: Final = "application/vnd.vonggac.answer.v1+json"
KINDS: Final = frozenset(
    {REPORT, HEARTBEAT, DELTA, RECEIPT, ENROLMENT, ENROLLED, ROTATION, CHECKPOINT, EXPORT, BOX_KEY, ANSWER}
)
"""What a payload is: `payloadType` of the envelope around it."""

ENVELOPE_MEDIA: Final = "application/vnd.dsse.envelope+json"
"""Media type of an envelope on HTTP (DSSE envelope.md, "File Types")."""
JSON_MEDIA: Final = "application/json"
"""Media type of a rulebook and of the answer 202 (RFC 8259 section 11)."""
BYTES_MEDIA: Final = "application/octet-stream"
PROBLEM_MEDIA: Final = "application/problem+json"
"""Media type of a refusal (RFC 9457 section 6.1)."""
TAKEN_MEDIA: Final = frozenset({ENVELOPE_MEDIA, JSON_MEDIA, BYTES_MEDIA})
"""What an envelope may be called by whoever sends it: a relay or a carrier's own program may know only the bytes."""

KEY_BYTES: Final = 32
_PRIME: Final = 2**255 - 19
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_WEAK: Final = frozenset({0, 1, _PRIME - 1, _PRIME, _PRIME + 1, _ORDER_8, _PRIME - _ORDER_8})
"""y of the points of order 1, 2, 4 and 8, with those that are not reduced. Under such a key a signature made without
any secret fits many payloads (RFC 8032 section 8.9; the list is that of libsodium's `ge25519_has_small_order`)."""
SIGNATURE_BYTES: Final = 64
_LEVEL: Final = 6
_GZIP: Final = 16 + zlib.MAX_WBITS
"""The form of zlib's `wbits` that asks for gzip."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`keyid`: 64 hexadecimal digits; `sig`: 64 bytes."""

    keyid: str
    sig: bytes


class Envelope(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"payload_type": "payloadType"}
):
    """`payload`: the exact bytes that were signed, still packed."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits; names this envelope in the chain and in receipts."""
        return hashlib.sha256(pre_authentication_encoding(self.payload_type, self.payload)).hexdigest()

    @property
    def keyid(self) -> str:
        """The key id of the first signature: a hint which key to look up, trusted for nothing."""
        return self.signatures[0].keyid


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE of DSSE v1 (protocol.md, "Signature Definition"): lengths are bytes, in decimal."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def keyid_of(public_key: bytes) -> str:
    """The key id of 32 raw bytes."""
    return hashlib.sha256(public_key).hexdigest()


def seal(payload_type: str, payload: bytes, key: Ed25519PrivateKey, *more: Ed25519PrivateKey) -> Envelope:
    """Sign `payload` as it is, with each key in turn. The same input gives the same envelope (RFC 8032 signatures are
    deterministic).
    """
    signed = pre_authentication_encoding(payload_type, payload)
    signatures = ((keyid_of(k.public_key().public_bytes_raw()), k.sign(signed)) for k in (key, *more))
    return Envelope(payload, payload_type, tuple(Signature(*made) for made in signatures))


def verify(envelope: Envelope, public_key: bytes) -> None:
    """Return if one of the signatures is by `public_key` (32 raw bytes); raises BadSignature otherwise."""
    # 15 ms and 10 MiB that a look which sends nothing never needs
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if int.from_bytes(public_key, "little") % 2**255 in _WEAK:
        raise BadSignature("a key that anybody can sign for is no key")
    wanted = keyid_of(public_key)
    signature = next((s for s in envelope.signatures if s.keyid == wanted), None)
    if signature is None:
        raise BadSignature(f"no signature by key {wanted[:16]}…")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            signature.sig, pre_authentication_encoding(envelope.payload_type, envelope.payload)
        )
    except (InvalidSignature, ValueError) as e:
        raise BadSignature(f"the signature by key {wanted[:16]}… does not fit the payload") from e


def envelope_to_bytes(envelope: Envelope) -> bytes:
    """The JSON form, without white space, base64 in its standard alphabet."""
    return msgspec.json.encode(envelope)


def envelope_from_bytes(raw: bytes) -> Envelope:
    """Read the outer envelope: flat, bounded. Nothing of the payload is looked at, which is one string of any size.

    Raises TooLarge, Malformed, UnknownSchema (a payload type this release does not know).
    """
    # As written, the payload's base64 is in its canonical form as well.
    envelope = as_written(raw, Envelope, longest=limits.MAX_WIRE_BYTES)
    if envelope is None or len(envelope.signatures) > limits.MAX_SIGNATURES:
        envelope = _by_parts(raw)
    if not envelope.signatures:
        raise BadSignature("the envelope carries no signature")
    for signature in envelope.signatures:
        if len(signature.sig) != SIGNATURE_BYTES or not _is_digest(signature.keyid):
            raise Malformed("a signature is 64 bytes and its key id 64 hexadecimal digits")
    if envelope.payload_type not in KINDS:
        raise UnknownSchema(f"payload type {envelope.payload_type[:100]!r} is not known here")
    return envelope


def _by_parts(raw: bytes) -> Envelope:
    value = bounded_json(raw, longest=limits.MAX_WIRE_BYTES)
    if not isinstance(value, dict):
        raise Malformed("an envelope is an object with payload, payloadType and signatures")
    signatures = value.get("signatures")
    if isinstance(signatures, list) and len(signatures) > limits.MAX_SIGNATURES:
        raise TooLarge(f"{len(signatures)} signatures; at most {limits.MAX_SIGNATURES} are taken")
    try:
        envelope = msgspec.convert(value, Envelope)
    except (msgspec.ValidationError, binascii.Error) as e:
        raise Malformed(f"envelope: {e}") from e
    # base64 leaves spare bits in its last sign: two texts, one payload. Only the canonical text is taken.
    if value["payload"] != base64.b64encode(envelope.payload).decode():
        raise Malformed("the payload's base64 is not in its canonical form")
    return envelope


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def pack(raw: bytes) -> bytes:
    """gzip without a time stamp, so that the same report packs to the same bytes, and `decode.unpack_gzip` takes it.

    The head is zlib's own, as that of `gzip` is another one in later Pythons. Level 6: of a report 2 % more than by 9,
    in a third of the time, and a twentieth of what bytes made to be slow take, which a collector packs for a delta.
    What repeats itself so often that it would unpack to more than the ratio allows is packed in pieces of 1 KiB, each
    of which takes six bytes at least: five end it on a byte (RFC 1951 section 3.2.4), one says something.
    """
    packed = zlib.compress(raw, _LEVEL, wbits=_GZIP)
    if len(raw) <= max(limits.RATIO_FREE_BYTES, len(packed) * limits.MAX_UNPACK_RATIO):
        return packed
    stream = zlib.compressobj(_LEVEL, wbits=_GZIP)
    parts: list[bytes] = []
    for start in range(0, len(raw), limits.KIB):
        parts += stream.compress(raw[start : start + limits.KIB]), stream.flush(zlib.Z_SYNC_FLUSH)
    return b"".join((*parts, stream.flush()))
