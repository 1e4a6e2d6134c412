"""The order of committed reports, and its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..leaves import Leaf, Member, Signed
from .store import Store, put_new


class MemoryLeaves:
    """See leaves.Leaves."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def hold(self) -> None:
        """There is one writer."""

    def size(self) -> int:
        return max(self._store.leaves, default=-1) + 1

    def behind(self, after: str, limit: int) -> list[str]:
        there = {(x.agent, x.epoch, x.sequence) for x in self._store.leaves.values()}
        found = [
            a.id
            for a in self._store.agents.values()
            if (a.head_sequence or a.epoch > 1) and (a.id, a.epoch, a.head_sequence) not in there
        ]
        return sorted(a for a in found if a > after)[:limit]

    def without(self, agent: str, limit: int) -> list[Member]:
        last = max((x.place for x in self.of_agents([agent])), default=(0, 0))
        return [m for m in self.members([agent]) if m.place > last][:limit]

    def add(self, leaves: Sequence[Leaf]) -> None:
        for leaf in leaves:
            if self.by_digest(leaf.digest) or self.at(leaf.agent, leaf.epoch, leaf.sequence):
                raise ValueError(f"{leaf.digest} has a leaf already")
            put_new(self._store.leaves, leaf.number, leaf)

    def by_digest(self, digest: str) -> Leaf | None:
        return next((x for x in self._store.leaves.values() if x.digest == digest), None)

    def at(self, agent: str, epoch: int, sequence: int) -> Leaf | None:
        return next((x for x in self.of_agents([agent]) if x.place == (epoch, sequence)), None)

    def walk(self, after: int, limit: int) -> list[Leaf]:
        return [x for n, x in sorted(self._store.leaves.items()) if n > after][:limit]

    def of_agents(self, agents: Sequence[str]) -> list[Leaf]:
        found = [x for x in self._store.leaves.values() if x.agent in agents]
        return sorted(found, key=lambda x: (x.agent, x.epoch, x.sequence))

    def members(self, agents: Sequence[str]) -> list[Member]:
        found = [
            Member(e.agent, e.epoch, e.sequence, e.digest, e.committed_at, e.shelf)
            for e in self._store.envelopes.values()
            if e.agent in agents and e.state == "committed" and e.committed_at is not None
        ]
        return sorted(found, key=lambda m: (m.agent, m.epoch, m.sequence))

    def tile(self, level: int, number: int) -> bytes:
        return self._store.tiles.get((level, number), b"")

    def put_tiles(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        self._store.tiles.update(tiles)

    def sign(self, checkpoint: Signed) -> None:
        put_new(self._store.checkpoints, checkpoint.number, checkpoint)

    def newest(self) -> Signed | None:
        return self._store.checkpoints.get(max(self._store.checkpoints, default=0))

    def checkpoints(self, after: int, limit: int) -> list[Signed]:
        return [c for n, c in sorted(self._store.checkpoints.items()) if n > after][:limit]
