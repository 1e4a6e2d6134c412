"""How a figure is taken and shown: whole processes as the kernel counts, medians, ratios beside a peer or a limit."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec


class Beside(msgspec.Struct, frozen=True):
    """What a figure stands beside in the same run: a peer, a floor or a limit."""

    name: str
    value: float


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured figure. `aim`: what it is to be under (or over, if `over`); None if there is no aim."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    over: bool = False
    beside: Beside | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the aim is met; None without one."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.over else self.value <= self.aim


class Process(NamedTuple):
    """What one finished process took. `rss`: its largest resident size, bytes."""

    wall_s: float
    cpu_s: float
    rss: int
    code: int


def run(argv: list[str], *, env: dict[str, str] | None = None) -> Process:
    """Run to its end, its output thrown away."""
    began = time.monotonic()
    child = subprocess.Popen(
        argv, env=os.environ | (env or {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    return Process(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, child.returncode)


def median_of(argv: list[str], *, runs: int = 5, env: dict[str, str] | None = None) -> Process:
    """The medians over `runs` runs after one that warms up."""
    run(argv, env=env)
    found = [run(argv, env=env) for _ in range(runs)]
    return Process(
        statistics.median(p.wall_s for p in found),
        statistics.median(p.cpu_s for p in found),
        int(statistics.median(p.rss for p in found)),
        found[-1].code,
    )


def in_turns(
    work: Callable[[], object], bare: Callable[[], object], *, turns: int = 15
) -> tuple[float, float]:
    """How often each runs in a second of this process's processor time: medians of turns of 50 ms, so that whatever
    else the machine does meets both alike.
    """
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for one, found in zip((work, bare), rates, strict=True):
            count, began = 0, time.process_time()
            while (spent := time.process_time() - began) < 0.05:
                one()
                count += 1
            found.append(count / spent)
    return statistics.median(rates[0]), statistics.median(rates[1])


def show(figures: Iterable[Figure]) -> list[str]:
    """One line for each figure."""
    lines = []
    for f in figures:
        line = f"{f.name:<60} {f.value:>12,.3f} {f.unit:<10}"
        if f.aim is not None:
            line += f" aim {'over' if f.over else 'under'} {f.aim:g}: {'met' if f.holds else 'MISSED'}"
        if f.beside is not None:
            ratio = f.value / f.beside.value if f.beside.value else float("inf")
            line += f"   ({ratio:.2f} x {f.beside.name}: {f.beside.value:,.3f})"
        lines.append(line)
    return lines
