"""How a machine becomes known: it makes its key, and shows that it holds it by sealing the request with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from .decode import decode_as
from .envelope import ENROLLED, ENROLMENT, KEY_BYTES, Envelope, verify
from .errors import Malformed, UnknownSchema
from .limits import KIB
from .report import AgentId, Digest, ProfileId, Sequence, ShortText

SCHEMA: Final = 1
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class EnrolmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` as handed out by the collector; `public_key` raw; the rest says who the machine thinks it is."""

    schema: int
    token: Annotated[str, msgspec.Meta(min_length=16, max_length=200)]
    public_key: bytes
    hostname: Name
    machine_id: Annotated[str, msgspec.Meta(max_length=128)]
    platform: ShortText
    agent_version: ShortText
    requested_at: datetime


class PolicyRoot(msgspec.Struct, frozen=True):
    """Where a machine's trust in the policy repository begins: a version of its root, by the SHA-256 of its bytes."""

    version: Annotated[int, msgspec.Meta(ge=1)]
    digest: Digest


class Enrolled(msgspec.Struct, frozen=True, omit_defaults=True):
    """The collector's answer, sealed with its key, which the agent pins.

    The channel (TLS with the CA that was given, or the loopback interface) is what vouches for that first key.
    """

    schema: int
    agent_id: AgentId
    epoch: Sequence
    public_key: bytes
    """The agent's key that was enrolled."""
    collector_key: bytes
    unit: str
    profile: ProfileId
    rulebook: Digest
    enrolled_at: datetime
    policy: PolicyRoot | None = None
    """None: an earlier release's collector, or one without a repository; its word alone names rulebooks."""


def fingerprint(keyid: str) -> tuple[str, str]:
    """A key id as people compare it by telephone: two lines of eight groups of four digits."""
    groups = [keyid[i : i + 4] for i in range(0, len(keyid), 4)]
    return " ".join(groups[:8]), " ".join(groups[8:])


def open_request(envelope: Envelope) -> EnrolmentRequest:
    """Read a request and check that it is sealed by the very key it names (proof of possession).

    The one payload read before its signature is checked, because it carries the key: it is bounded to 16 KiB and flat.
    Raises BadSignature, Malformed, TooLarge, UnknownSchema.
    """
    if envelope.payload_type != ENROLMENT:
        raise Malformed(f"{envelope.payload_type} is no enrolment")
    request = decode_as(envelope.payload, EnrolmentRequest, maximum=16 * KIB)
    if request.schema != SCHEMA:
        raise UnknownSchema(f"enrolment schema {request.schema}; this release reads {SCHEMA}")
    if len(request.public_key) != KEY_BYTES:
        raise Malformed(f"a public key has {KEY_BYTES} bytes; this one {len(request.public_key)}")
    verify(envelope, request.public_key)
    return request


def open_enrolled(envelope: Envelope, own_key: bytes) -> Enrolled:
    """Read the answer to the request made with `own_key`, and check that the key it names sealed it.

    Raises BadSignature, Malformed, UnknownSchema.
    """
    if envelope.payload_type != ENROLLED:
        raise Malformed(f"{envelope.payload_type} is no answer to an enrolment")
    enrolled = decode_as(envelope.payload, Enrolled, maximum=16 * KIB)
    if enrolled.schema != SCHEMA:
        raise UnknownSchema(f"enrolment schema {enrolled.schema}; this release reads {SCHEMA}")
    verify(envelope, enrolled.collector_key)
    if enrolled.public_key != own_key:
        raise Malformed("the answer is for another key than this machine's")
    return enrolled
