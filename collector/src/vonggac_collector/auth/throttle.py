"""How often somebody may try to sign in: counted by account and by true peer address, forgotten after a minute.

Counted in the ledger, so that behind several web processes an attacker has as many tries as behind one. What was typed
as a name, or who came from where, is kept only as a digest.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import msgspec

from vonggac_collector.ledger.interface import Ledger

WINDOW: Final = timedelta(minutes=1)
PER_PAIR: Final = 5
PER_ACCOUNT: Final = 30
"""More than one peer may try: an attacker must not lock a person out by guessing from one address."""
PER_PEER: Final = 20


class Throttle:
    """Tries within WINDOW. A try counts from its beginning, so that many at once are not more than one by one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, account: str, peer: str, now: datetime) -> bool:
        """Whether one more try may be made; if so, it is counted. One that may not be made leaves nothing behind."""
        most = _keys(account, peer)
        with self._ledger.write() as tx:
            made = tx.people.tries(list(most), now - WINDOW)
            if any(made.get(key, 0) >= limit for key, limit in most.items()):
                return False
            tx.people.add_tries(list(most), now)
        return True

    def succeeded(self, account: str, peer: str) -> None:
        """A try that was begun was no guess: it counts no more."""
        with self._ledger.write() as tx:
            tx.people.forgive(list(_keys(account, peer)))


def _keys(account: str, peer: str) -> dict[str, int]:
    return {_digest(account, peer): PER_PAIR, _digest(account, ""): PER_ACCOUNT, _digest("", peer): PER_PEER}


def _digest(account: str, peer: str) -> str:
    return hashlib.sha256(msgspec.json.encode([account, peer])).hexdigest()
