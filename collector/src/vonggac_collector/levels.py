"""The level (cấp độ) that a host counts at. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .ledger.rows import Placement, System


class Levels:
    """Of hosts in the units that these systems are of."""

    def __init__(self, systems: Iterable[System]) -> None:
        self._of_system: dict[str, int] = {}
        self._highest: dict[str, int] = {}
        for system in systems:
            self._of_system[system.id] = system.level
            self._highest[system.unit] = max(system.level, self._highest.get(system.unit, 1))

    def of(self, place: Placement) -> int:
        """That of its system; of a host in none, its unit's highest; at least 1."""
        if place.system in self._of_system:
            return self._of_system[place.system]
        return self._highest.get(place.unit, 1)
