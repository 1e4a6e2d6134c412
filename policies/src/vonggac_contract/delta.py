"""A report told by what differs from an earlier one of the same machine: on the wire only, nothing of it is kept.

What was signed stays the whole envelope; the receiver makes it again, byte for byte, and goes on with that. The patch
is one zstd frame (RFC 8878) whose prefix is the earlier statement: RFC 9842's compression dictionary, one layer up
(docs/wire.md, ADR 0021). It is unpacked only after the signature around it was verified.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from . import limits
from .decode import decode_as, unpack_gzip
from .envelope import DELTA, REPORT, SIGNATURE_BYTES, Envelope, Signature, keyid_of, pack, seal
from .errors import Malformed, NotRebuilt, TooLarge, UnknownSchema
from .report import Digest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCHEMA: Final = 1
_LEVEL: Final = 3
"""zstd's own default: higher ones find nothing more where nearly all is found in the prefix."""
_LEAST: Final = 8
"""Bytes of what zstd takes for a dictionary; every statement has more."""
_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""How a frame with content begins (RFC 8878 section 3.1.1); one that is skipped begins otherwise."""


class Delta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`base`, `digest`: of the earlier report's envelope and of the one meant; `sig`: the latter's only signature."""

    schema: int
    base: Digest
    digest: Digest
    sig: bytes
    patch: bytes


def make_delta(meant: Envelope, base: Envelope, key: Ed25519PrivateKey) -> Envelope | None:
    """The report `meant` told by the report `base`; None if a receiver could not make it again from that: not this
    key's alone, too large, or not packed as this release packs. Raises as `decode.unpack_gzip`.
    """
    signers, mine = [s.keyid for s in meant.signatures], keyid_of(key.public_key().public_bytes_raw())
    if meant.payload_type != REPORT or base.payload_type != REPORT or signers != [mine]:
        return None
    content, prefix = unpack_gzip(meant.payload), unpack_gzip(base.payload)
    if len(content) > limits.MAX_DELTA_BYTES or not _is_prefix(prefix) or pack(content) != meant.payload:
        return None
    zstd = _zstd()
    patch = zstd.compress(content, _LEVEL, zstd_dict=zstd.ZstdDict(prefix, is_raw=True).as_prefix)
    delta = Delta(SCHEMA, base.digest, meant.digest, meant.signatures[0].sig, patch)
    return seal(DELTA, msgspec.json.encode(delta), key)


def delta_from_envelope(envelope: Envelope) -> Delta:
    """Read a delta. Only for an envelope that `verify` has let through. Raises TooLarge, Malformed, UnknownSchema."""
    if envelope.payload_type != DELTA:
        raise UnknownSchema(f"{envelope.payload_type} is no delta")
    delta = decode_as(envelope.payload, Delta, maximum=limits.MAX_DELTA_BYTES)
    if delta.schema != SCHEMA:
        raise UnknownSchema(f"delta schema {delta.schema}; this release reads {SCHEMA}")
    if len(delta.sig) != SIGNATURE_BYTES:
        raise Malformed(f"a signature is {SIGNATURE_BYTES} bytes")
    return delta


def rebuild(delta: Delta, base: Envelope, keyid: str) -> Envelope:
    """The envelope meant, its signature by `keyid` not yet verified; `base` is the report that `delta` names.

    Raises TooLarge, Malformed; NotRebuilt if it does not come to the digest that was meant.
    """
    prefix = unpack_gzip(base.payload)
    if not _is_prefix(prefix):
        raise TooLarge(f"the earlier report of a delta has at most {limits.MAX_DELTA_BYTES} bytes")
    payload = pack(_unpack(delta.patch, prefix))
    meant = Envelope(payload, REPORT, (Signature(keyid, delta.sig),))
    if meant.digest != delta.digest:
        raise NotRebuilt(f"what was made of it is {meant.digest[:16]}…, meant was {delta.digest[:16]}…")
    return meant


def _is_prefix(content: bytes) -> bool:
    return _LEAST <= len(content) <= limits.MAX_DELTA_BYTES


def _unpack(patch: bytes, prefix: bytes) -> bytes:
    """One frame, nothing behind it, never beyond the limit in content or window."""
    zstd = _zstd()
    if not patch.startswith(_MAGIC):
        raise Malformed("not a zstd frame")
    window = {zstd.DecompressionParameter.window_log_max: limits.MAX_DELTA_BYTES.bit_length() - 1}
    stream = zstd.ZstdDecompressor(zstd.ZstdDict(prefix, is_raw=True).as_prefix, options=window)
    try:
        out: bytes = stream.decompress(patch, limits.MAX_DELTA_BYTES + 1)
    except zstd.ZstdError as e:
        raise Malformed(f"not the zstd frame of this delta: {e}") from e
    if len(out) > limits.MAX_DELTA_BYTES:
        raise TooLarge(f"a delta comes to more than {limits.MAX_DELTA_BYTES} bytes")
    if not stream.eof or stream.unused_data:
        raise Malformed("a delta is one whole zstd frame with nothing behind it")
    return out


def _zstd() -> Any:
    """Of the standard library from Python 3.14 on (PEP 784); imported by who has a delta, which is seldom."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
