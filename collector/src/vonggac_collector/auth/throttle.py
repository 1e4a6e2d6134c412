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
    """Tries within WINDOW. A try counts from its beginning, so that many at once are not more than one by one."""

    def __init__(self) -> None:
        self._tries: dict[tuple[str, str], deque[datetime]] = {}
        self._lock = threading.Lock()

    def begin(self, account: str, peer: str, now: datetime) -> bool:
        """Whether one more try may be made; if so, it is counted. One that may not be made leaves nothing behind."""
        with self._lock:
            if len(self._tries) >= _MAX_KEYS:
                self._tries = {k: t for k, t in self._tries.items() if now - t[-1] < WINDOW}
            if any(self._recent(key, now) >= most for key, most in _keys(account, peer)):
                return False
            for key, _ in _keys(account, peer):
                self._tries.setdefault(key, deque()).append(now)
            return True

    def succeeded(self, account: str, peer: str) -> None:
        """A try that was begun was no guess: it counts no more."""
        with self._lock:
            for key, _ in _keys(account, peer):
                tries = self._tries.get(key)
                if tries:
                    tries.pop()
                    if not tries:
                        del self._tries[key]

    def _recent(self, key: tuple[str, str], now: datetime) -> int:
        tries = self._tries.get(key, deque())
        while tries and now - tries[0] >= WINDOW:
            tries.popleft()
        if not tries:
            self._tries.pop(key, None)
        return len(tries)


def _keys(account: str, peer: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((account, peer), PER_PAIR), ((account, ""), PER_ACCOUNT), (("", peer), PER_PEER)
