"""The collector's signed answer to an envelope: only a receipt lets the agent forget what it sent.

`committed` means that the ledger's COMMIT had returned before this was signed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .decode import decode_as
from .envelope import RECEIPT, Envelope, seal, verify
from .errors import Malformed, UnknownSchema
from .limits import KIB
from .report import AgentId, Digest, Sequence

SCHEMA: Final = 1


class Receipt(msgspec.Struct, frozen=True):
    """For a report: `sequence` and `digest` of its envelope. For a heartbeat: its `counter`, `sequence` being 0.

    `profile` is what the host is judged by from now on, `rulebook` the digest of the rulebook in force.
    """

    schema: int
    agent_id: AgentId
    epoch: Sequence
    digest: Digest
    received_at: datetime
    profile: str
    rulebook: Digest
    sequence: int = 0
    counter: int = 0


def seal_receipt(receipt: Receipt, key: Ed25519PrivateKey) -> Envelope:
    """Sign with the collector's key."""
    return seal(RECEIPT, msgspec.json.encode(receipt), key)


def open_receipt(envelope: Envelope, collector_key: bytes) -> Receipt:
    """Verify with the collector's pinned key, then read. Raises BadSignature, Malformed, UnknownSchema."""
    if envelope.payload_type != RECEIPT:
        raise Malformed(f"{envelope.payload_type} is no receipt")
    verify(envelope, collector_key)
    receipt = decode_as(envelope.payload, Receipt, maximum=16 * KIB)
    if receipt.schema != SCHEMA:
        raise UnknownSchema(f"receipt schema {receipt.schema}; this release reads {SCHEMA}")
    return receipt
