"""The one place that says which units a caller may see: the subtree under their own. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from vonggac_collector.errors import NotFound
from vonggac_collector.ledger.rows import Unit

from .caller import Caller


def subtree(units: Iterable[Unit], root: str) -> list[Unit]:
    """The unit `root` and all under it, parents first; empty if there is no such unit. `units`: parents first."""
    inside: set[str] = set()
    found = []
    for unit in units:
        if unit.code == root or unit.parent in inside:
            inside.add(unit.code)
            found.append(unit)
    return found


def require_unit(units: Iterable[Unit], caller: Caller, code: str) -> Unit:
    """The unit `code` if the caller may see it. Raises NotFound, whether it exists or not."""
    for unit in subtree(units, caller.unit):
        if unit.code == code:
            return unit
    raise NotFound
