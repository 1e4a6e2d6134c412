"""The sample country in the ledger: units, systems, machines, history; made once and carried on by later runs."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_agent.plan import plan
from vonggac_collector.auth import Caller
from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import Placement
from vonggac_collector.structure import NewUnit, add_system, add_units, place_host
from vonggac_rules.pack import load_pack
from vonggac_rules.rulebook import Rulebook

from .bare import bare_facts
from .country import ROOT, SYSTEMS, SampleHost, agencies_of, country
from .history import Member, Progress, World, extend, join
from .machines import DAYS, Workshop

ACTOR: Final = "demonstration"
CALLER: Final = Caller(ACTOR, ACTOR, "administrator", ROOT)
HERE: Final = "may-nay"
"""The unit of the machine that the demonstration runs on, and the id of its system."""


class Memory(msgspec.Struct):
    """What is kept between runs, sample keys included. `through`: until when the sample's history is made."""

    start: datetime
    through: datetime
    port: int
    members: list[Member]


def read_memory(path: Path) -> Memory | None:
    """What an earlier run kept; None if none got to its end."""
    return msgspec.json.decode(path.read_bytes(), type=Memory) if path.is_file() else None


def fits(memory: Memory) -> bool:
    """Whether what was kept is of the country that this release samples."""
    return {m.hostname for m in memory.members} == {
        h.hostname for h in country(r["code"] for r in provinces())
    }


def write_memory(path: Path, memory: Memory) -> None:
    """Keep it for the next run, readable by nobody else; the old file stays until the new one is whole."""
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(memory))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def first_day(now: datetime) -> datetime:
    """Midnight UTC, as many days before `now` as the history is long."""
    return datetime.combine(now.date() - timedelta(days=DAYS), time(), UTC)


def provinces() -> list[dict[str, str]]:
    """The 34 provinces and cities of the table of units."""
    table = files("vonggac_collector") / "data" / "units-vn.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if not row["parent_code"]]


def settle(ledger: Ledger, start: datetime) -> None:
    """The tree: the country with provinces, agencies and systems, all marked as sample; this machine's own unit."""
    root = NewUnit(ROOT, "", "root", "Việt Nam (dữ liệu mẫu)", "Viet Nam (sample data)", True)
    here = NewUnit(HERE, ROOT, "agency", "Máy này (đo thật)", "This machine (really measured)", False)
    units = [root, here]
    for row in provinces():
        units.append(NewUnit(row["code"], ROOT, "province", row["full_name_vi"], row["name_en"], True))
        units += [
            NewUnit(unit_of(row["code"], a.slug), row["code"], "agency", a.name_vi, a.name_en, True)
            for a in agencies_of(row["code"])
        ]
    with ledger.batch():
        add_units(ledger, units, now=start, actor=ACTOR)
        add_system(
            ledger, HERE, HERE, 3, "Hệ thống của máy này", "This machine's system", now=start, actor=ACTOR
        )
        for row in provinces():
            for agency in agencies_of(row["code"]):
                unit = unit_of(row["code"], agency.slug)
                for s in SYSTEMS[agency.slug]:
                    add_system(
                        ledger, f"{unit}-{s.slug}", unit, s.level, s.name_vi, s.name_en,
                        now=start, actor=ACTOR, sample=True,
                    )  # fmt: skip


def unit_of(province: str, agency: str) -> str:
    """The code of a sample agency."""
    return f"{province}-{agency}"


def enrol_all(
    ledger: Ledger, hosts: list[SampleHost], start: datetime, key: Ed25519PrivateKey
) -> list[Member]:
    """Enrol every sample machine at the beginning of the history."""
    places = [(h, *_place_of(h)) for h in hosts]
    tokens: dict[tuple[str, str | None], str] = {}
    with ledger.batch():
        for _, unit, system in places:
            if (unit, system) not in tokens:
                uses = sum((u, s) == (unit, system) for _, u, s in places)
                tokens[unit, system], _row = create_token(
                    ledger, CALLER, unit, system, uses, start + timedelta(hours=1), start
                )
    members = [join(ledger, host, tokens[unit, system], start, key) for host, unit, system in places]
    with ledger.batch(), ledger.write() as tx:
        for (host, unit, system), member in zip(places, members, strict=True):
            since = start + timedelta(seconds=1)
            place_host(tx, Placement(member.agent_id, unit, system, host.criticality, None, since), ACTOR)
        tx.outbox.add("host", [m.agent_id for m in members], since)
    return members


def _place_of(host: SampleHost) -> tuple[str, str | None]:
    unit = unit_of(host.province, host.agency)
    return unit, f"{unit}-{host.system}" if host.system else None


def carry_on(
    ledger: Ledger, memory: Memory, book: Rulebook, policies: Path, key: Ed25519PrivateKey, now: datetime,
    progress: Progress,
) -> None:  # fmt: skip
    """Make the sample's history up to `now`; `memory` is what it was, and is changed to what it is then."""
    hosts = {h.hostname: h for h in country(row["code"] for row in provinces())}
    keys = {key for profile in book.profiles for key in plan(book, profile, "linux")}
    world = World(Workshop(book, load_pack(policies).cases, bare_facts(keys, now)), memory.start)
    pairs = [(hosts[m.hostname], m) for m in memory.members]
    memory.members = extend(ledger, world, pairs, memory.through, now, key, progress)
    memory.through = now
