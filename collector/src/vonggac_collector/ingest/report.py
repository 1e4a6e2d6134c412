"""A report: its place in the agent's chain, and what becomes of it there (docs/wire.md, the table of arrivals)."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_collector import audit
from vonggac_collector.errors import Refused
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import Envelope as EnvelopeRow
from vonggac_collector.ledger.rows import EnvelopeHead, EnvelopeState, KeyHolder
from vonggac_contract.envelope import RECEIPT, Envelope, envelope_from_bytes
from vonggac_contract.report import (
    SECTION_TOPICS,
    Statement,
    content_digest,
    section_digest,
    statement_from_envelope,
)

from . import projection
from .answer import Answer, pending, refusal, sealed
from .judgement import receipt_payload

MAX_PENDING: Final = 1_000
"""Reports of one agent that may wait for an earlier one; the project's own figure, ten days of a changing host."""
CLOCK_AHEAD: Final = timedelta(minutes=5)
CARRIED_LATE: Final = timedelta(minutes=15)


def take(
    tx: Transaction, envelope: Envelope, raw: bytes, holder: KeyHolder, now: datetime, key: Ed25519PrivateKey
) -> Answer:
    """Find a verified report's place. Raises Refused or ContractError, before anything is written."""
    digest, agent = envelope.digest, holder.agent
    known = tx.chain.find(digest)
    if known is not None and known.agent == agent.id:
        return _again(tx, known, holder, key)
    statement = statement_from_envelope(envelope)
    _check(statement, holder)
    row = _row(statement, envelope, raw, now)
    others = tx.chain.at(agent.id, statement.epoch, statement.sequence)
    if others:
        return _fork(tx, row, f"sequence {row.sequence} is {others[0].digest[:16]}… here", now)
    if row.sequence > agent.head_sequence + 1:
        if tx.chain.count(agent.id, "pending") >= MAX_PENDING:
            raise Refused("too-far-ahead", f"{MAX_PENDING} reports wait for number {agent.head_sequence + 1}")
        tx.chain.add(row)
        return _missing(tx, holder)
    if row.previous != agent.head_digest:
        return _fork(
            tx,
            row,
            f"it follows {_short(row.previous)}, here the chain ends in {_short(agent.head_digest)}",
            now,
        )
    payload = _commit(tx, statement, row, holder, now, first_seen=True)
    _join_pending(tx, statement, holder, now)
    return sealed(tx, RECEIPT, payload, key, agent=agent.id)


def _again(tx: Transaction, known: EnvelopeHead, holder: KeyHolder, key: Ed25519PrivateKey) -> Answer:
    if known.state == "committed" and known.receipt is not None:
        return sealed(tx, RECEIPT, known.receipt, key, agent=known.agent)
    if known.state == "pending" and holder.agent.status == "active":
        return _missing(tx, holder)
    return _fork_answer(known, "this very report was refused before")


def _missing(tx: Transaction, holder: KeyHolder) -> Answer:
    agent = holder.agent
    first_pending = tx.chain.first_pending(agent.id, agent.epoch) or agent.head_sequence + 2
    return pending(agent.head_sequence + 1, first_pending - 1, agent=agent.id)


def _check(statement: Statement, holder: KeyHolder) -> None:
    agent, report = holder.agent, statement.report
    if statement.agent_id != agent.id:
        raise Refused("agent-mismatch", f"the report is of {statement.agent_id}, the key of {agent.id}")
    if agent.status == "quarantined":
        raise Refused("agent-quarantined", "the machine is quarantined until an officer decides")
    if statement.epoch != agent.epoch:
        raise Refused("epoch-mismatch", f"epoch {statement.epoch}; this machine is in epoch {agent.epoch}")
    if (statement.sequence == 1) != (statement.previous is None):
        raise Refused("malformed", "the first report, and only the first, names none before it")
    unknown = set(report.sections) - set(SECTION_TOPICS)
    if unknown:
        raise Refused("malformed", f"no section is called {sorted(unknown)[0][:40]!r}")
    for name, section in report.sections.items():
        if section.content is not None and section.digest != section_digest(section.content):
            raise Refused("content-mismatch", f"section {name} has another digest than it says")
    if report.content != content_digest(report.findings, report.sections):
        raise Refused("content-mismatch", "the report has another content digest than it says")
    for moment in (statement.sealed_at, report.started_at, report.finished_at):
        projection.in_utc(moment)


def _row(statement: Statement, envelope: Envelope, raw: bytes, now: datetime) -> EnvelopeRow:
    return EnvelopeRow(
        digest=envelope.digest,
        agent=statement.agent_id,
        epoch=statement.epoch,
        sequence=statement.sequence,
        previous=statement.previous,
        state="pending",
        keyid=envelope.keyid,
        sealed_at=projection.in_utc(statement.sealed_at),
        received_at=now,
        committed_at=None,
        size=len(raw),
        raw=zlib.compress(raw, 1),
        receipt=None,
    )


def _commit(
    tx: Transaction,
    statement: Statement,
    row: EnvelopeRow,
    holder: KeyHolder,
    now: datetime,
    *,
    first_seen: bool,
) -> bytes:
    """Make the report the head of its agent's chain. Returns the receipt's payload."""
    report = statement.report
    payload = receipt_payload(holder, row.digest, row.received_at, sequence=row.sequence)
    before = tx.chain.newest_look(row.agent, now)
    flags = _flags(statement, row.received_at, tx, row.agent)
    look = projection.project(statement, row.digest, now, row.received_at, before, flags)
    if first_seen:
        tx.chain.add(_settled(row, "committed", now, payload))
    else:
        tx.chain.settle(row.digest, "committed", now, payload)
    tx.chain.add_look(look)
    for section in projection.section_rows(statement, look.looked_at):
        tx.chain.add_section(section)
    tx.agents.set_head(row.agent, row.epoch, row.sequence, row.digest, report.content)
    if report.agent_version != holder.agent.agent_version:
        tx.agents.set_version(row.agent, report.agent_version[:200])
    os, hostname = projection.os_name(statement), projection.host_name(statement)
    if os is not None and hostname is not None:
        tx.tree.describe_host(row.agent, hostname, os)
    tx.outbox.add("look", [row.agent], now)
    return payload


def _settled(
    row: EnvelopeRow, state: EnvelopeState, at: datetime | None, receipt: bytes | None
) -> EnvelopeRow:
    return EnvelopeRow(
        row.digest,
        row.agent,
        row.epoch,
        row.sequence,
        row.previous,
        state,
        row.keyid,
        row.sealed_at,
        row.received_at,
        at,
        row.size,
        row.raw,
        receipt,
    )


def _flags(statement: Statement, received_at: datetime, tx: Transaction, agent: str) -> str:
    flags = []
    if statement.report.finished_at - received_at > CLOCK_AHEAD:
        flags.append("clock-ahead")
    if received_at - statement.report.finished_at > CARRIED_LATE:
        flags.append("carried-late")
    named = {(n, s.digest) for n, s in statement.report.sections.items() if s.digest and s.content is None}
    if named and named - tx.chain.held(agent):
        flags.append("section-missing")
    return " ".join(flags)


def _join_pending(tx: Transaction, statement: Statement, holder: KeyHolder, now: datetime) -> None:
    """Reports that waited join the chain one by one, as long as each follows the one before."""
    head, sequence = None, statement.sequence
    while True:
        agent = tx.agents.get(holder.agent.id)
        waiting = tx.chain.at(holder.agent.id, statement.epoch, sequence + 1)
        if agent is None or not waiting:
            return
        head, sequence = agent.head_digest, sequence + 1
        row = tx.chain.envelope(waiting[0].digest)
        if row is None:
            return
        if row.previous != head:
            tx.chain.settle(row.digest, "fork", None, None)
            _quarantine(
                tx, row, f"it follows {_short(row.previous)}, here the chain ends in {_short(head)}", now
            )
            return
        joined = statement_from_envelope(envelope_from_bytes(zlib.decompress(row.raw)))
        _commit(tx, joined, row, holder, now, first_seen=False)


def _fork(tx: Transaction, row: EnvelopeRow, why: str, now: datetime) -> Answer:
    """Keep the report as evidence, quarantine the agent, refuse."""
    tx.chain.add(_settled(row, "fork", None, None))
    _quarantine(tx, row, why, now)
    audit.record_refusal(
        tx, now, "seq-fork", actor=f"agent {row.agent}", subject=row.agent, detail=f"{row.digest}: {why}"
    )
    return _fork_answer(row, why)


def _quarantine(tx: Transaction, row: EnvelopeRow, why: str, now: datetime) -> None:
    tx.agents.set_status(row.agent, "quarantined")
    audit.record(tx, now, "collector", "quarantined", row.agent, f"report {row.sequence} {row.digest}: {why}")
    tx.outbox.add("host", [row.agent], now)


def _fork_answer(row: EnvelopeRow | EnvelopeHead, why: str) -> Answer:
    return refusal(
        "seq-fork",
        f"report {row.sequence} of epoch {row.epoch}: {why}",
        agent=row.agent,
        sequence=row.sequence,
    )


def _short(digest: str | None) -> str:
    return "nothing" if digest is None else f"{digest[:16]}…"
