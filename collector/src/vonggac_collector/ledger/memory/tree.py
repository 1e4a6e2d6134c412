"""Units, systems, hosts and their placements; rulebooks; daily scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise

import msgspec

from .. import rows
from ..policy import Trial
from ..sql.tree import parents_first
from .store import Store, put_new


class MemoryTree:
    """See interface.Tree."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_unit(self, unit: rows.Unit) -> None:
        put_new(self._store.units, unit.code, unit)

    def add_system(self, system: rows.System) -> None:
        put_new(self._store.systems, system.id, system)
        self.set_level(system.id, system.level, system.created_at)

    def set_level(self, system: str, level: int, since: datetime) -> None:
        self._store.levels.append((system, since, level))

    def add_host(self, host: rows.Host) -> None:
        put_new(self._store.hosts, host.id, host)

    def describe_host(self, host: str, hostname: str, os: str) -> None:
        self._store.hosts[host] = msgspec.structs.replace(self._store.hosts[host], hostname=hostname, os=os)

    def place(self, placement: rows.Placement) -> None:
        self._store.placements.append(placement)

    def units(self, as_of: datetime) -> list[rows.Unit]:
        return parents_first(u for u in self._store.units.values() if u.created_at <= as_of)

    def is_sample(self, unit: str) -> bool:
        found = self._store.units.get(unit)
        return found is not None and found.sample

    def unit_count(self, as_of: datetime) -> int:
        return len(self.units(as_of))

    def systems(self, as_of: datetime, units: Sequence[str] | None = None) -> list[rows.System]:
        levels = {s: level for s, since, level in self._store.levels if since <= as_of}
        return [
            msgspec.structs.replace(self._store.systems[s], level=level)
            for s, level in sorted(levels.items())
            if units is None or self._store.systems[s].unit in units
        ]

    def hosts(self, as_of: datetime) -> list[rows.Host]:
        found = [h for h in self._store.hosts.values() if h.expected_since <= as_of]
        return sorted(found, key=lambda h: h.id)

    def host_count(self, as_of: datetime) -> int:
        return len(self.hosts(as_of))

    def newest_hosts(
        self, above: str, since: datetime, as_of: datetime, limit: int
    ) -> list[tuple[rows.Host, rows.Placement]]:
        inside = self._store.beneath(above)
        places = {p.host: p for p in self.placements(as_of) if p.unit in inside}
        found = [h for h in self.hosts(as_of) if h.expected_since >= since and h.id in places]
        newest = sorted(found, key=lambda h: h.expected_since, reverse=True)[:limit]
        return [(h, places[h.id]) for h in newest]

    def placements(self, as_of: datetime, units: Sequence[str] | None = None) -> list[rows.Placement]:
        found = {p.host: p for p in self._store.placements if p.since <= as_of}
        return [p for p in found.values() if units is None or p.unit in units]

    def located(self, hosts: Sequence[str], as_of: datetime) -> dict[str, tuple[rows.Host, rows.Placement]]:
        found = {p.host: p for p in self.placements(as_of)}
        return {h: (self._store.hosts[h], found[h]) for h in hosts if h in self._store.hosts and h in found}

    def moved(self, since: datetime, as_of: datetime) -> list[rows.Placement]:
        had = Counter(p.host for p in self._store.placements if p.since <= as_of)
        return [p for p in self.placements(as_of) if p.since >= since and had[p.host] > 1]

    def placed_ever(self) -> list[tuple[rows.Placement, datetime | None]]:
        found = {(p.host, p.since): p for p in self._store.placements}
        return [(found[key], end) for key, end in _ends(found)]

    def levels_ever(self) -> list[tuple[rows.System, datetime, datetime | None]]:
        found = {(s, since): level for s, since, level in self._store.levels}
        return [
            (msgspec.structs.replace(self._store.systems[key[0]], level=found[key]), key[1], end)
            for key, end in _ends(found)
        ]


def _ends(found: Iterable[tuple[str, datetime]]) -> list[tuple[tuple[str, datetime], datetime | None]]:
    keys = sorted(found)
    after = {a: b[1] for a, b in pairwise(keys) if a[0] == b[0]}
    return [(key, after.get(key)) for key in keys]


class MemoryRulebooks:
    """See interface.Rulebooks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, book: rows.PublishedRulebook) -> None:
        put_new(self._store.books, book.digest, book)

    def get(self, digest: str) -> rows.PublishedRulebook | None:
        return self._store.books.get(digest)

    def published(self, as_of: datetime) -> list[tuple[str, datetime]]:
        found = [(b.digest, b.published_at) for b in self._store.books.values() if b.published_at <= as_of]
        return sorted(found, key=lambda b: (b[1], b[0]))

    def publish(self, digest: str, at: datetime) -> None:
        self._store.books[digest] = msgspec.structs.replace(self._store.books[digest], published_at=at)

    def try_out(self, trial: Trial) -> None:
        put_new(self._store.trials, trial.number, trial)

    def trials(self, as_of: datetime) -> list[Trial]:
        return [t for _, t in sorted(self._store.trials.items()) if t.at <= as_of]


class MemoryScores:
    """See interface.Scores."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, scores: Iterable[rows.DailyScore]) -> None:
        self._store.scores.update({(s.kind, s.id, s.day): s for s in scores})

    def series(
        self, kind: str, ids: Sequence[str], since: date, until: date
    ) -> dict[str, dict[date, int | None]]:
        found: dict[str, dict[date, int | None]] = {i: {} for i in ids}
        for (of_kind, identifier, day), score in self._store.scores.items():
            if of_kind == kind and identifier in found and since <= day <= until:
                found[identifier][day] = score.score
        return found

    def day(self, day: date, units: Sequence[str] | None = None) -> list[rows.DailyScore]:
        found = [s for s in self._store.scores.values() if s.day == day]
        return [s for s in found if units is None or (s.kind == "unit" and s.id in units)]

    def newest_day(self) -> date | None:
        return max((s.day for s in self._store.scores.values()), default=None)

    def versions(self) -> dict[date, tuple[int, int]]:
        found: dict[date, set[int]] = {}
        for s in self._store.scores.values():
            found.setdefault(s.day, set()).add(s.parameters)
        return {day: (min(of), max(of)) for day, of in sorted(found.items())}
