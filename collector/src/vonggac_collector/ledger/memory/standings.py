"""What the worker keeps for pages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..standings import Head, HostStanding, Round, Standing, StandingKind, order_of
from .store import Store


class MemoryStandings:
    """See standings.Standings."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def round(self) -> Round | None:
        return self._store.round.get("round")

    def end_round(self, of: Round) -> None:
        self._store.round["round"] = of

    def heads(self, ids: Sequence[str] | None = None) -> list[Head]:
        return [_head(s) for s in self._store.standings.values() if ids is None or s.id in ids]

    def systems(self, units: Sequence[str]) -> list[Head]:
        return [_head(s) for s in self._store.standings.values() if s.kind == "system" and s.unit in units]

    def bodies(self, kind: StandingKind, ids: Sequence[str]) -> dict[str, bytes]:
        return {i: self._store.standings[kind, i].body for i in ids if (kind, i) in self._store.standings}

    def put(self, standings: Sequence[Standing]) -> None:
        self._store.standings.update({(s.kind, s.id): s for s in standings})

    def looked(self, heads: Sequence[Head]) -> None:
        for head in heads:
            kept = self._store.standings[head.kind, head.id]
            self._store.standings[head.kind, head.id] = msgspec.structs.replace(kept, looked=head.looked)

    def drop(self, heads: Sequence[Head]) -> None:
        for head in heads:
            del self._store.standings[head.kind, head.id]

    def put_hosts(self, unit: str, hosts: Sequence[HostStanding]) -> None:
        there = {h: s for h, s in self._store.host_standings.items() if s.unit != unit}
        self._store.host_standings = there | {h.host: h for h in hosts}

    def hosts(self, ids: Sequence[str]) -> list[HostStanding]:
        return [self._store.host_standings[i] for i in ids if i in self._store.host_standings]

    def find_hosts(self, units: Sequence[str] | None, text: str, limit: int) -> list[HostStanding]:
        found = [
            h
            for h in self._store.host_standings.values()
            if (units is None or h.unit in units)
            and (text in h.hostname.casefold() or h.host.startswith(text))
        ]
        return sorted(found, key=lambda h: (order_of(h), h.hostname, h.host))[:limit]


def _head(standing: Standing) -> Head:
    figures = msgspec.structs.asdict(standing)
    del figures["body"]
    return Head(**figures)
