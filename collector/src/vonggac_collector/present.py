"""Reads what is kept of one agent at one moment, to be made again by `remaking` and `heard`, in whichever process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import msgspec

from .heard import odd_times, wrong_heard
from .ledger.interface import Transaction
from .remaking import Epoch, Lists, Place, Present, wrong_present

_END: Final = 2**63 - 1
"""Behind every epoch and sequence; the largest that a column holds."""
_DAYS: Final = 3
"""Of heartbeats, that scores of now stand on (`Heartbeats.recent`); likewise late ones."""


class Asked(msgspec.Struct, frozen=True):
    """An agent, and what was read of it and of the audit log already. `whole`: read all of its looks and heartbeats.

    `now`: the clock by which nothing is of later, if that counts.
    """

    agent: str
    cuts: list[Place]
    epochs: list[Epoch] | None
    dropping: Collection[str]
    kept_since: datetime | None
    whole: bool
    now: Callable[[], datetime] | None


def read_present(tx: Transaction, asked: Asked) -> Present | None:
    """What is kept of it; None if there is no such agent."""
    agent = tx.agents.get(asked.agent)
    if agent is None:
        return None
    dropping, whole = asked.dropping, asked.whole
    if whole:
        every = tx.chain.walk_looks((agent.id, 0, 0, ""), (agent.id, _END, 0, ""))
        looks = [x for x in every if x.shelf not in dropping]
    else:
        newest = tx.chain.look_before(agent.id, _END, 0)
        before = None if newest is None else tx.chain.look_before(agent.id, newest.epoch, newest.sequence)
        kept = before is not None and before.shelf not in dropping
        looks = [x for x in (before if kept else None, newest) if x is not None]
    sections = tx.chain.sections(agent.id)
    brought = None
    if whole:
        moments = {s.since for s in sections}
        found = [tx.chain.envelope(x.digest) for x in looks if x.looked_at in moments]
        brought = [e for e in found if e is not None]
    return Present(
        agent=agent,
        newest=tx.chain.envelope(looks[-1].digest) if looks else None,
        looks=looks,
        base=not whole and len(looks) > 1,
        kept_since=asked.kept_since,
        cuts=asked.cuts,
        changes=[c for c in tx.findings.history(agent.id, limit=_END) if c.shelf not in dropping],
        failings=tx.findings.current([agent.id]).get(agent.id, []),
        sections=sections,
        brought=brought,
        epochs=asked.epochs,
        keys=tx.agents.keys(agent.id),
        days=tx.heartbeats.days(agent.id, _END if whole else _DAYS),
        late=tx.heartbeats.late(agent.id, _END if whole else _DAYS),
        # Last: the machine lives while this is read.
        now=None if asked.now is None else asked.now(),
    )


def wrong(present: Present, lists: Lists) -> str:
    """What is wrong with what is kept of an agent; "" if nothing is. Pure."""
    heard = "" if present.epochs is None else wrong_heard(present, present.epochs)
    return wrong_present(present, lists) or heard


def odd(present: Present) -> str:
    """What is told of it though it is no fault; "" if nothing is. Pure."""
    return "" if present.epochs is None else odd_times(present, present.epochs)
