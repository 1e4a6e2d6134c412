"""How a machine begins its next epoch by itself: the key in force signs the one that takes its place.

The old key's signature is the authority, the new one's shows that the machine holds it. Before an epoch ends, all that
is in it has been received; after a fork the request names the report of the side that goes on (docs/wire.md).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .decode import decode_as
from .enrolment import Enrolled, open_enrolled
from .envelope import KEY_BYTES, ROTATION, Envelope, keyid_of, seal, verify
from .errors import BadSignature, Malformed, UnknownSchema
from .limits import KIB
from .report import AgentId, Digest, Sequence

SCHEMA: Final = 1


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sequence` and `digest` of the epoch's last report, 0 and None if it has none; `public_key` raw."""

    schema: int
    agent_id: AgentId
    epoch: Sequence
    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    digest: Digest | None
    public_key: bytes
    requested_at: datetime


def seal_rotation(rotation: Rotation, old: Ed25519PrivateKey, new: Ed25519PrivateKey) -> Envelope:
    """Signed by the key in force, then by the one that `rotation` names."""
    return seal(ROTATION, msgspec.json.encode(rotation), old, new)


def open_rotation(envelope: Envelope, old: bytes) -> Rotation:
    """Verify with the key in force, read, then verify with the key that the request names.

    At most 1 KiB is read. Raises BadSignature, Malformed, TooLarge, UnknownSchema.
    """
    if envelope.payload_type != ROTATION:
        raise Malformed(f"{envelope.payload_type} is no rotation")
    if [s.keyid for s in envelope.signatures[:1]] != [keyid_of(old)] or len(envelope.signatures) != 2:
        raise BadSignature("a rotation is signed by the key in force, then by the new one, and by no other")
    verify(envelope, old)
    rotation = decode_as(envelope.payload, Rotation, maximum=KIB)
    if rotation.schema != SCHEMA:
        raise UnknownSchema(f"rotation schema {rotation.schema}; this release reads {SCHEMA}")
    if len(rotation.public_key) != KEY_BYTES or rotation.public_key == old:
        raise Malformed(f"the new public key has {KEY_BYTES} bytes and is another one")
    if (rotation.sequence == 0) != (rotation.digest is None):
        raise Malformed("an epoch with reports, and only such a one, ends in one with a digest")
    verify(envelope, rotation.public_key)
    return rotation


def open_rotated(envelope: Envelope, rotation: Rotation, collector_key: bytes) -> Enrolled:
    """Read the answer to `rotation`: by the pinned key, for this agent, its next epoch and its new key.

    Raises BadSignature, Malformed, UnknownSchema.
    """
    verify(envelope, collector_key)
    enrolled = open_enrolled(envelope, rotation.public_key)
    named = (enrolled.collector_key, enrolled.agent_id, enrolled.epoch)
    if named != (collector_key, rotation.agent_id, rotation.epoch + 1):
        raise Malformed("the answer is not for this machine's next epoch with this collector")
    return enrolled
