"""A machine's keys, and what is known of both sides of a fork, for whoever decides about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vonggac_collector.forks import WAITS, sides
from vonggac_collector.gaps import gaps_of
from vonggac_collector.identity_views import Fork, ForkSide, KeyRow, MissingRow
from vonggac_collector.ingest.projection import statement_of, unpack_json
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import Agent, EnvelopeHead
from vonggac_contract.decode import in_utc
from vonggac_contract.report import Statement

_SAID: Final = ("hostname", "machine_id", "addresses", "agent_version")


def keys_of(tx: Transaction, host: str) -> list[KeyRow]:
    """Every key the host ever had, the newest first."""
    return [KeyRow(k.keyid, k.epoch, k.since, k.until) for k in tx.agents.terms(host)]


def missing_of(tx: Transaction, agent: Agent) -> list[MissingRow]:
    """Reports that later ones prove and that are not here."""
    return [MissingRow(g.epoch, g.first, g.last, g.since) for g in gaps_of(tx, agent, "")]


def fork_of(tx: Transaction, agent: Agent | None) -> Fork | None:
    """Both sides, as long as the fork is not over; None if there is none."""
    if agent is None or agent.status not in WAITS:
        return None
    here, other = sides(tx, agent)
    theirs = None if other is None else _statement(tx, other)
    if other is None or theirs is None:
        return None
    ours = None if here is None else _statement(tx, here)
    held = {(s.name, s.digest): s.content for s in tx.chain.sections(agent.id)}
    there = _side(other, theirs, held)
    if here is None or ours is None:
        return Fork(None, there, [])
    ready = _side(here, ours, held)
    before, after = (msgspec.structs.asdict(side) for side in (ready, there))
    differs = [name for name in _SAID if before[name] != after[name]]
    names = {*ours.report.sections, *theirs.report.sections}
    differs += sorted(n for n in names if _digest(ours, n) != _digest(theirs, n))
    return Fork(ready, there, differs)


def _statement(tx: Transaction, head: EnvelopeHead) -> Statement | None:
    row = tx.chain.envelope(head.digest)
    return None if row is None else statement_of(row)


def _side(head: EnvelopeHead, statement: Statement, held: Mapping[tuple[str, str], bytes]) -> ForkSide:
    report = statement.report
    section = report.sections.get("host")
    content = None if section is None else section.content
    if section is not None and content is None and ("host", section.digest) in held:
        content = unpack_json(held["host", section.digest])
    said: dict[str, Any] = content if isinstance(content, dict) else {}
    addresses = said.get("addresses")
    return ForkSide(
        sequence=head.sequence,
        digest=head.digest,
        previous=head.previous,
        received_at=head.received_at,
        looked_at=in_utc(report.finished_at),
        hostname=str(said.get("hostname") or ""),
        machine_id=str(said.get("machine_id") or ""),
        addresses=[str(a) for a in addresses] if isinstance(addresses, list) else [],
        agent_version=report.agent_version,
    )


def _digest(statement: Statement, name: str) -> str:
    section = statement.report.sections.get(name)
    return "" if section is None else section.digest or section.unavailable
