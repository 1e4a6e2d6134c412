"""What every measurement begins from: a place, and the fleet that reports to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from tests.load.agents import Agent

from vonggac_collector.ledger.sql.ledger import open_ledger

from .country import Country, country
from .fleet import Fleet, agents_in, reports_in
from .kept import Place
from .options import Options

T = TypeVar("T")
FADING: Final = 30
SILENT: Final = 50
"""One in so many; the project's own figures."""


class World(NamedTuple):
    """Agents by number: those that report, those that were last heard some days ago, and those that fell silent."""

    place: Place
    land: Country
    fleet: Fleet
    agents: list[Agent]
    fading: list[Agent]
    silent: list[Agent]

    @property
    def largest_agency(self) -> str:
        """The commune with most machines."""
        provinces = {u.code for u in self.land.units if u.kind == "province"}
        return Counter(s.unit for s in self.land.spots if s.unit not in provinces).most_common(1)[0][0]

    def one_of(self, unit: str) -> Agent:
        """A machine that stands there."""
        return next(a for a in self.agents if self.land.spots[a.number].unit == unit)


def world(place: Place, chosen: Options) -> World:
    """The fleet with its chains where the ledger has their ends."""
    land = country(place.hosts)
    with contextlib.closing(open_ledger(place.url)) as ledger:
        agents = agents_in(ledger)
    fading, silent = agents[::FADING], [a for a in agents[SILENT // 2 :: SILENT] if a.number % FADING]
    quiet = {a.number for a in (*fading, *silent)}
    fleet = Fleet(reports_in(place.reports, chosen.packages), land.spots)
    return World(place, land, fleet, [a for a in agents if a.number not in quiet], fading, silent)


def alone(work: Callable[[], T], memory: int) -> T | None:
    """Do it in a process of its own that may take so many bytes; None if it did not come to its end."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, memory, there))
    process.start()
    there.close()
    found: T | None = None
    with contextlib.suppress(EOFError):
        found = here.recv()
    process.join()
    return found


def _work(work: Callable[[], T], memory: int, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    answer.send(work())


def resident(pid: int) -> int:
    """Bytes of the process and all beneath it; what they share is counted once."""
    found, left = 0, [pid]
    while left:
        one = Path("/proc", str(left.pop()))
        with contextlib.suppress(OSError):
            lines = (one / "smaps_rollup").read_text().splitlines()
            found += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
            left += [int(n) for of in one.glob("task/*/children") for n in of.read_text().split()]
    return found


def processor(pid: int) -> float:
    """Seconds of the processor that the process took so far (proc(5), /proc/pid/stat: utime and stime)."""
    fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
