"""What one caller may see: the subtree under their unit, and nothing else can be reached through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from vonggac_collector import views
from vonggac_collector.auth import Caller
from vonggac_collector.auth.scope import subtree
from vonggac_collector.errors import NotFound
from vonggac_collector.ledger.rows import System, Unit
from vonggac_collector.ledger.standings import Head, HostStanding
from vonggac_collector.score.parameters import Parameters

from .source import Source


class Sight:
    """Raises NotFound if the caller's unit is gone."""

    def __init__(self, source: Source, caller: Caller, parameters: Parameters) -> None:
        self.source = source
        self.as_of = source.as_of
        self.parameters = parameters
        self.units: dict[str, Unit] = {u.code: u for u in subtree(source.tree.units.values(), caller.unit)}
        if caller.unit not in self.units:
            raise NotFound
        self.root = self.units[caller.unit]

    def unit(self, code: str) -> Unit:
        """Raises NotFound for a unit outside, as for one that does not exist."""
        if code not in self.units:
            raise NotFound
        return self.units[code]

    def under(self, code: str) -> list[str]:
        """Codes of the unit and all under it. Raises NotFound."""
        self.unit(code)
        return self.source.tree.subtree(code)

    def children(self, code: str) -> list[Unit]:
        """The units directly under that one. Raises NotFound."""
        self.unit(code)
        return [self.units[c] for c in self.source.tree.children.get(code, [])]

    def path(self, code: str) -> list[views.UnitLink]:
        """From the caller's unit down to that one. Raises NotFound."""
        self.unit(code)
        return [link(self.units[c]) for c in self.source.tree.path(code, self.root.code)]

    def link(self, code: str) -> views.UnitLink:
        """A unit by name and by that of the unit above, as far as it is in sight. Raises NotFound."""
        return link_within(self.units, self.unit(code))

    def host_rows(self, hosts: Sequence[HostStanding]) -> list[views.HostRow]:
        """Hosts in a list, in that order; what lies outside is left out."""
        inside = [h for h in hosts if h.unit in self.units]
        systems = {s.id: s for s, _ in self.source.systems(sorted({h.unit for h in inside if h.system}))}
        return [_host_row(h, self.units[h.unit], systems.get(h.system or "")) for h in inside]


def link(unit: Unit) -> views.UnitLink:
    """A unit by name."""
    return views.UnitLink(unit.code, unit.name_vi, unit.name_en, unit.sample)


def link_within(units: Mapping[str, Unit], unit: Unit) -> views.UnitLink:
    """A unit by name and by that of the unit above, as far as that is among `units`, the caller's."""
    above = units.get(unit.parent or "")
    if above is None or above.parent is None:
        return link(unit)
    return msgspec.structs.replace(link(unit), within_vi=above.name_vi, within_en=above.name_en)


def _host_row(host: HostStanding, unit: Unit, system: System | None) -> views.HostRow:
    return views.HostRow(
        id=host.host,
        hostname=host.hostname,
        score=host.score,
        looked_at=host.looked_at,
        silent=host.silent,
        failing=host.failing,
        critical=host.critical,
        os=host.os,
        system="" if system is None else system.id,
        sample=host.sample,
        system_vi="" if system is None else system.name_vi,
        system_en="" if system is None else system.name_en,
        unit=link(unit),
    )


def system_row(system: System, head: Head | None) -> views.SystemRow:
    """A system with its score."""
    score = None if head is None else head.score
    return views.SystemRow(
        id=system.id,
        name_vi=system.name_vi,
        name_en=system.name_en,
        level=system.level,
        score=score,
        hosts=0 if head is None else head.expected,
        sample=system.sample,
        weight=0 if head is None or score is None else head.weight,
    )
