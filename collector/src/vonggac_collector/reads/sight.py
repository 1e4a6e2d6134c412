"""What one caller may see of a board: the subtree under their unit, and nothing else can be reached through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from vonggac_collector import views
from vonggac_collector.auth import Caller
from vonggac_collector.auth.scope import subtree
from vonggac_collector.board import Board, HostAt
from vonggac_collector.errors import NotFound
from vonggac_collector.ledger.rows import System, Unit
from vonggac_collector.score.values import GroupScore
from vonggac_contract.finding import Outcome

FAILING: Final = frozenset({Outcome.FAIL, Outcome.PARTIAL})


class Sight:
    """Raises NotFound if the caller's unit is gone."""

    def __init__(self, board: Board, caller: Caller) -> None:
        self.board = board
        self.units: dict[str, Unit] = {u.code: u for u in subtree(board.units.values(), caller.unit)}
        if caller.unit not in self.units:
            raise NotFound
        self.root = self.units[caller.unit]

    def unit(self, code: str) -> Unit:
        """Raises NotFound for a unit outside, as for one that does not exist."""
        if code not in self.units:
            raise NotFound
        return self.units[code]

    def host(self, host_id: str) -> HostAt:
        """Raises NotFound for a host outside, as for one that does not exist."""
        host = self.board.hosts.get(host_id)
        if host is None or host.place.unit not in self.units:
            raise NotFound
        return host

    def hosts(self) -> list[HostAt]:
        """Every host in sight."""
        return [h for code in self.units for h in self.board.hosts_of.get(code, [])]

    def hosts_under(self, code: str) -> list[HostAt]:
        """The hosts of the unit and of all under it. Raises NotFound."""
        self.unit(code)
        return self.board.hosts_under(code)

    def systems(self) -> list[System]:
        """Every system in sight."""
        return [s for code in self.units for s in self.board.systems_of.get(code, [])]

    def children(self, code: str) -> list[Unit]:
        """The units directly under that one. Raises NotFound."""
        self.unit(code)
        return [self.units[c] for c in self.board.children.get(code, [])]

    def path(self, code: str) -> list[views.UnitLink]:
        """From the caller's unit down to that one. Raises NotFound."""
        self.unit(code)
        return [link(self.units[c]) for c in self.board.path(code, self.root.code)]

    def link(self, code: str) -> views.UnitLink:
        """A unit by name and by that of the unit above, as far as it is in sight. Raises NotFound."""
        return link_within(self.units, self.unit(code))

    def score(self, code: str) -> GroupScore:
        """The unit's score. Raises NotFound."""
        self.unit(code)
        return self.board.scores[code]


def link(unit: Unit) -> views.UnitLink:
    """A unit by name."""
    return views.UnitLink(unit.code, unit.name_vi, unit.name_en, unit.sample)


def link_within(units: Mapping[str, Unit], unit: Unit) -> views.UnitLink:
    """A unit by name and by that of the unit above, as far as that is among `units`, the caller's."""
    above = units.get(unit.parent or "")
    if above is None or above.parent is None:
        return link(unit)
    return msgspec.structs.replace(link(unit), within_vi=above.name_vi, within_en=above.name_en)


def failing(host: HostAt) -> tuple[int, int]:
    """How many rules the host fails or meets only in part, and how many of these are critical."""
    if host.judged is None:
        return 0, 0
    found = [r.severity for r in host.judged.input.rules if r.outcome in FAILING]
    return len(found), found.count("critical")


def host_row(board: Board, host: HostAt) -> views.HostRow:
    """A host in a list."""
    number, critical = failing(host)
    system = board.systems.get(host.place.system or "")
    return views.HostRow(
        id=host.host.id,
        hostname=host.host.hostname,
        score=None if host.judged is None else host.judged.score.score,
        looked_at=host.looked_at,
        silent=board.is_silent(host),
        failing=number,
        critical=critical,
        os=host.host.os,
        system="" if system is None else system.id,
        sample=host.host.sample,
        system_vi="" if system is None else system.name_vi,
        system_en="" if system is None else system.name_en,
        unit=link(board.units[host.place.unit]),
    )


def host_rows(board: Board, hosts: Iterable[HostAt]) -> list[views.HostRow]:
    """Hosts in a list: silent ones first, then the worst."""
    made = [host_row(board, h) for h in hosts]
    return sorted(
        made, key=lambda r: (not r.silent, r.score if r.score is not None else -1, r.hostname, r.id)
    )


def system_row(board: Board, system: System) -> views.SystemRow:
    """A system with its score."""
    score = board.system_scores.get(system.id)
    hosts = sum(h.place.system == system.id for h in board.hosts_of.get(system.unit, []))
    return views.SystemRow(
        id=system.id,
        name_vi=system.name_vi,
        name_en=system.name_en,
        level=system.level,
        score=None if score is None else score.score,
        hosts=hosts,
        sample=system.sample,
        weight=0 if score is None or score.score is None else score.weight,
    )
