"""What an officer decides about a fork: two different reports that one key sealed for one place in its chain.

Until then nothing of either machine is taken. Afterwards the one that goes on asks for the next epoch with a new key
(`rotation`), which locks the other one out; of two machines that both live, each is enrolled with a token.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Literal, get_args

from msgspec.structs import replace

from . import audit
from .auth import Caller
from .auth.caller import require
from .errors import Changed, Invalid
from .ledger.interface import Ledger, Transaction
from .ledger.rows import GOES_ON, Agent, AuditRow, EnvelopeHead
from .revocation import locked, reason_of, take_away

Decision = Literal["restored", "stray", "clone"]
"""`restored`: the machine was set back to a snapshot; who sealed the report that does not fit goes on.

`stray`: a copy ran for a while and is gone; who sealed the chain that is here goes on. `clone`: both live, or somebody
has the key; it is revoked.
"""
DECISIONS: Final[tuple[Decision, ...]] = get_args(Decision)
STRAY: Final = "stray"
WAITS: Final = GOES_ON | {"quarantined"}
"""What an agent's status is after a fork."""
DECIDED: Final = "fork-decided"
"""The action of the audit row."""
_ENOUGH: Final = 16
"""Digits of a digest that name it; the project's own figure."""
_DECIDED: Final = re.compile(r"(restored|stray), epoch (\d{1,19}), .*", re.DOTALL)


def decide(
    ledger: Ledger,
    caller: Caller,
    host: str,
    decision: str,
    reason: str,
    now: datetime,
    *,
    seen: str | None = None,
) -> None:
    """Decide about the host's fork; again, as long as no machine went on.

    `seen`: the digest of the report that does not fit, or how it begins, as it was shown; None: whichever it is now.
    Raises Forbidden, NotFound, Invalid, Changed (it is another one now).
    """
    require(caller, "decide")
    with ledger.write() as tx:
        agent = locked(tx, caller, host, now)
        why = reason_of(reason)
        if decision not in DECISIONS:
            raise Invalid(f"decision: {decision[:40]!r} is none of {', '.join(DECISIONS)}")
        if agent.status not in WAITS:
            raise none_waits(host)
        here, other = sides(tx, agent)
        if seen is not None and not _is(other, seen):
            raise Changed(
                f"host {host}: the report that does not fit is now {other.digest if other else 'none'}"
            )
        if decision not in GOES_ON:
            take_away(tx, agent, caller.name, f"{decision}: {why}", now)
            return
        beside = (
            f"report {other.sequence} {other.digest} beside {here.digest if here else 'nothing'}"
            if other
            else ""
        )
        tx.agents.put(replace(agent, status=decision))
        tx.outbox.add("host", [host], now)
        audit.record(tx, now, caller.name, DECIDED, host, f"{decision}, epoch {agent.epoch}, {beside}: {why}")


def _is(report: EnvelopeHead | None, seen: str) -> bool:
    return report is not None and len(seen) >= _ENOUGH and report.digest.startswith(seen)


def none_waits(host: str) -> Invalid:
    """What is said where there is nothing to decide."""
    return Invalid(
        f"host {host}: no fork waits for a decision",
        hint="`vonggac-collector fork list` shows those that wait.",
    )


def sides(tx: Transaction, agent: Agent) -> tuple[EnvelopeHead | None, EnvelopeHead | None]:
    """The report that is here, and the newest one that does not fit; None for one that there is not.

    Where nothing has the very same place, the report that is here is the one that the other should have followed.
    """
    forks = tx.chain.forks(agent.id, agent.epoch)
    other = max(forks, key=lambda e: (e.received_at, e.sequence), default=None)
    if other is None:
        return None, None
    place = min(other.sequence, agent.head_sequence)
    here = (e for e in tx.chain.at(agent.id, agent.epoch, place) if e.state == "committed")
    return next(here, None), other


def decision_of(row: AuditRow) -> str:
    """What an audit row `DECIDED` says that was decided."""
    found = _DECIDED.fullmatch(row.detail)
    return "" if found is None else found[1]
