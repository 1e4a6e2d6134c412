"""The collector's signed word about every report that it committed: how many, and the root of the tree over them.

The tree is RFC 9162's (`merkle`); leaf n is the digest of the n-th envelope, its 32 bytes. Whoever keeps a checkpoint
outside can hold the collector to it for ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .decode import decode_as
from .envelope import CHECKPOINT, Envelope, seal, verify
from .errors import Malformed, UnknownSchema
from .limits import KIB, MAX_SAFE_INTEGER
from .merkle import leaf_hash
from .report import Digest

SCHEMA: Final = 1
Size = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INTEGER)]


class Checkpoint(msgspec.Struct, frozen=True):
    """`tree_size` leaves have `root`, as of `at`. `previous`: digest of the checkpoint before; None for the first."""

    schema: int
    tree_size: Size
    root: Digest
    at: datetime
    previous: Digest | None


def leaf_of(digest: str) -> bytes:
    """The hash of the leaf that stands for an envelope: its input are the digest's 32 bytes."""
    return leaf_hash(bytes.fromhex(digest))


def seal_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> Envelope:
    """Sign with the collector's key."""
    return seal(CHECKPOINT, msgspec.json.encode(checkpoint), key)


def open_checkpoint(envelope: Envelope, collector_key: bytes) -> Checkpoint:
    """Verify with the collector's key, then read. Raises BadSignature, Malformed, UnknownSchema."""
    if envelope.payload_type != CHECKPOINT:
        raise Malformed(f"{envelope.payload_type} is no checkpoint")
    verify(envelope, collector_key)
    checkpoint = decode_as(envelope.payload, Checkpoint, maximum=16 * KIB)
    if checkpoint.schema != SCHEMA:
        raise UnknownSchema(f"checkpoint schema {checkpoint.schema}; this release reads {SCHEMA}")
    return checkpoint
