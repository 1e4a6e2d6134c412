"""A country of so many machines: the units of Việt Nam, their systems, and where each machine stands. Pure.

Communes are the agencies; what a province's own offices run stands on the province. All by seeded chance, so that the
machines of a small country are the first ones of a large one.
"""

from __future__ import annotations

import csv
import itertools
import random
from importlib.resources import files
from typing import Final, NamedTuple

from vonggac_collector.structure import NewUnit

ROOT: Final = "vn"
SEED: Final = 20261126
LEVELS: Final = {1: 25, 2: 40, 3: 25, 4: 8, 5: 2}
"""How often a system is of that level, in a hundred; the project's own figure."""
SYSTEMS: Final = (1, 3)
"""Fewest and most of a unit."""
PROVINCE: Final = 30
"""Machines of a province's offices against those of an ordinary commune; the project's own figure."""
UNASSIGNED: Final = 0.05
"""How many machines belong to no system."""


class NewSystem(NamedTuple):
    """A system to be made."""

    id: str
    unit: str
    level: int


class Spot(NamedTuple):
    """Where a machine stands; the level by which it is judged."""

    unit: str
    system: str | None
    level: int


class Country(NamedTuple):
    """Units with parents before children; `spots` by the machine's number."""

    units: list[NewUnit]
    systems: list[NewSystem]
    spots: list[Spot]


def country(hosts: int) -> Country:
    """The country with so many machines."""
    units = units_of_vietnam()
    chance = random.Random(SEED)
    places = [u for u in units if u.kind != "root"]
    systems = {u.code: _systems(u.code, chance) for u in places}
    weights = [chance.lognormvariate(0, 0.8) * (PROVINCE if u.kind == "province" else 1) for u in places]
    chosen = chance.choices(places, cum_weights=list(itertools.accumulate(weights)), k=hosts)
    spots = [_spot(systems[u.code], random.Random(f"{SEED}-{n}")) for n, u in enumerate(chosen)]
    return Country(units, list(itertools.chain.from_iterable(systems.values())), spots)


def units_of_vietnam() -> list[NewUnit]:
    """The root, 34 provinces and 3,321 communes."""
    table = files("vonggac_collector") / "data" / "units-vn.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    found = [NewUnit(ROOT, "", "root", "Việt Nam", "Viet Nam")]
    for row in rows:
        kind = "agency" if row["parent_code"] else "province"
        parent = row["parent_code"] or ROOT
        found.append(NewUnit(row["code"], parent, kind, row["full_name_vi"], row["name_en"]))
    return found


def _systems(unit: str, chance: random.Random) -> list[NewSystem]:
    levels = chance.choices(tuple(LEVELS), tuple(LEVELS.values()), k=chance.randint(*SYSTEMS))
    return [NewSystem(f"{unit}-{n}", unit, level) for n, level in enumerate(levels, 1)]


def _spot(systems: list[NewSystem], chance: random.Random) -> Spot:
    system = chance.choice(systems)
    if chance.random() < UNASSIGNED:
        return Spot(system.unit, None, max(s.level for s in systems))
    return Spot(system.unit, system.id, system.level)
