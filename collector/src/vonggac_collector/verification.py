"""Walks the ledger and checks what it claims: every signature, every chain, every digest, and the audit log."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from vonggac_contract.envelope import envelope_from_bytes, verify
from vonggac_contract.errors import ContractError
from vonggac_contract.report import statement_from_envelope

from . import audit
from .ledger.interface import Ledger
from .ledger.rows import Agent, Envelope

_TOGETHER: Final = 200


class Fault(msgspec.Struct, frozen=True):
    """Something that is not as it was written. `where`: an agent's report, or a row of the audit log."""

    where: str
    what: str


class Verified(msgspec.Struct, frozen=True):
    """How much was checked, and what was wrong: of each chain the first fault only."""

    agents: int
    envelopes: int
    audit_rows: int
    faults: list[Fault]


def verify_ledger(ledger: Ledger) -> Verified:
    """Check everything."""
    with ledger.read() as tx:
        agents = tx.agents.all()
    faults: list[Fault] = []
    envelopes = 0
    for agent in agents:
        checked, fault = _verify_chain(ledger, agent)
        envelopes += checked
        if fault is not None:
            faults.append(fault)
    rows, fault = _verify_audit(ledger)
    return Verified(len(agents), envelopes, rows, faults if fault is None else [*faults, fault])


def _verify_chain(ledger: Ledger, agent: Agent) -> tuple[int, Fault | None]:
    with ledger.read() as tx:
        keys = tx.agents.keys(agent.id)
    epoch, sequence, previous, checked = 0, 0, None, 0
    for row in _committed(ledger, agent.id):
        where = f"agent {agent.id} epoch {row.epoch} report {row.sequence}"
        if row.epoch != epoch:
            epoch, sequence, previous = row.epoch, 0, None
        if row.sequence != sequence + 1:
            return checked, Fault(where, f"report {sequence + 1} is missing before it")
        wrong = _wrong(row, previous, keys)
        if wrong:
            return checked, Fault(where, wrong)
        sequence, previous = row.sequence, row.digest
        checked += 1
    if (agent.head_sequence, agent.head_digest) != (sequence, previous) and agent.epoch == epoch:
        return checked, Fault(f"agent {agent.id}", f"report {agent.head_sequence}, its head, is missing")
    if agent.epoch != epoch and agent.head_sequence:
        return checked, Fault(f"agent {agent.id}", f"epoch {agent.epoch} is missing")
    return checked, None


def _wrong(row: Envelope, previous: str | None, keys: dict[str, bytes]) -> str:
    try:
        envelope = envelope_from_bytes(zlib.decompress(row.raw))
        key = keys.get(row.keyid)
        if key is None:
            return f"key {row.keyid[:16]}… is not one of this agent's"
        verify(envelope, key)
        statement = statement_from_envelope(envelope)
    except (ContractError, zlib.error) as e:
        return f"the envelope is damaged: {e}"
    if envelope.digest != row.digest:
        return "the envelope has another digest than its row"
    said = (statement.agent_id, statement.epoch, statement.sequence, statement.previous)
    if said != (row.agent, row.epoch, row.sequence, row.previous):
        return "the envelope speaks of another place in the chain than its row"
    return "" if row.previous == previous else "it does not follow the report before it"


def _committed(ledger: Ledger, agent: str) -> Iterator[Envelope]:
    after = (0, 0)
    while True:
        with ledger.read() as tx:
            rows = tx.chain.walk(agent, after, _TOGETHER)
        if not rows:
            return
        yield from rows
        after = (rows[-1].epoch, rows[-1].sequence)


def _verify_audit(ledger: Ledger) -> tuple[int, Fault | None]:
    number, previous = 0, audit.NO_HASH
    while True:
        with ledger.read() as tx:
            rows = tx.trail.walk(number, _TOGETHER)
        if not rows:
            return number, None
        damaged = audit.first_damaged(rows, number, previous)
        if damaged is not None:
            return number, Fault(f"audit row {damaged}", "was changed, or rows before it are missing")
        number, previous = rows[-1].number, rows[-1].hash
