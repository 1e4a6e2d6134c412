"""Signs what is numbered: a report's statement or a heartbeat, with this machine's key.

The number and the digest before come from `spool`, inside the transaction that keeps the envelope.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.envelope import HEARTBEAT, REPORT, Envelope, seal
from vonggac_contract.report import (
    SCHEMA,
    Heartbeat,
    Report,
    Statement,
    heartbeat_to_payload,
    statement_to_payload,
)


class Chain(NamedTuple):
    """Whose links these are: one agent in one epoch."""

    agent_id: str
    epoch: int


def seal_report(
    report: Report, chain: Chain, sequence: int, previous: str | None, now: datetime, key: Ed25519PrivateKey
) -> Envelope:
    """Link `sequence` of the chain; `previous` is the digest of the link before, None for the first."""
    statement = Statement(SCHEMA, chain.agent_id, chain.epoch, sequence, previous, now, report)
    return seal(REPORT, statement_to_payload(statement), key)


def seal_heartbeat(
    chain: Chain, counter: int, sequence: int, content: str, looked_at: datetime, key: Ed25519PrivateKey
) -> Envelope:
    """Looked again at `looked_at`: unchanged since link `sequence`, whose content digest is `content`."""
    heartbeat = Heartbeat(SCHEMA, chain.agent_id, chain.epoch, counter, sequence, content, looked_at)
    return seal(HEARTBEAT, heartbeat_to_payload(heartbeat), key)
