"""Where everything stood at a moment: the ledger's rows of then, judged and scored.

Only what the ledger had committed by then counts (docs/adr/0005): the same ledger and moment give the same board. The
arithmetic is left to `score`, what counts of a look to `judging`, publishing to `rollup`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from .errors import LedgerDamaged
from .ingest.outcomes import vectors_at
from .ingest.quarters import newest_known
from .instants import to_microseconds
from .judging import GRACE, Bench, Books, Judge, Judged
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Host, LookHead, Placement, System, Unit
from .levels import Levels
from .rulebooks import Shelf
from .score.parameters import Parameters
from .score.system import agency_score, parent_score
from .score.values import LEVELS, AgencyInput, AgencyScore, GroupScore, PlacedHost, SystemInput, SystemScore
from .unit_tree import UnitTree

_SECOND: Final = 1_000_000
_CRITICALITIES: Final = frozenset({1, 2, 3})


class HostAt(msgspec.Struct, frozen=True):
    """A host at the board's moment. `judged` and `look` are None for one that was never heard."""

    host: Host
    place: Placement
    level: int
    profile: str
    look: LookHead | None
    looked_at: datetime | None
    judged: Judged | None
    placed: PlacedHost


class Board(UnitTree):
    """Scores of every unit, system and host at `as_of`; of some units, without what is beneath them elsewhere."""

    def __init__(
        self,
        as_of: datetime,
        units: Sequence[Unit],
        systems: list[System],
        hosts: list[HostAt],
        parameters: Parameters,
    ) -> None:
        super().__init__(units)
        self.as_of = as_of
        self.systems = {s.id: s for s in systems}
        self.hosts = {h.host.id: h for h in hosts}
        self.systems_of: dict[str, list[System]] = {}
        for system in systems:
            self.systems_of.setdefault(system.unit, []).append(system)
        self.hosts_of: dict[str, list[HostAt]] = {}
        for host in hosts:
            self.hosts_of.setdefault(host.place.unit, []).append(host)
        self.parameters = parameters
        self.now = seconds(as_of)
        self.agency_inputs: dict[str, AgencyInput] = {}
        self.agencies: dict[str, AgencyScore] = {}
        self._score()

    def _score(self) -> None:
        for code in self.units:
            given = self._agency_input(code)
            if given is not None:
                self.agency_inputs[code] = given
                self.agencies[code] = agency_score(given, self.now, self.parameters)
        self.scores: dict[str, GroupScore] = {code: self._unit_score(code) for code in self.units}
        self.system_scores: dict[str, SystemScore] = {
            s.system: s for agency in self.agencies.values() for s in agency.systems
        }

    def _agency_input(self, code: str) -> AgencyInput | None:
        systems, hosts = self.systems_of.get(code, []), self.hosts_of.get(code, [])
        if self.units[code].kind != "agency" and not systems and not hosts:
            return None
        inside = {s.id: [h.placed for h in hosts if h.place.system == s.id] for s in systems}
        return AgencyInput(
            code,
            tuple(SystemInput(s.id, s.level, tuple(inside[s.id])) for s in systems),
            tuple(h.placed for h in hosts if h.place.system not in inside),
        )

    def _unit_score(self, code: str) -> GroupScore:
        if code not in self.children and code in self.agencies:
            return self.agencies[code]
        return parent_score(code, self.agencies_under(code), self.parameters)

    def agencies_under(self, code: str) -> list[AgencyScore]:
        """Scores of the agencies in the unit's subtree, its own included."""
        return [self.agencies[c] for c in self.subtree(code) if c in self.agencies]

    def hosts_under(self, code: str) -> list[HostAt]:
        """Every expected host in the unit's subtree."""
        return [h for c in self.subtree(code) for h in self.hosts_of.get(c, [])]

    def is_silent(self, host: HostAt) -> bool:
        """Whether the host's look, if there is one, counts nothing any more."""
        looked_at = host.placed.looked_at
        return looked_at is None or self.now - looked_at >= self.parameters.silent_after_s


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970 UTC, rounded down."""
    return to_microseconds(moment) // _SECOND


class BoardMaker:
    """Makes boards from one ledger; keeps what it judged, so that the next one costs little."""

    def __init__(self, ledger: Ledger, shelf: Shelf, parameters: Parameters) -> None:
        self._ledger = ledger
        self.shelf = shelf
        self._bench = Bench(shelf, parameters)
        self.parameters = parameters

    def at(self, as_of: datetime, units: Sequence[Unit] | None = None) -> Board:
        """The board of that moment. `units`: only these, parents first, as they were then."""
        with self._ledger.read() as tx:
            codes = None if units is None else [u.code for u in units]
            places = {p.host: p for p in tx.tree.placements(as_of, codes)}
            whole = units is None
            there = tx.tree.hosts(as_of) if whole else _located(tx, as_of, list(places))
            hosts = self._hosts(tx, as_of, places, [h for h in there if h.id in places], whole=whole)
            systems = tx.tree.systems(as_of, codes)
            everything = units if units is not None else tx.tree.units(as_of)
        return Board(as_of, everything, systems, hosts, self.parameters)

    def host_at(self, tx: Transaction, as_of: datetime, host: Host, place: Placement) -> HostAt:
        """One host at that moment, which had its place then."""
        return self._hosts(tx, as_of, {host.id: place}, [host], whole=False)[0]

    def _hosts(
        self,
        tx: Transaction,
        as_of: datetime,
        places: dict[str, Placement],
        hosts: list[Host],
        *,
        whole: bool,
    ) -> list[HostAt]:
        """`whole`: these are all hosts there are."""
        some = None if whole else list(places)
        books = Books(tx.rulebooks.published(as_of), as_of, tx.rulebooks.trials(as_of))
        looks = {x.agent: x for x in tx.chain.newest_looks(as_of, some)}
        heard = last_heard(tx, as_of, some)
        now, before = structures(tx, as_of, places, books, self.shelf, whole=whole)
        judged = self._judge(hosts, looks, now, before, books, tx)
        return [self._host_at(h, now, looks.get(h.id), heard.get(h.id), judged.get(h.id)) for h in hosts]

    def _judge(
        self,
        hosts: list[Host],
        looks: dict[str, LookHead],
        now: Structure,
        before: Structure,
        books: Books,
        tx: Transaction,
    ) -> dict[str, Judged]:
        judges: dict[str, Judge] = {}
        found: dict[str, Judged] = {}
        for host in hosts:
            look = looks.get(host.id)
            if look is None:
                continue
            allowed = {b: now.profiles(host.id, b) + before.profiles(host.id, b) for b in books.usable}
            judge = books.judge_for(look, allowed)
            if judge is not None:
                judges[host.id] = judge
                known = self._bench.known(look, judge)
                if known is not None:
                    found[host.id] = known
        vectors = vectors_at(tx, [looks[h].digest for h in judges if h not in found])
        for host in hosts:
            if host.id in judges and host.id not in found:
                look = looks[host.id]
                found[host.id] = self._bench.judge(host, look, vectors[look.digest], judges[host.id])
        return found

    def _host_at(
        self,
        host: Host,
        structure: Structure,
        look: LookHead | None,
        heard: datetime | None,
        judged: Judged | None,
    ) -> HostAt:
        place = structure.places[host.id]
        looked_at = None
        if look is not None:
            looked_at = max(look.looked_at, heard) if heard is not None else look.looked_at
        placed = PlacedHost(
            host.id,
            None if judged is None else judged.score,
            None if looked_at is None else seconds(looked_at),
            criticality=place.criticality,
        )
        profile = judged.judge.profile if judged is not None else structure.profile_in_force(host.id)
        return HostAt(host, place, structure.level(host.id), profile, look, looked_at, judged, placed)


def _located(tx: Transaction, as_of: datetime, hosts: Sequence[str]) -> list[Host]:
    found = tx.tree.located(hosts, as_of)
    return [found[h][0] for h in sorted(found)]


def last_heard(tx: Transaction, as_of: datetime, agents: Sequence[str] | None = None) -> dict[str, datetime]:
    """Of each of the agents, or of all, the newest heartbeat's look that was surely known at `as_of`."""
    found = dict(tx.heartbeats.newest_late(as_of, agents))
    for agent, day, mask in tx.heartbeats.recent(as_of.date(), agents):
        known = newest_known(day, mask, as_of)
        if known is not None and (agent not in found or known > found[agent]):
            found[agent] = known
    return found


def structures(
    tx: Transaction,
    as_of: datetime,
    places: dict[str, Placement],
    books: Books,
    shelf: Shelf,
    *,
    whole: bool,
) -> tuple[Structure, Structure]:
    """Where these hosts belong at that moment, and where they did GRACE before. `whole`: they are all there are."""
    earlier = as_of - GRACE
    lately = [h for h, p in places.items() if p.since > earlier]
    before = {h: p for h, p in places.items() if p.since <= earlier}
    before |= {h: place for h, (_, place) in tx.tree.located(lately, earlier).items()}
    of = None if whole else sorted({p.unit for found in (places, before) for p in found.values()})
    now = Structure(tx.tree.systems(as_of, of), places, books, shelf)
    return now, Structure(tx.tree.systems(earlier, of), before, books, shelf)


class Structure:
    """Where hosts belonged at a moment, and by which profile they had to be judged.

    Raises LedgerDamaged for a level or criticality that nothing here ever writes.
    """

    def __init__(
        self, systems: Sequence[System], places: dict[str, Placement], books: Books, shelf: Shelf
    ) -> None:
        odd = [f"system {s.id}: level {s.level} is not 1 to 5" for s in systems if s.level not in LEVELS]
        odd += [
            f"host {p.host}: criticality {p.criticality} is not 1, 2 or 3"
            for p in places.values()
            if p.criticality not in _CRITICALITIES
        ]
        if odd:
            raise LedgerDamaged(
                f"{odd[0]}: somebody wrote past the collector; `vonggac-collector ledger verify` names what was edited"
            )
        self.places = places
        self._levels = Levels(systems)
        self._books = books
        self.shelf = shelf

    def level(self, host: str) -> int:
        """See Levels."""
        return self._levels.of(self.places[host])

    def demand(self, host: str) -> tuple[int, str | None] | None:
        """What its profiles depend on beside the rulebook: level and override; None if it was not there."""
        return (self.level(host), self.places[host].profile) if host in self.places else None

    def profiles(self, host: str, rulebook: str) -> list[str]:
        """The profile in force for the host in that rulebook; none if the host was not there."""
        if host not in self.places:
            return []
        override = self.places[host].profile
        if override is not None and override in self.shelf.get(rulebook).profiles:
            return [override]
        return [self.shelf.profile_for_level(rulebook, self.level(host))]

    def profile_in_force(self, host: str) -> str:
        """In the newest rulebook; empty if none was published."""
        current = self._books.current
        return "" if current is None else self.profiles(host, current)[0]
