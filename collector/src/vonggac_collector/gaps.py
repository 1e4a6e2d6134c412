"""What is missing in the chains: reports that a later one proves, and that did not come again.

A report names the digest of the one before it and is signed, so one that waits proves those that are missing before it.
They are missing for a moment while an agent is asked for them, each time it sends, after growing pauses; for good if
the ledger went back to a backup and the machine no longer has what came after it. Then only a new epoch goes on: a
token for that host, and `enrol --again`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from vonggac_contract.report import follows

from .ingest.projection import statement_of
from .ingest.report import MAX_PENDING
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Agent, EnvelopeHead

STAYS: Final = timedelta(hours=1)
"""What is missing for longer is not just on its way: a machine sends some four times in it; our own figure."""


LOOKED_INTO: Final = 20
"""Holes of one machine of which the report behind is asked whether what is missing was dropped on purpose. A machine
that drops reports has one; what one with more can make the collector unpack is bounded. The project's own figure.
"""
_FOLLOWED: Final[dict[str, tuple[int, str | None]]] = {}
_MOST_FOLLOWED: Final = 20_000


class Gap(msgspec.Struct, frozen=True):
    """Reports `first` to `last` of an agent's epoch are not here. `digest`: that of the last of them, as the next
    report, which has waited since `since`, names it. `head`: the last report before them, 0 if there is none.
    """

    agent: str
    hostname: str
    epoch: int
    head: int
    first: int
    last: int
    digest: str
    since: datetime


def missing(ledger: Ledger, now: datetime) -> Iterator[Gap]:
    """Every gap of every agent in its present epoch, by agent."""
    with ledger.read() as tx:
        waiting = tx.agents.with_aside()
        named = {
            agent: found[0].hostname for agent, found in tx.tree.located([a.id for a in waiting], now).items()
        }
    for agent in waiting:
        with ledger.read() as tx:
            found = gaps_of(tx, agent, named.get(agent.id, ""))
        yield from found


def staying(ledger: Ledger, now: datetime) -> int:
    """Of how many machines reports are missing for longer than STAYS."""
    return len({gap.agent for gap in missing(ledger, now) if now - gap.since > STAYS})


def gaps_of(tx: Transaction, agent: Agent, hostname: str) -> list[Gap]:
    """Every gap of the agent in its present epoch. What the machine says that it dropped itself is none."""
    if not agent.aside:
        return []
    newest = tx.chain.of_agent(agent.id, 2 * MAX_PENDING)
    pending = [e for e in newest if e.state == "pending" and e.epoch == agent.epoch]
    found = []
    for number, (head, row) in enumerate(_holes(agent.head_sequence, pending)):
        last, digest = _before(tx, row) if number < LOOKED_INTO else (row.sequence - 1, row.previous)
        if last > head:
            found.append(
                Gap(agent.id, hostname, agent.epoch, head, head + 1, last, digest or "", row.received_at)
            )
    return found


def _before(tx: Transaction, row: EnvelopeHead) -> tuple[int, str | None]:
    """Which report it follows by its own word. That never changes, and to read it is to unpack all of it: once."""
    known = _FOLLOWED.get(row.digest)
    if known is None:
        envelope = tx.chain.envelope(row.digest)
        known = (row.sequence - 1, row.previous) if envelope is None else follows(statement_of(envelope))
        if len(_FOLLOWED) >= _MOST_FOLLOWED:
            _FOLLOWED.clear()
        _FOLLOWED[row.digest] = known
    return known


def _holes(head: int, pending: list[EnvelopeHead]) -> Iterator[tuple[int, EnvelopeHead]]:
    """The last report before each hole, and the one after it."""
    for row in sorted(pending, key=lambda e: e.sequence):
        if row.sequence > head + 1:
            yield head, row
        head = max(head, row.sequence)
