"""A report: its place in the agent's chain, and what becomes of it there (docs/wire.md, the table of arrivals)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import UNSET
from msgspec.structs import replace

from vonggac_collector import audit
from vonggac_collector.errors import Refused
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.keeping import REPORTS_DROPPED
from vonggac_collector.ledger.rows import Agent, EnvelopeHead, KeyHolder, shelf_of
from vonggac_collector.ledger.rows import Envelope as EnvelopeRow
from vonggac_contract.decode import in_utc
from vonggac_contract.envelope import RECEIPT, Envelope
from vonggac_contract.report import SECTION_TOPICS, Statement, follows, section_digest

from . import projection
from .answer import Answer, pending, refusal, sealed
from .judgement import receipt_payload
from .outcomes import list_at, vector_at
from .reading import Reading, content_of, read_report, rules_of
from .vector import Vector, differences

QUARANTINED: Final = "quarantined"
"""The action of the audit row; also the status."""
MAX_PENDING: Final = 1_000
"""Reports of one agent that may wait for an earlier one; the project's own figure, ten days of a changing host."""
CLOCK_AHEAD: Final = timedelta(minutes=5)
CARRIED_LATE: Final = timedelta(minutes=15)


def take(
    tx: Transaction, envelope: Envelope, raw: bytes, holder: KeyHolder, now: datetime, key: Ed25519PrivateKey
) -> Answer:
    """Find a verified report's place. Raises Refused or ContractError, before anything is written."""
    digest, agent = envelope.digest, holder.agent
    reading = read_report(envelope)
    statement = reading.statement
    if agent.aside or (statement.sequence, statement.previous) != (
        agent.head_sequence + 1,
        agent.head_digest,
    ):
        # Nothing kept can have the next number and follow the head, unless something is kept beside the chain.
        known = tx.chain.find(digest)
        if known is not None and known.agent == agent.id:
            return _again(tx, known, holder, key)
    _check(reading, holder)
    row = _row(statement, envelope, digest, raw, holder, now)
    if row.sequence <= agent.head_sequence or agent.aside:
        others = tx.chain.at(agent.id, statement.epoch, statement.sequence)
        if others:
            return _fork(tx, row, agent, f"sequence {row.sequence} is {others[0].digest[:16]}… here", now)
    if row.sequence <= agent.head_sequence:
        # Retention dropped what had this place: nothing tells a replay from a fork any more, so nobody is blamed.
        raise Refused(
            "kept-no-longer", f"report {row.sequence} was kept as long as its level asks, and let go"
        )
    after, previous = follows(statement)
    if after > agent.head_sequence:
        if tx.chain.count(agent.id, "pending") >= MAX_PENDING:
            raise Refused("too-far-ahead", f"{MAX_PENDING} reports wait for number {agent.head_sequence + 1}")
        tx.chain.add(row)
        if not agent.aside:
            tx.outbox.add("host", [agent.id], now)
        tx.agents.put(replace(agent, aside=agent.aside + 1))
        return _missing(tx, holder)
    if (after, previous) != (agent.head_sequence, agent.head_digest):
        return _fork(tx, row, agent, _not_the_head(previous, agent), now)
    payload, agent = _commit(tx, reading, row, holder, agent, now, first_seen=True)
    if agent.aside:
        _join_pending(tx, holder, agent, now)
    return sealed(tx, RECEIPT, payload, key, agent=agent.id)


def _again(tx: Transaction, known: EnvelopeHead, holder: KeyHolder, key: Ed25519PrivateKey) -> Answer:
    if known.state == "committed" and known.receipt is not None:
        return sealed(tx, RECEIPT, known.receipt, key, agent=known.agent, repeated=True)
    if known.state == "pending" and holder.agent.status == "active":
        return _missing(tx, holder)
    return _fork_answer(known, "this very report was refused before")


def _missing(tx: Transaction, holder: KeyHolder) -> Answer:
    agent = holder.agent
    first_pending = tx.chain.first_pending(agent.id, agent.epoch) or agent.head_sequence + 2
    return pending(agent.head_sequence + 1, first_pending - 1, agent=agent.id)


def _check(reading: Reading, holder: KeyHolder) -> None:
    statement, agent = reading.statement, holder.agent
    report = statement.report
    if statement.agent_id != agent.id:
        raise Refused("agent-mismatch", f"the report is of {statement.agent_id}, the key of {agent.id}")
    if agent.status != "active":
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
    if report.content != content_of(reading):
        raise Refused("content-mismatch", "the report has another content digest than it says")
    for moment in (statement.sealed_at, report.started_at, report.finished_at):
        in_utc(moment)


def _row(
    statement: Statement, envelope: Envelope, digest: str, raw: bytes, holder: KeyHolder, now: datetime
) -> EnvelopeRow:
    return EnvelopeRow(
        digest=digest,
        agent=statement.agent_id,
        epoch=statement.epoch,
        sequence=statement.sequence,
        previous=statement.previous,
        state="pending",
        keyid=envelope.keyid,
        sealed_at=in_utc(statement.sealed_at),
        received_at=now,
        committed_at=None,
        size=len(raw),
        raw=projection.pack_raw(raw, envelope),
        receipt=None,
        shelf=shelf_of(now, holder.level),
    )


def _commit(
    tx: Transaction,
    reading: Reading,
    row: EnvelopeRow,
    holder: KeyHolder,
    agent: Agent,
    now: datetime,
    *,
    first_seen: bool,
) -> tuple[bytes, Agent]:
    """Make the report the head of its agent's chain. Returns the receipt's payload, and the agent as it is then."""
    if row.sequence > agent.head_sequence + 1:
        gone = f"reports {agent.head_sequence + 1} to {row.sequence - 1}, says report {row.sequence} {row.digest}"
        audit.record(tx, now, f"agent {row.agent}", REPORTS_DROPPED, row.agent, gone)
    statement, report = reading.statement, reading.statement.report
    payload = receipt_payload(holder, row.digest, row.received_at, sequence=row.sequence)
    rules, packed = rules_of(reading.told)
    before = None if agent.vector is None else vector_at(tx, agent.vector)
    if before is None or before.rules != rules:
        tx.findings.add_rules(rules, packed)
    vector = Vector(rules, list_at(tx, rules), [t.said for t in reading.told])
    held = tx.chain.held(row.agent)
    look = projection.project(statement, row, vector, now, flags_of(statement, row, held))
    if first_seen:
        tx.chain.add(replace(row, state="committed", committed_at=now, receipt=payload))
    else:
        tx.chain.settle(row.digest, "committed", now, payload)
    tx.chain.add_look(look)
    found = differences(look, vector, before)
    tx.findings.differ(row.agent, found.wrong, found.mended, found.changes)
    new = projection.section_rows(statement, look.looked_at, held)
    for section in new:
        tx.chain.put_section(section)
    agent = replace(
        agent,
        head_sequence=row.sequence,
        head_digest=row.digest,
        head_content=report.content,
        agent_version=report.agent_version[:200],
        vector=look.vector,
        aside=agent.aside if first_seen else agent.aside - 1,
    )
    tx.agents.put(agent)
    os, hostname = projection.os_name(statement), projection.host_name(statement)
    if new and os is not None and hostname is not None:
        tx.tree.describe_host(row.agent, hostname, os)
    tx.outbox.add("look", [row.agent], now)
    return payload, agent


def flags_of(statement: Statement, row: EnvelopeRow, held: set[tuple[str, str]]) -> str:
    """What people are told about a report, words in a row. `held`: the sections' content that was there before."""
    flags = []
    if statement.report.finished_at - row.received_at > CLOCK_AHEAD:
        flags.append("clock-ahead")
    if row.received_at - statement.report.finished_at > CARRIED_LATE:
        flags.append("carried-late")
    if statement.report.dropped is not UNSET:
        flags.append(REPORTS_DROPPED)
    if any(notice.startswith("policy-") for notice in statement.report.notices):
        expired = any(notice.startswith("policy-expired") for notice in statement.report.notices)
        flags.append("policy-expired" if expired else "policy-not-followed")
    named = {(n, s.digest) for n, s in statement.report.sections.items() if s.digest and s.content is None}
    if named - held:
        flags.append("section-missing")
    return " ".join(flags)


def _join_pending(tx: Transaction, holder: KeyHolder, agent: Agent, now: datetime) -> None:
    """Reports that waited join the chain one by one, as long as each follows the one before."""
    while (number := tx.chain.first_pending(agent.id, agent.epoch)) is not None:
        waiting = [e for e in tx.chain.at(agent.id, agent.epoch, number) if e.state == "pending"]
        row = tx.chain.envelope(waiting[0].digest) if waiting else None
        if row is None:
            return
        reading = read_report(projection.envelope_of(row))
        after, previous = follows(reading.statement)
        if after > agent.head_sequence:
            return
        if (after, previous) != (agent.head_sequence, agent.head_digest):
            tx.chain.settle(row.digest, "fork", None, None)
            _quarantine(tx, row, agent, _not_the_head(previous, agent), now)
            return
        _, agent = _commit(tx, reading, row, holder, agent, now, first_seen=False)


def _not_the_head(previous: str | None, agent: Agent) -> str:
    return f"it follows {_short(previous)}, here the chain ends in {_short(agent.head_digest)}"


def _fork(tx: Transaction, row: EnvelopeRow, agent: Agent, why: str, now: datetime) -> Answer:
    """Keep the report as evidence, quarantine the agent, refuse."""
    tx.chain.add(replace(row, state="fork"))
    _quarantine(tx, row, replace(agent, aside=agent.aside + 1), why, now)
    audit.record_refusal(
        tx, now, "seq-fork", actor=f"agent {row.agent}", subject=row.agent, detail=f"{row.digest}: {why}"
    )
    return _fork_answer(row, why)


def _quarantine(tx: Transaction, row: EnvelopeRow, agent: Agent, why: str, now: datetime) -> None:
    tx.agents.put(replace(agent, status="quarantined"))
    audit.record(tx, now, "collector", QUARANTINED, row.agent, f"report {row.sequence} {row.digest}: {why}")
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
