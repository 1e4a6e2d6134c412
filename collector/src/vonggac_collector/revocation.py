"""Taking a machine's keys away, by somebody who may: from its next request on nothing of it is taken.

What it reported stays, tokens for that host that were made before are revoked too. A token made since gives it a new
key and epoch (`enrolment`), and it goes on where it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from . import audit
from .auth import Caller
from .auth.caller import require
from .auth.scope import require_unit
from .errors import Invalid, NotFound
from .instants import FAR
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Agent

REVOKED: Final = "agent-revoked"
"""The action of the audit row."""
MAX_REASON: Final = 500


def revoke(ledger: Ledger, caller: Caller, host: str, reason: str, now: datetime) -> None:
    """Take the host's keys away. Raises Forbidden, NotFound, Invalid (no reason, no key)."""
    require(caller, "decide")
    with ledger.write() as tx:
        agent = locked(tx, caller, host, now)
        why = reason_of(reason)
        if agent.status == "revoked":
            raise Invalid(
                f"host {host}: its key is revoked already",
                hint="A token for it lets it in again: `vonggac-collector token create --host`.",
            )
        take_away(tx, agent, caller.name, why, now)


def take_away(tx: Transaction, agent: Agent, actor: str, reason: str, now: datetime) -> None:
    """The same within a decision. `agent`: as `locked` read it."""
    tx.agents.end_keys(agent.id, now)
    tx.agents.put(msgspec.structs.replace(agent, status="revoked"))
    for token in tx.tokens.all():
        if token.host == agent.id and not token.revoked:
            tx.tokens.revoke(token.id)  # one made before would undo it
    tx.outbox.add("host", [agent.id], now)
    audit.record(tx, now, actor, REVOKED, agent.id, reason)


def locked(tx: Transaction, caller: Caller, host: str, now: datetime) -> Agent:
    """The host's agent if the caller may see it; until the transaction ends no report of it is taken beside.

    Raises NotFound, Invalid (it was never enrolled).
    """
    found = tx.tree.located([host], FAR).get(host)  # it may have been enrolled while the clock was ahead
    if found is None:
        raise NotFound
    require_unit(tx.tree.units(now), caller, found[1].unit)
    keys = [*tx.agents.keys(host)]
    holder = tx.agents.holder(keys[-1]) if keys else None
    if holder is None:
        raise Invalid(f"host {host}: has no key")
    return holder.agent


def reason_of(text: str) -> str:
    """The reason that somebody gives. Raises Invalid for none, or one that is too long or not printable."""
    text = " ".join(text.split())
    if not 1 <= len(text) <= MAX_REASON or not text.isprintable():
        raise Invalid(f"reason: has 1 to {MAX_REASON} printable characters")
    return text
