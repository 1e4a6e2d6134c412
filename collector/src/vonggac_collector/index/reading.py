"""Reads what the ledger says of hosts, for their documents; in one read transaction, after a ticket was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from vonggac_collector.ingest.projection import unpack_json
from vonggac_collector.ledger.interface import Ledger, Transaction
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.levels import Levels
from vonggac_collector.reads.texts import Texts
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.unit_tree import KeptTree, UnitTree

from .documents import Standing, event, host_state, score
from .interface import Event, HostState, Noted, Score

_HISTORY: Final = 10_000
"""Changes of one host that are read at once."""


class Read(msgspec.Struct, frozen=True):
    """Hosts as they are, and those that could not be made into documents, with the reason."""

    states: list[HostState]
    events: list[Event]
    broken: dict[str, str]


class Reader:
    """Reads from one ledger. Safe for several threads."""

    def __init__(self, ledger: Ledger, shelf: Shelf, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._now = now
        self._tree = KeptTree()

    def hosts(self) -> list[str]:
        """Every host's id, in order."""
        with self._ledger.read() as tx:
            return sorted(h.id for h in tx.tree.hosts(self._now()))

    def read(
        self, agents: Sequence[str], ticket: int, noted: Mapping[str, Noted], *, events: bool = True
    ) -> Read:
        """The hosts' states under the ticket. `noted`: what the index has of them already. `events`: of these, too."""
        now = self._now()
        found = Read([], [], {})
        with self._ledger.read() as tx:
            texts = Texts(self._shelf, [digest for digest, _ in tx.rulebooks.published(now)])
            standings = _Standings(tx, self._tree.at(tx, now), agents, now)
            failings = tx.findings.current(agents)
            for agent in agents:
                standing = standings.of(agent)
                if standing is None:
                    found.states.append(HostState(agent, ticket, gone=True))
                    continue
                try:
                    known = noted.get(agent, Noted())
                    sections = {s.name: s for s in tx.chain.sections(agent)}
                    state = host_state(
                        ticket,
                        standing,
                        failings.get(agent, []),
                        lambda name, held=sections: unpack_json(held[name].content) if name in held else None,  # type: ignore[misc]
                        texts.rule,
                        digests={name: s.digest for name, s in sections.items()},
                        noted=known.inventory,
                    )
                    found.states.append(state)
                    if events:
                        found.events.extend(_events(tx, standing, (known.epoch, known.sequence), texts))
                except Exception as e:  # noqa: BLE001  one host that cannot be read must not keep all others out
                    found.broken[agent] = f"cannot be made into documents: {type(e).__name__}: {e}"
        return found

    def scores(self, days: Iterable[date], since: datetime | None = None) -> Iterator[list[Score]]:
        """What was published for each of the days; as of `since` or later, if it is given."""
        now = self._now()
        with self._ledger.read() as tx:
            units = self._tree.at(tx, now).units
            unit_of = {s.id: s.unit for s in tx.tree.systems(now)}
        for day in days:
            with self._ledger.read() as tx:
                rows = [r for r in tx.scores.day(day) if since is None or r.as_of >= since]
            yield [
                score(r, path_of(units, r.id if r.kind == "unit" else unit_of.get(r.id, ""))) for r in rows
            ]


class _Standings:
    """Where each of some hosts belongs."""

    def __init__(self, tx: Transaction, tree: UnitTree, agents: Sequence[str], now: datetime) -> None:
        self._tx = tx
        self._now = now
        self._located = tx.tree.located(agents, now)
        self._units = tree.units
        theirs = sorted({place.unit for _, place in self._located.values()})
        self._systems = {s.id: s for s in tx.tree.systems(now, theirs)}
        self._levels = Levels(self._systems.values())
        self._kept = {h.host: h for h in tx.standings.hosts(agents)}

    def of(self, agent: str) -> Standing | None:
        """None for a host that has no place."""
        if agent not in self._located:
            return None
        host, place = self._located[agent]
        system = self._systems.get(place.system or "")
        look = self._tx.chain.newest_look(agent, self._now)
        path = path_of(self._units, place.unit)
        level = self._levels.of(place)
        kept = self._kept.get(agent)
        return Standing(host, place, path, system, level, self._tx.agents.get(agent), look, kept)


def _events(tx: Transaction, standing: Standing, after: tuple[int, int], texts: Texts) -> Iterable[Event]:
    while True:
        changes = tx.findings.history(standing.host.id, after=after, limit=_HISTORY)
        yield from (event(c, standing, texts.rule(c.rule)) for c in changes)
        if len(changes) < _HISTORY:
            return
        # What the limit cut off of the last look comes with the next; unless that look fills all of it.
        last = changes[-1]
        before = (last.epoch, last.sequence - 1)
        after = before if before > after else (last.epoch, last.sequence)


def path_of(units: dict[str, Unit], code: str) -> list[Unit]:
    """The unit and every unit above it, the root first; empty for a unit that there is not."""
    found: list[Unit] = []
    unit = units.get(code)
    while unit is not None:
        found.append(unit)
        unit = units.get(unit.parent or "")
    return found[::-1]
