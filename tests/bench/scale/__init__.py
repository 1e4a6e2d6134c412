"""How everything grows with the number of hosts: the same country with 1,000, 10,000, 100,000 machines, measured alike.

`options` says what can be chosen, `country` where machines stand, `making` puts them into a ledger through the
collector's own ingest, `kept` keeps the finished ledger and its index and works on a copy; the other modules measure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from tests.bench.figures import Figure
from tests.services import elasticsearch, postgres

from .kept import opened
from .options import Options, Store, options
from .sizes import measured


def figures() -> Iterator[Figure]:
    """Each size on each store, then how each figure grew between sizes."""
    chosen = options()
    found: dict[tuple[Store, str, str], dict[int, float]] = {}
    for hosts in chosen.sizes:
        for store in stores(chosen, hosts):
            with opened(store, hosts, chosen) as place:
                for figure in measured(place, chosen):
                    found.setdefault((store, figure.name, figure.unit), {})[hosts] = figure.value
                    yield named(figure, f"{store}, {hosts:,}: ")
    for (store, what, unit), values in found.items():
        for (few, before), (many, after) in pairwise(sorted(values.items())):
            if (power := exponent(few, before, many, after)) is not None:
                yield Figure(f"{store}, {few:,} to {many:,}: {what}, {unit}", power, "power")


def stores(chosen: Options, hosts: int) -> list[Store]:
    """Those that are there and meant for so many hosts."""
    there = {"SQLite": hosts <= chosen.sqlite_most}
    there["PostgreSQL alone"] = postgres.programs() is not None
    there["PostgreSQL"] = there["PostgreSQL alone"] and "PostgreSQL" in chosen.stores and _has_search()
    return [s for s in chosen.stores if there[s]]


def _has_search() -> bool:
    try:
        elasticsearch.package()
    except FileNotFoundError as missing:
        print(f"  {missing}", flush=True)
        return False
    return True


def named(figure: Figure, before: str) -> Figure:
    """The figure with more before its name."""
    return Figure(before + figure.name, figure.value, figure.unit, figure.aim, figure.over, figure.beside)


def exponent(few: int, before: float, many: int, after: float) -> float | None:
    """The power of the number of hosts that a figure grew by: 0 stays, 1 is as many times, 2 squared.

    None where there is none: of nothing, or of what was not answered.
    """
    if not (0 < before < math.inf and 0 < after < math.inf):
        return None
    return math.log(after / before) / math.log(many / few)
