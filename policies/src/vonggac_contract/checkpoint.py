"""The collector's signed word about every report that it committed: how many, and the root of the tree over them.

The tree is RFC 9162's (`merkle`); leaf n is the digest of the n-th envelope, its 32 bytes. Whoever keeps a checkpoint
outside can hold the collector to it for ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .envelope import CHECKPOINT, Envelope, seal
from .limits import MAX_SAFE_INTEGER
from .merkle import leaf_hash
from .report import Digest
from .signed import open_signed

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
    return open_signed(envelope, CHECKPOINT, Checkpoint, collector_key, schema=SCHEMA, what="checkpoint")
