"""A heartbeat: the machine was looked at again, nothing had changed. No link of the chain; a bit of the day's row."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_collector.errors import Refused
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import HeartbeatDay, KeyHolder, LateHeartbeat
from vonggac_contract.decode import in_utc
from vonggac_contract.envelope import RECEIPT, Envelope
from vonggac_contract.report import Heartbeat, heartbeat_from_envelope

from .answer import Answer, pending, sealed
from .judgement import receipt_payload
from .quarters import LATE, NO_QUARTERS, has_quarter, quarter_of, with_quarter


def take(
    tx: Transaction, envelope: Envelope, raw: bytes, holder: KeyHolder, now: datetime, key: Ed25519PrivateKey
) -> Answer:
    """Keep a verified heartbeat. Raises Refused or ContractError, before anything is written.

    One that names a report which is not here is not kept: 202 with what is missing. A repeated one changes nothing.
    """
    beat = heartbeat_from_envelope(envelope)
    in_utc(beat.looked_at)
    agent = holder.agent
    if beat.agent_id != agent.id:
        raise Refused("agent-mismatch", f"the heartbeat is of {beat.agent_id}, the key of {agent.id}")
    if agent.status != "active":
        raise Refused("agent-quarantined", "the machine is quarantined until an officer decides")
    if beat.epoch != agent.epoch:
        raise Refused("epoch-mismatch", f"epoch {beat.epoch}; this machine is in epoch {agent.epoch}")
    if beat.sequence > agent.head_sequence:
        return pending(agent.head_sequence + 1, beat.sequence, agent=agent.id)
    if beat.content != _content(tx, holder, beat):
        raise Refused("content-mismatch", f"report {beat.sequence} had other content than the heartbeat says")
    kept = _keep(tx, beat, raw, now)
    payload = receipt_payload(holder, envelope.digest, now, counter=beat.counter)
    return sealed(tx, RECEIPT, payload, key, agent=agent.id, repeated=not kept)


def _content(tx: Transaction, holder: KeyHolder, beat: Heartbeat) -> str | None:
    if beat.sequence == holder.agent.head_sequence:
        return holder.agent.head_content
    committed = [e for e in tx.chain.at(beat.agent_id, beat.epoch, beat.sequence) if e.state == "committed"]
    look = tx.chain.look(committed[0].digest) if committed else None
    return None if look is None else look.content


def _keep(tx: Transaction, beat: Heartbeat, raw: bytes, now: datetime) -> bool:
    """Whether it said anything new."""
    looked_at = min(in_utc(beat.looked_at), now)
    day, quarter = looked_at.date(), quarter_of(looked_at)
    row = tx.heartbeats.day(beat.agent_id, day)
    mask = NO_QUARTERS if row is None else row.mask
    heard = has_quarter(mask, quarter)
    if now - looked_at > LATE:
        if not heard:
            tx.heartbeats.add_late(LateHeartbeat(beat.agent_id, beat.epoch, beat.counter, looked_at, now))
        return not heard
    # Not the higher counter, but of two looks at one time: that of a machine set back to a snapshot begins anew.
    if row is not None and (row.looked_at, row.epoch, row.counter) >= (looked_at, beat.epoch, beat.counter):
        if heard:
            return False
        kept = HeartbeatDay(
            row.agent,
            day,
            with_quarter(mask, quarter),
            row.epoch,
            row.counter,
            row.looked_at,
            row.received_at,
            row.raw,
        )
    else:
        kept = HeartbeatDay(
            beat.agent_id, day, with_quarter(mask, quarter), beat.epoch, beat.counter, looked_at, now, raw
        )
    tx.heartbeats.put(kept, first=row is None)
    return True
