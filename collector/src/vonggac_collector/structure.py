"""Changes of the tree by people: units and systems, one by one or from a file. Scores of the past are not touched."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from . import audit
from .errors import Invalid
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Placement, System, Unit, UnitKind
from .score.values import LEVELS

CODE: Final = re.compile(r"[a-z0-9]+(?:[-/][a-z0-9]+)*")
MAX_CODE: Final = 80
MAX_NAME: Final = 300
MAX_ROWS: Final = 20_000
CRITICALITIES: Final = (1, 2, 3)
MAX_CSV_BYTES: Final = 8 * 1024 * 1024
COLUMNS: Final = ("code", "parent", "kind", "name_vi", "name_en")
ADDED: Final = "system-added"
LEVELLED: Final = "system-level-set"
PLACED: Final = "host-placed"
"""Actions in the audit log."""
_KINDS: Final[dict[str, UnitKind]] = {"root": "root", "province": "province", "agency": "agency"}


class NewUnit(msgspec.Struct, frozen=True):
    """A unit as a person gives it. An empty `parent` means the root; an empty `name_en` the Vietnamese name."""

    code: str
    parent: str
    kind: str
    name_vi: str
    name_en: str
    sample: bool = False


def add_units(ledger: Ledger, units: Iterable[NewUnit], *, now: datetime, actor: str) -> int:
    """Add them all, or none; parents before children. Raises Invalid, naming the unit and what does not fit."""
    number = 0
    with ledger.write() as tx:
        known = {u.code: u for u in tx.tree.units(now)}
        for given in units:
            unit = _checked(given, known, now)
            tx.tree.add_unit(unit)
            known[unit.code] = unit
            number += 1
            audit.record(tx, now, actor, "unit-added", unit.code, unit.name_vi)
    return number


def _checked(given: NewUnit, known: dict[str, Unit], now: datetime) -> Unit:
    where = f"unit {given.code!r}"
    if len(given.code) > MAX_CODE or CODE.fullmatch(given.code) is None:
        raise Invalid(
            f"{where}: a code is small letters and digits, parts joined by - or / (example: ha-noi/so-y-te)"
        )
    if given.code in known:
        raise Invalid(f"{where}: is there already")
    if given.kind not in _KINDS:
        raise Invalid(f"{where}: kind {given.kind!r} is none of {', '.join(_KINDS)}")
    if not 1 <= len(given.name_vi.strip()) <= MAX_NAME or len(given.name_en) > MAX_NAME:
        raise Invalid(f"{where}: a name has 1 to {MAX_NAME} characters")
    root = next((u.code for u in known.values() if u.parent is None), None)
    parent = given.parent or root
    if (given.kind == "root") != (root is None):
        raise Invalid(f"{where}: there is one root, and it comes first")
    if parent is not None and parent not in known:
        raise Invalid(f"{where}: its parent {parent!r} is not there")
    name_vi = given.name_vi.strip()
    return Unit(
        given.code, parent, _KINDS[given.kind], name_vi, given.name_en.strip() or name_vi, given.sample, now
    )


def read_units(raw: bytes) -> list[NewUnit]:
    """Units from CSV (RFC 4180, UTF-8) with the columns COLUMNS. Raises Invalid, naming the line."""
    if len(raw) > MAX_CSV_BYTES:
        raise Invalid(f"file: larger than {MAX_CSV_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise Invalid("file: is not UTF-8") from e
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if set(COLUMNS) - set(reader.fieldnames or ()):
        raise Invalid(f"file: the first line must name the columns {', '.join(COLUMNS)}")
    found: list[NewUnit] = []
    try:
        for row in reader:
            if None in row.values() or len(found) >= MAX_ROWS:
                raise Invalid(f"line {reader.line_num}: too few columns, or more than {MAX_ROWS} units")
            code, parent, kind, name_vi, name_en = (row[c].strip() for c in COLUMNS)
            found.append(NewUnit(code, parent, kind, name_vi, name_en))
    except csv.Error as e:
        raise Invalid(f"line {reader.line_num}: {e}") from e
    return found


def add_system(
    ledger: Ledger,
    identifier: str,
    unit: str,
    level: int,
    name_vi: str,
    name_en: str,
    *,
    now: datetime,
    actor: str,
    sample: bool = False,
) -> System:
    """Add an information system of `unit`. Raises Invalid."""
    if len(identifier) > MAX_CODE or CODE.fullmatch(identifier) is None:
        raise Invalid(f"system {identifier!r}: an id is small letters and digits, parts joined by - or /")
    if level not in LEVELS:
        raise Invalid(f"system {identifier!r}: level {level} is not 1 to 5")
    if not 1 <= len(name_vi.strip()) <= MAX_NAME:
        raise Invalid(f"system {identifier!r}: a name has 1 to {MAX_NAME} characters")
    system = System(identifier, unit, name_vi.strip(), name_en.strip() or name_vi.strip(), level, sample, now)
    with ledger.write() as tx:
        _require(tx, unit, identifier, now)
        tx.tree.add_system(system)
        audit.record(tx, now, actor, ADDED, identifier, said_of_system(system))
    return system


def set_level(
    ledger: Ledger, identifier: str, level: int, reason: str, *, now: datetime, actor: str
) -> System:
    """From now on the system is of this level. `reason`: the decision that says so. Raises Invalid."""
    if level not in LEVELS:
        raise Invalid(f"system {identifier!r}: level {level} is not 1 to 5")
    if not 1 <= len(reason := reason.strip()) <= MAX_NAME:
        raise Invalid(f"system {identifier!r}: a reason has 1 to {MAX_NAME} characters")
    with ledger.write() as tx:
        before = next((s for s in tx.tree.systems(now) if s.id == identifier), None)
        if before is None:
            raise Invalid(f"there is no system {identifier!r}")
        if before.level == level:
            raise Invalid(f"system {identifier!r}: is of level {level} already")
        tx.tree.set_level(identifier, level, now)
        system = msgspec.structs.replace(before, level=level)
        audit.record(tx, now, actor, LEVELLED, identifier, f"{said_of_system(system)}: {reason}")
    return system


def move_host(
    ledger: Ledger,
    host: str,
    *,
    unit: str | None = None,
    system: str | None = None,
    criticality: int | None = None,
    now: datetime,
    actor: str,
) -> Placement:
    """From now on the host is there. None is as before, an empty `system` none; to another unit it takes none along.

    Raises Invalid if there is no such host, unit, or system of that unit, or if nothing would change.
    """
    with ledger.write() as tx:
        if (found := tx.tree.located([host], now).get(host)) is None:
            raise Invalid(f"there is no host {host!r}")
        before = found[1]
        to = before.unit if unit is None else unit
        kept = before.system if to == before.unit else None
        place = msgspec.structs.replace(
            before,
            unit=to,
            system=kept if system is None else system or None,
            criticality=before.criticality if criticality is None else criticality,
        )
        if place == before:
            raise Invalid(f"host {host!r}: is there already: {said_of(before)}")
        if all(u.code != place.unit for u in tx.tree.units(now)):
            raise Invalid(f"host {host!r}: there is no unit {place.unit!r}")
        if place.system is not None and all(
            (s.id, s.unit) != (place.system, place.unit) for s in tx.tree.systems(now)
        ):
            raise Invalid(f"host {host!r}: unit {place.unit!r} has no system {place.system!r}")
        if place.criticality not in CRITICALITIES:
            raise Invalid(f"host {host!r}: criticality {place.criticality} is not 1 to 3")
        place = msgspec.structs.replace(place, since=now)
        place_host(tx, place, actor)
    return place


def place_host(tx: Transaction, place: Placement, actor: str) -> None:
    """From its `since` on the host is there."""
    tx.tree.place(place)
    audit.record(tx, place.since, actor, PLACED, place.host, said_of(place))


def said_of(place: Placement) -> str:
    """What an audit row `PLACED` says of a host's place."""
    system = f"system {place.system}" if place.system is not None else "no system"
    profile = f"profile {place.profile}" if place.profile is not None else "no profile of its own"
    return f"unit {place.unit}, {system}, criticality {place.criticality}, {profile}"


def said_of_system(system: System) -> str:
    """What an audit row `ADDED` says of a system; one `LEVELLED` says it before the reason."""
    return f"level {system.level}, unit {system.unit}"


def _require(tx: Transaction, unit: str, identifier: str, now: datetime) -> None:
    if all(u.code != unit for u in tx.tree.units(now)):
        raise Invalid(f"system {identifier!r}: there is no unit {unit!r}")
    if any(s.id == identifier for s in tx.tree.systems(now)):
        raise Invalid(f"system {identifier!r}: is there already")
