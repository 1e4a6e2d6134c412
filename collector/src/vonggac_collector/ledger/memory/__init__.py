"""The ledger's in-memory twin, for tests: the same promises, nothing on disk. The tests run both through the same.

A transaction that raises is undone by putting back a copy of the lists and dictionaries it started with; rows are
frozen, so a shallow copy is enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from ..duty import Always
from .agents import MemoryAgents, MemoryTokens
from .applicants import MemoryApplicants
from .chain import MemoryChain, MemoryHeartbeats
from .findings import MemoryFindings
from .keeping import MemoryKeeping
from .leaves import MemoryLeaves
from .outbox import MemoryOutbox
from .people import MemoryPeople, MemoryTrail
from .policy import MemoryPolicy
from .standings import MemoryStandings
from .store import Store
from .tree import MemoryRulebooks, MemoryScores, MemoryTree


class MemoryTransaction:
    """The rooms over one store."""

    def __init__(self, store: Store) -> None:
        self.committed = False
        self._last: list[Callable[[], None]] = []
        self.tree = MemoryTree(store)
        self.agents = MemoryAgents(store)
        self.chain = MemoryChain(store)
        self.findings = MemoryFindings(store)
        self.heartbeats = MemoryHeartbeats(store)
        self.tokens = MemoryTokens(store)
        self.applicants = MemoryApplicants(store)
        self.rulebooks = MemoryRulebooks(store)
        self.scores = MemoryScores(store)
        self.standings = MemoryStandings(store)
        self.people = MemoryPeople(store)
        self.trail = MemoryTrail(store)
        self.outbox = MemoryOutbox(store)
        self.keeping = MemoryKeeping(store)
        self.leaves = MemoryLeaves(store)
        self.policy = MemoryPolicy(store)

    def before_commit(self, work: Callable[[], None]) -> None:
        self._last.append(work)

    def finish(self) -> None:
        for work in self._last:
            work()


class MemoryLedger:
    """See interface.Ledger."""

    def __init__(self) -> None:
        self._store = Store()
        self._lock = threading.RLock()
        self._open: MemoryTransaction | None = None
        self._version = 0

    @contextmanager
    def write(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            before = self._store.copy()
            transaction = self._open = MemoryTransaction(self._store)
            try:
                yield transaction
                transaction.finish()
            except BaseException:
                self._store.put_back(before)
                raise
            finally:
                self._open = None
            transaction.committed = True
            self._version += 1

    @contextmanager
    def batch(self, senders: Collection[str] = ()) -> Iterator[None]:
        with self.write():
            yield

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            yield MemoryTransaction(self._store)

    def version(self) -> int:
        return self._version

    def duty(self, name: str) -> Always:
        return Always()

    def misfits(self) -> list[tuple[str, str]]:
        return []

    def close(self) -> None:
        """Nothing to close."""
