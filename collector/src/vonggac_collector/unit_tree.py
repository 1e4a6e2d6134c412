"""Units under one another, as far as somebody needs them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from .ledger.interface import Transaction
from .ledger.rows import Unit


class UnitTree:
    """`units`: parents before children."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = {u.code: u for u in units}
        self.children: dict[str, list[str]] = {}
        for unit in units:
            if unit.parent is not None:
                self.children.setdefault(unit.parent, []).append(unit.code)

    def subtree(self, code: str) -> list[str]:
        """Codes of the unit and all units under it."""
        found, left = [], [code]
        while left:
            unit = left.pop()
            found.append(unit)
            left += self.children.get(unit, [])
        return found

    def tops(self, codes: Collection[str]) -> list[str]:
        """Those of the codes whose unit above is not one of them."""
        among = {*codes}
        return [code for code in codes if self.units[code].parent not in among]

    def path(self, code: str, top: str) -> list[str]:
        """Codes from `top` down to the unit; from the root of the tree if `top` is not above it."""
        found = [code]
        while found[-1] != top and (parent := self.units[found[-1]].parent) is not None:
            found.append(parent)
        return found[::-1]


class KeptTree:
    """All units, read again when there are others: one that is there stays as it is. Safe for several threads."""

    def __init__(self) -> None:
        self._tree = UnitTree([])

    def at(self, tx: Transaction, as_of: datetime) -> UnitTree:
        """Those that were there by then."""
        tree = self._tree
        if len(tree.units) != tx.tree.unit_count(as_of):
            tree = self._tree = UnitTree(tx.tree.units(as_of))
        return tree
