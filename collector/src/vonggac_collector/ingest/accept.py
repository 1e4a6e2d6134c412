"""One envelope from an agent: verified, deduplicated, committed, acknowledged; or refused once, with one code.

The order is the contract's: outer envelope, key, signature, only then what the payload says. What becomes of a report
is decided in `report`, of a heartbeat in `heartbeat`, which report a delta means in `delta`; enrolment is
`vonggac_collector.enrolment`'s.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_collector import audit
from vonggac_collector.errors import Refused, code_of
from vonggac_collector.ledger.interface import Ledger, Transaction
from vonggac_collector.ledger.rows import KeyHolder
from vonggac_contract.envelope import (
    DELTA,
    HEARTBEAT,
    REPORT,
    Envelope,
    envelope_from_bytes,
    envelope_to_bytes,
    verify,
)
from vonggac_contract.errors import BadSignature, ContractError, UnknownSchema

from . import delta, heartbeat, report
from .answer import Answer, refusal

_KEYID: Final = re.compile(rb'"keyid":\s*"([0-9a-f]{64})"')
_TAIL: Final = 500
"""Bytes at the end of an envelope that hold its signatures, two at most, in the form that agents send."""


def sender_of(raw: bytes) -> str:
    """The first key id an envelope seems to name, to put envelopes in the order of their agents. Believed by nobody."""
    return b"".join(_KEYID.findall(raw, max(0, len(raw) - _TAIL))[:1]).decode()


def accept(
    ledger: Ledger, raw: bytes, *, now: datetime, collector_key: Ed25519PrivateKey, peer: str = ""
) -> Answer:
    """Take one report or heartbeat as sent. Never raises for what the sender did; Busy and StoreFailed pass through.

    Within `ledger.batch()` the answer's body is there only after the batch was committed.
    """
    holder: KeyHolder | None = None
    try:
        envelope = envelope_from_bytes(raw)
        with ledger.write() as tx:
            holder = known_holder(tx, envelope)
            if envelope.payload_type == DELTA:
                envelope = delta.meant(tx, envelope, holder)
                raw = envelope_to_bytes(envelope)
            if envelope.payload_type == REPORT:
                return report.take(tx, envelope, raw, holder, now, collector_key)
            if envelope.payload_type == HEARTBEAT:
                return heartbeat.take(tx, envelope, raw, holder, now, collector_key)
            raise UnknownSchema(f"{envelope.payload_type} is not taken here")
    except (ContractError, Refused) as e:
        agent = holder.agent.id if holder is not None else ""
        return refuse(ledger, e, now=now, peer=peer, agent=agent)


def known_holder(tx: Transaction, envelope: Envelope) -> KeyHolder:
    """Whose key sealed the envelope. Raises Refused (unknown-key, key-revoked, no-rulebook) or BadSignature."""
    holder = tx.agents.holder(envelope.keyid)
    if holder is None:
        raise Refused("unknown-key", f"no machine is enrolled with key {envelope.keyid[:16]}…")
    if holder.revoked or holder.agent.status == "revoked":
        named = holder.agent.id if is_signed(envelope, holder.public_key) else ""
        raise Refused("key-revoked", f"key {envelope.keyid[:16]}… is no longer valid", agent=named)
    verify(envelope, holder.public_key)
    if holder.rulebook is None:
        raise Refused("no-rulebook", "no rulebook was published")
    return holder


def is_signed(envelope: Envelope, key: bytes) -> bool:
    """Whether the envelope is by that key, so that its machine may be named beside what is refused."""
    try:
        verify(envelope, key)
    except BadSignature:
        return False
    return True


def refuse(
    ledger: Ledger, error: ContractError | Refused, *, now: datetime, peer: str, agent: str = ""
) -> Answer:
    """Count and audit a refusal; nothing else of the transaction that raised it is kept."""
    code, agent = code_of(error), agent or (error.agent if isinstance(error, Refused) else "")
    with ledger.write() as tx:
        audit.record_refusal(tx, now, code, actor=peer or "agent", subject=agent, detail=str(error))
    return refusal(code, str(error), agent=agent)
