"""How often somebody may try to sign in: counted by account and by true peer address, forgotten after a minute.

In the memory of one process: behind several of them an attacker has as many tries more, each still few.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=1)
PER_PAIR: Final = 5
PER_ACCOUNT: Final = 30
"""More than one peer may try: an attacker must not lock a person out by guessing from one address."""
PER_PEER: Final = 20
_MAX_KEYS: Final = 10_000


class Throttle:
    """Failed tries within WINDOW."""

    def __init__(self) -> None:
        self._tries: dict[tuple[str, str], deque[datetime]] = {}
        self._lock = threading.Lock()

    def allows(self, account: str, peer: str, now: datetime) -> bool:
        """Whether one more try may be made."""
        with self._lock:
            return all(len(self._recent(key, now)) < most for key, most in _keys(account, peer))

    def failed(self, account: str, peer: str, now: datetime) -> None:
        """Count a try that failed."""
        with self._lock:
            if len(self._tries) >= _MAX_KEYS:
                self._tries = {k: t for k, t in self._tries.items() if t and now - t[-1] < WINDOW}
            for key, _ in _keys(account, peer):
                self._recent(key, now).append(now)

    def _recent(self, key: tuple[str, str], now: datetime) -> deque[datetime]:
        tries = self._tries.setdefault(key, deque())
        while tries and now - tries[0] >= WINDOW:
            tries.popleft()
        return tries


def _keys(account: str, peer: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((account, peer), PER_PAIR), ((account, ""), PER_ACCOUNT), (("", peer), PER_PEER)
