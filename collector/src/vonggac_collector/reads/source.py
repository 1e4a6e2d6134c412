"""Where pages get their figures: a board made now, or what the worker kept. Both say the same (`standings`).

A board of a small centre costs less than a page, and shows a change at once; what is kept costs the same whatever the
number of hosts, and is as old as the last round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Protocol

import msgspec

from vonggac_collector.board import Board, HostAt, last_heard, seconds
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import Host, Placement, System
from vonggac_collector.ledger.standings import Head, HostStanding
from vonggac_collector.standings import (
    Account,
    account_above,
    agency_account,
    host_standing,
    in_order,
    median,
    system_heads,
)
from vonggac_collector.tallies import Said, Tally, peek, said_of, unpack
from vonggac_collector.unit_tree import UnitTree

_NOTHING = Head("unit", "", "", "", None, 0, 0, 0, 0, 0, None)


class Source(Protocol):
    """Where everything stands as of one moment. Knows no scope: that is `Sight`'s."""

    as_of: datetime
    tree: UnitTree

    def figures(self, codes: Sequence[str]) -> dict[str, Head]:
        """Of units with all beneath them."""

    def own(self, code: str) -> Head | None:
        """Of what a unit has itself, if there are others beneath it."""

    def tally(self, code: str) -> Tally:
        """What lies behind those figures."""

    def said(self, rule: str, codes: Sequence[str], *, own: bool = False) -> dict[str, Said]:
        """What one rule says in those units; `own`: in what they have themselves, without those that have nothing."""

    def systems(self, codes: Sequence[str]) -> list[tuple[System, Head | None]]:
        """The information systems of those units."""

    def hosts(self, ids: Sequence[str]) -> dict[str, HostStanding]: ...
    def find_hosts(self, code: str, text: str, limit: int) -> list[HostStanding]:
        """Of the unit and all beneath it, whose name holds the text, casefolded, or whose id begins with it."""

    def newest_hosts(self, code: str, since: datetime, limit: int) -> list[HostStanding]:
        """Of the unit and all beneath it, expected from `since` or later, the newest first."""


class Live:
    """See Source. From a board of everything; keeps what it has worked out. Safe for several threads."""

    def __init__(self, board: Board) -> None:
        self.as_of = board.as_of
        self.tree: UnitTree = board
        self.board = board
        self._accounts: dict[str, Account] = {}

    def figures(self, codes: Sequence[str]) -> dict[str, Head]:
        """See Source."""
        return {code: self._account(code).head for code in codes}

    def own(self, code: str) -> Head | None:
        """See Source."""
        has = code in self.tree.children and code in self.board.agencies
        return self._own(code).head if has else None

    def tally(self, code: str) -> Tally:
        """See Source."""
        return self._account(code).tally

    def said(self, rule: str, codes: Sequence[str], *, own: bool = False) -> dict[str, Said]:
        """See Source."""
        some = [c for c in codes if not own or c in self.board.agencies]
        return {c: said_of((self._own(c) if own else self._account(c)).tally, rule) for c in some}

    def _own(self, code: str) -> Account:
        return (
            self._account(code) if code not in self.tree.children else agency_account(self.board, code, "own")
        )

    def _account(self, code: str) -> Account:
        if code not in self._accounts:
            if code in self.board.agencies and code not in self.tree.children:
                self._accounts[code] = agency_account(self.board, code)
            else:
                parts = [self._account(c) for c in self.tree.children.get(code, [])]
                parts += [self._own(code)] if code in self.board.agencies else []
                looks = sorted(
                    min(seconds(h.looked_at), self.board.now)
                    for h in self.board.hosts_under(code)
                    if h.looked_at is not None
                )
                self._accounts[code] = account_above(code, parts, median(looks))
        return self._accounts[code]

    def systems(self, codes: Sequence[str]) -> list[tuple[System, Head | None]]:
        """See Source."""
        heads = {h.id: h for code in codes for h in system_heads(self.board, code)}
        return [(s, heads.get(s.id)) for code in codes for s in self.board.systems_of.get(code, [])]

    def hosts(self, ids: Sequence[str]) -> dict[str, HostStanding]:
        """See Source."""
        return {i: self._host(self.board.hosts[i]) for i in ids if i in self.board.hosts}

    def find_hosts(self, code: str, text: str, limit: int) -> list[HostStanding]:
        """See Source."""
        found = [
            self._host(h)
            for h in self.board.hosts_under(code)
            if text in h.host.hostname.casefold() or h.host.id.startswith(text)
        ]
        return in_order(found)[:limit]

    def newest_hosts(self, code: str, since: datetime, limit: int) -> list[HostStanding]:
        """See Source."""
        lately = [h for h in self.board.hosts_under(code) if h.host.expected_since >= since]
        lately.sort(key=lambda h: h.host.id)
        lately.sort(key=lambda h: h.host.expected_since, reverse=True)
        return [self._host(h) for h in lately[:limit]]

    def _host(self, host: HostAt) -> HostStanding:
        return msgspec.structs.replace(host_standing(self.board, host), looked_at=host.looked_at)


class Kept:
    """See Source. From what the last round kept, within one transaction; hosts that moved since are where they are."""

    def __init__(self, tx: Transaction, as_of: datetime, tree: UnitTree, now: datetime) -> None:
        self.as_of = as_of
        self.tree = tree
        self._tx = tx
        self._now = now

    def figures(self, codes: Sequence[str]) -> dict[str, Head]:
        """See Source. A unit made since the last round has nothing yet."""
        found = {h.id: h for h in self._tx.standings.heads(codes) if h.kind == "unit"}
        return {code: found.get(code, _NOTHING) for code in codes}

    def own(self, code: str) -> Head | None:
        """See Source."""
        return next((h for h in self._tx.standings.heads([code]) if h.kind == "own"), None)

    def tally(self, code: str) -> Tally:
        """See Source."""
        body = self._tx.standings.bodies("unit", [code]).get(code)
        return account_above(code, [], None).tally if body is None else unpack(body)

    def said(self, rule: str, codes: Sequence[str], *, own: bool = False) -> dict[str, Said]:
        """See Source."""
        above = [c for c in codes if own and c in self.tree.children]
        bodies = self._tx.standings.bodies("unit", [c for c in codes if c not in above])
        bodies |= self._tx.standings.bodies("own", above)
        return {code: peek(body, rule) for code, body in bodies.items()}

    def systems(self, codes: Sequence[str]) -> list[tuple[System, Head | None]]:
        """See Source."""
        heads = {h.id: h for h in self._tx.standings.systems(codes)}
        return [(s, heads.get(s.id)) for s in self._tx.tree.systems(self.as_of, codes)]

    def hosts(self, ids: Sequence[str]) -> dict[str, HostStanding]:
        """See Source."""
        return {h.host: h for h in self._heard(self._placed(self._tx.standings.hosts(ids)))}

    def find_hosts(self, code: str, text: str, limit: int) -> list[HostStanding]:
        """See Source."""
        units = None if self.tree.units[code].parent is None else self.tree.subtree(code)
        found = self._tx.standings.find_hosts(units, text, limit + len(self._moved))
        others = self._moved.keys() - {h.host for h in found}
        came = [
            h
            for h in self._tx.standings.hosts(sorted(others))
            if text in h.hostname.casefold() or h.host.startswith(text)
        ]
        here = [h for h in self._placed([*found, *came]) if units is None or h.unit in units]
        return self._heard(in_order(here)[:limit])

    def newest_hosts(self, code: str, since: datetime, limit: int) -> list[HostStanding]:
        """See Source. Hosts enrolled since the last round are among them."""
        found = self._tx.tree.newest_hosts(code, since, self.as_of, limit)
        kept = self.hosts([h.id for h, _ in found])
        return [kept.get(h.id) or _unheard(h, place) for h, place in found]

    @cached_property
    def _moved(self) -> dict[str, Placement]:
        return {p.host: p for p in self._tx.tree.moved(self.as_of, self._now)}

    def _placed(self, hosts: Iterable[HostStanding]) -> Iterator[HostStanding]:
        for host in hosts:
            place = self._moved.get(host.host)
            yield (
                host if place is None else msgspec.structs.replace(host, unit=place.unit, system=place.system)
            )

    def _heard(self, hosts: Iterable[HostStanding]) -> list[HostStanding]:
        found = list(hosts)
        heard = last_heard(self._tx, self.as_of, [h.host for h in found])
        return [
            h
            if h.looked_at is None or h.host not in heard
            else msgspec.structs.replace(h, looked_at=max(h.looked_at, heard[h.host]))
            for h in found
        ]


def _unheard(host: Host, place: Placement) -> HostStanding:
    return HostStanding(
        host.id, place.unit, place.system, host.hostname, host.os, host.sample, None, True, 0, 0, None
    )
