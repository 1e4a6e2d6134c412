"""Keeps what pages show: each round looks at a little of every host, judges again what has changed, and adds up.

What an agency's figures depend on is named by its fingerprint; one whose fingerprint is as it was is left alone. Time
is in it only where looks are growing old, by the whole hours that their age counts in (docs/scoring.md).
Agencies are judged a few hundred hosts at a time, so that memory does not grow with the country.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from .board import BoardMaker, last_heard, seconds, structures
from .judging import Books
from .ledger.interface import Ledger, Transaction
from .ledger.rows import System, Unit
from .ledger.standings import Head, HostStanding, Round, Standing, StandingKind
from .rulebooks import Shelf
from .score.freshness import fraction
from .score.parameters import Parameters
from .standings import (
    FORMAT,
    Account,
    account_above,
    agency_account,
    host_standing,
    kept,
    median,
    system_heads,
    told,
)
from .tallies import unpack
from .unit_tree import UnitTree

HOSTS_AT_ONCE: Final = 200
_UNITS_AT_ONCE: Final = 100
_Key = tuple[StandingKind, str]
_T = TypeVar("_T")


class Keeper:
    """Keeps the standings of one ledger. One thread of one process at a time does that (`Ledger.duty`)."""

    def __init__(self, ledger: Ledger, maker: BoardMaker, now: Callable[[], datetime] | None = None) -> None:
        """`now`: when the index is to be told; without, as of the round."""
        self._ledger = ledger
        self._maker = maker
        self._now = now
        self._looks: dict[str, tuple[str, int]] = {}
        self._last: datetime | None = None
        self.commits = 0
        """How many transactions rounds have committed."""

    @property
    def parameters(self) -> Parameters:
        """What it scores by."""
        return self._maker.parameters

    def round(self, as_of: datetime) -> list[Head]:
        """Bring what is kept to that moment; returns the figures of every unit and system."""
        if self._last is not None and as_of < self._last:
            self._looks.clear()
        self._last = as_of
        with self._ledger.read() as tx:
            held = {(h.kind, h.id): h for h in tx.standings.heads()}
            light = Light(tx, as_of, self._maker.shelf, self._looks)
        found = self._agencies(light, held)
        self._above(light, held, found)
        heads = [msgspec.structs.replace(h, looked=light.looked(h)) for h in found.values()]
        with self._ledger.write() as tx:
            tx.standings.drop([h for key, h in held.items() if key not in found])
            tx.standings.looked([h for h in heads if h.looked != found[h.kind, h.id].looked])
            tx.standings.end_round(Round(light.as_of, len(light.places)))
        self.commits += 1
        return heads

    def _agencies(self, light: Light, held: Mapping[_Key, Head]) -> dict[_Key, Head]:
        """Figures of what units have themselves, and of their systems; written where they differ from `held`."""
        found: dict[_Key, Head] = {}
        changed: list[tuple[Unit, _Key, str]] = []
        for unit in light.agencies():
            key: _Key = ("own" if unit.code in light.tree.children else "unit", unit.code)
            fingerprint = light.fingerprint(unit.code, self.parameters)
            before = held.get(key)
            if before is None or before.fingerprint != fingerprint:
                changed.append((unit, key, fingerprint))
                continue
            found[key] = before
            for system in light.systems_of.get(unit.code, []):
                found["system", system.id] = held["system", system.id]
        for portion in portions(changed, lambda c: len(light.places_of.get(c[0].code, []))):
            board = self._maker.at(light.as_of, [unit for unit, _, _ in portion])
            hosts = {code: [host_standing(board, h) for h in there] for code, there in board.hosts_of.items()}
            with self._ledger.write() as tx:
                self._tell(tx, light.as_of, [h for some in hosts.values() for h in some])
                for _, (kind, code), fingerprint in portion:
                    account = agency_account(board, code, kind, fingerprint)
                    systems = system_heads(board, code, fingerprint)
                    tx.standings.put([kept(account), *(_without_body(s) for s in systems)])
                    tx.standings.put_hosts(code, hosts.get(code, []))
                    found |= {(h.kind, h.id): h for h in (account.head, *systems)}
            self.commits += 1
        return found

    def _tell(self, tx: Transaction, as_of: datetime, hosts: Sequence[HostStanding]) -> None:
        """Announce to the index those of which it says something else."""
        kept = {h.host: told(h) for h in tx.standings.hosts([h.host for h in hosts])}
        differ = [h.host for h in hosts if kept.get(h.host) != told(h)]
        tx.outbox.add("host", differ, as_of if self._now is None else self._now())

    def _above(self, light: Light, held: Mapping[_Key, Head], found: dict[_Key, Head]) -> None:
        """Figures of units with others beneath them, and of those that have nothing, the lowest first."""
        for code in reversed(light.tree.units):
            if ("unit", code) in found:
                continue
            own: list[_Key] = [("own", code)] if ("own", code) in found else []
            parts: list[_Key] = [*own, *(("unit", c) for c in light.tree.children.get(code, []))]
            fingerprint = _digest([(*key, found[key].fingerprint) for key in parts])
            before = held.get(("unit", code))
            if before is None or before.fingerprint != fingerprint:
                with self._ledger.write() as tx:
                    before = _add_up(tx, light, code, [found[key] for key in parts], fingerprint)
                self.commits += 1
            found["unit", code] = before


class Light:
    """A little of every host at a moment: enough to tell what has to be judged again."""

    def __init__(
        self, tx: Transaction, as_of: datetime, shelf: Shelf, looks: dict[str, tuple[str, int]]
    ) -> None:
        """`looks`: digest and time of the newest look of each agent, as far as known; brought up to date here."""
        self.as_of = as_of
        self.at = seconds(as_of)
        self.tree = UnitTree(tx.tree.units(as_of))
        self.places = {p.host: p for p in tx.tree.placements(as_of)}
        self.places_of = _by(self.places.values(), lambda p: p.unit)
        self.systems_of: dict[str, list[System]] = _by(tx.tree.systems(as_of), lambda s: s.unit)
        self._books = Books(tx.rulebooks.published(as_of), as_of, tx.rulebooks.trials(as_of))
        self._now, self._before = structures(tx, as_of, self.places, self._books, shelf, whole=True)
        newest = tx.agents.heads()
        stale = [a for a, digest in newest.items() if a not in looks or looks[a][0] != digest]
        for look in tx.chain.newest_looks(as_of, stale if len(stale) < len(newest) else None):
            looks[look.agent] = (look.digest, seconds(look.looked_at))
        self._looks = looks
        self._looked: dict[str, int] = {}
        heard = last_heard(tx, as_of)
        for host in self.places.keys() & looks.keys():
            last = seconds(heard[host]) if host in heard else 0
            self._looked[host] = min(max(last, looks[host][1]), self.at)
        self._looks_of = self._sorted_looks()

    def agencies(self) -> Iterator[Unit]:
        """Units that have something themselves, or should."""
        for code, unit in self.tree.units.items():
            if unit.kind == "agency" or code in self.systems_of or code in self.places_of:
                yield unit

    def fingerprint(self, code: str, parameters: Parameters) -> str:
        """Names all that the figures of what a unit has itself depend on."""
        hosts = [
            (
                p.host,
                p.system,
                p.criticality,
                self._demands(p.host),
                self._looks.get(p.host, ("",))[0],
                self._state(p.host, parameters),
            )
            for p in sorted(self.places_of.get(code, []), key=lambda p: p.host)
        ]
        systems = [(s.id, s.level) for s in self.systems_of.get(code, [])]
        books = (self._books.current, self._books.usable)
        return _digest((FORMAT, parameters.version, books, systems, hosts))

    def _demands(self, host: str) -> list[object]:
        """What its profiles depend on, and what they did before if that was something else."""
        now, before = self._now.demand(host), self._before.demand(host)
        return [now] if before in (None, now) else [now, before]

    def looked(self, head: Head) -> datetime | None:
        """The median of the looks of what the head stands for."""
        return median(self._looks_of.get((head.kind, head.id), []))

    def _state(self, host: str, parameters: Parameters) -> object:
        looked = self._looked.get(host)
        return None if looked is None else fraction(self.at - looked, parameters)

    def _sorted_looks(self) -> dict[_Key, list[int]]:
        found: dict[_Key, list[int]] = {}
        for host, looked in self._looked.items():
            place = self.places[host]
            found.setdefault(("own", place.unit), []).append(looked)
            if place.system is not None:
                found.setdefault(("system", place.system), []).append(looked)
        for code in reversed(self.tree.units):
            whole = list(found.get(("own", code), []))
            for beneath in self.tree.children.get(code, []):
                whole += found["unit", beneath]
            found["unit", code] = whole
        for looks in found.values():
            looks.sort()
        return found


def portions(things: Iterable[_T], hosts: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Some at a time: as many as have HOSTS_AT_ONCE hosts, at least one."""
    portion: list[_T] = []
    number = 0
    for thing in things:
        more = hosts(thing)
        if portion and (number + more > HOSTS_AT_ONCE or len(portion) == _UNITS_AT_ONCE):
            yield portion
            portion, number = [], 0
        portion.append(thing)
        number += more
    if portion:
        yield portion


def _add_up(tx: Transaction, light: Light, code: str, heads: Sequence[Head], fingerprint: str) -> Head:
    """Write what the unit has with all beneath it."""
    looked = light.looked(Head("unit", code, code, "", None, 0, 0, 0, 0, 0, None))
    account = account_above(code, [], looked, fingerprint)
    for start in range(0, len(heads), _UNITS_AT_ONCE):
        some = heads[start : start + _UNITS_AT_ONCE]
        bodies = {
            (kind, i): body
            for kind in ("own", "unit")
            for i, body in tx.standings.bodies(kind, [h.id for h in some if h.kind == kind]).items()
        }
        more = [Account(h, unpack(bodies[h.kind, h.id])) for h in some]
        account = account_above(code, [account, *more], looked, fingerprint)
    tx.standings.put([kept(account)])
    return account.head


def _without_body(head: Head) -> Standing:
    return Standing(**msgspec.structs.asdict(head), body=b"")


def _by(things: Iterable[_T], key: Callable[[_T], str]) -> dict[str, list[_T]]:
    found: dict[str, list[_T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(value)).hexdigest()
