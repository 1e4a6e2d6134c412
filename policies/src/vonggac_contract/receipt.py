"""The collector's signed answer to an envelope: only a receipt lets the agent forget what it sent.

`committed` means that the ledger's COMMIT had returned before this was signed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .decode import in_utc
from .envelope import RECEIPT, Envelope, seal
from .report import AgentId, Digest, ProfileId, Sequence
from .signed import open_signed

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
    profile: ProfileId
    rulebook: Digest
    sequence: int = 0
    counter: int = 0


def seal_receipt(receipt: Receipt, key: Ed25519PrivateKey) -> Envelope:
    """Sign with the collector's key."""
    return seal(RECEIPT, msgspec.json.encode(receipt), key)


def open_receipt(envelope: Envelope, collector_key: bytes) -> Receipt:
    """Verify with the collector's pinned key, then read. Raises BadSignature, Malformed, UnknownSchema."""
    receipt = open_signed(envelope, RECEIPT, Receipt, collector_key, schema=SCHEMA, what="receipt")
    in_utc(receipt.received_at)
    return receipt
