"""Every hour: each committed report that has no leaf yet gets one, and the root over all leaves is signed.

The order is the ledger's: agents by id, each one's reports as its chain has them, behind what has its leaves already.
It comes about here and never on the road of a report. Leaves are appended some thousand a transaction, a checkpoint
signs those that are there: whoever is killed in between leaves an order that the next goes on with.
Heartbeats have no leaves: the newest of a day takes the place of the one before, so most would be gone within the hour,
and they are no links of a chain (adr/0004).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract import merkle
from vonggac_contract.checkpoint import SCHEMA, Checkpoint, leaf_of, seal_checkpoint
from vonggac_contract.envelope import envelope_to_bytes

from .background import OnDuty
from .errors import Busy, LedgerDamaged, StoreFailed
from .ledger.interface import Duty, Ledger, Transaction
from .ledger.leaves import Leaf, Member, Signed
from .tiles import grown, node_in

EVERY: Final = timedelta(hours=1)
_AGAIN_S: Final = 60.0
_TOGETHER: Final = 2_000
"""Leaves, and agents that are looked at, in one transaction: some 50 ms on SQLite, where all others wait."""
_LOG: Final = structlog.get_logger("vonggac.checkpoints")


def take_checkpoint(ledger: Ledger, key: Ed25519PrivateKey, now: datetime) -> Signed:
    """Append what has no leaf, and sign. Raises LedgerDamaged, Busy, StoreFailed."""
    append(ledger)
    return sign(ledger, key, now)


def append(ledger: Ledger) -> int:
    """Give every committed report its leaf; says how many are new."""
    after: str | None = ""
    appended = 0
    while after is not None:
        with ledger.write() as tx:
            tx.leaves.hold()
            found, after = _some(tx, after)
            _add(tx, found)
        appended += len(found)
    return appended


def _some(tx: Transaction, after: str) -> tuple[list[Member], str | None]:
    """Reports without a leaf, of agents after that; and the agent to go on after, None behind the last."""
    found: list[Member] = []
    agents = tx.leaves.behind(after, _TOGETHER)
    for agent in agents:
        found += tx.leaves.without(agent, _TOGETHER - len(found))
        if len(found) == _TOGETHER:
            # It may have more.
            return found, after
        after = agent
    return found, after if len(agents) == _TOGETHER else None


def _add(tx: Transaction, found: list[Member]) -> None:
    size = tx.leaves.size()
    tx.leaves.add([Leaf(n, m.agent, m.epoch, m.sequence, m.digest) for n, m in enumerate(found, size)])
    tx.leaves.put_tiles(grown(size, [leaf_of(m.digest) for m in found], tx.leaves.tile))


def sign(ledger: Ledger, key: Ed25519PrivateKey, now: datetime) -> Signed:
    """Sign the root over all leaves. Raises LedgerDamaged if what was signed before is not their beginning."""
    with ledger.write() as tx:
        tx.leaves.hold()
        node, size, before = node_in(tx.leaves.tile), tx.leaves.size(), tx.leaves.newest()
        if before is not None and (
            before.tree_size > size or merkle.root(before.tree_size, node).hex() != before.root
        ):
            raise LedgerDamaged(
                f"the leaves are no longer those that checkpoint {before.number} signed, so no other is signed; "
                "run `vonggac-collector ledger verify`"
            )
        root, previous = merkle.root(size, node).hex(), None if before is None else before.digest
        envelope = seal_checkpoint(Checkpoint(SCHEMA, size, root, now, previous), key)
        number = 1 if before is None else before.number + 1
        signed = Signed(number, now, size, root, envelope.digest, envelope_to_bytes(envelope))
        tx.leaves.sign(signed)
    return signed


class Notary(OnDuty):
    """A thread that takes a checkpoint every hour, while no other worker does. It begins a minute after its start."""

    failed = "no checkpoint was taken, will be tried again"
    tried_again = (Busy, StoreFailed, LedgerDamaged)

    def __init__(self, ledger: Ledger, key: Ed25519PrivateKey, now: Callable[[], datetime]) -> None:
        super().__init__("checkpoints", ledger, "checkpoints")
        self._key = key
        self._now = now

    def run(self) -> None:
        """See OnDuty."""
        self._stop.wait(_AGAIN_S)
        super().run()

    def turn(self, duty: Duty) -> None:
        """Take one, if an hour has passed."""
        if duty.held():
            self._take(self._now())

    def pause_s(self, took_s: float) -> float:
        """A minute."""
        return _AGAIN_S

    def _take(self, now: datetime) -> None:
        with self._ledger.read() as tx:
            newest = tx.leaves.newest()
        if newest is None or abs(now - newest.at) >= EVERY:
            signed = take_checkpoint(self._ledger, self._key, now)
            _LOG.info("checkpoint", number=signed.number, tree_size=signed.tree_size, root=signed.root)
