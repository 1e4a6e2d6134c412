"""The figures of a run, and how they are shown."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from .road import Tally


class Phase(msgspec.Struct, frozen=True):
    """One part of a run. Latencies in milliseconds, over every answer that was a receipt."""

    name: str
    seconds: float
    reports: int
    beats: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    refused: dict[str, int]
    shed: dict[str, int]
    unanswered: dict[str, int]
    pending: int

    @property
    def per_second(self) -> float:
        """Receipts a second."""
        return (self.reports + self.beats) / self.seconds if self.seconds else 0.0


class Seen(msgspec.Struct, frozen=True):
    """Answers that people got meanwhile: milliseconds, and how many of another status than 200."""

    answers: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    failed: dict[str, int]
    collector_rss_bytes: int
    """The most that the collector's process ever had; 0 if it was not looked at."""


class Run(msgspec.Struct, frozen=True):
    """A whole run. `found`: reports with a receipt that the ledger has, None if it was not looked at."""

    agents: int
    seed: int
    phases: list[Phase]
    unsent: int
    receipts: int
    found: int | None
    faults: list[str]
    peak_rss_bytes: int
    seen: Seen | None = None


def phase_of(name: str, tallies: Sequence[Tally]) -> Phase:
    """The parts of a fleet together; it lasted as long as the longest."""
    took = array("f")
    for tally in tallies:
        took.extend(tally.reports)
        took.extend(tally.beats)
    ordered = sorted(took)
    p50, p95, p99, most = (round(percentile(ordered, part) * 1000, 2) for part in (0.5, 0.95, 0.99, 1.0))
    return Phase(
        name=name,
        seconds=round(max(t.wall_s for t in tallies), 3),
        reports=sum(len(t.reports) for t in tallies),
        beats=sum(len(t.beats) for t in tallies),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=most,
        refused=_together(t.refused for t in tallies),
        shed=_together(t.shed for t in tallies),
        unanswered=_together(t.unanswered for t in tallies),
        pending=sum(t.pending for t in tallies),
    )


def _together(counts: Iterable[Counter[str]]) -> dict[str, int]:
    return dict(sum(counts, Counter[str]()))


def percentile(ordered: Sequence[float], part: float) -> float:
    """The smallest that so large a part does not exceed (nearest rank); 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)]


def show(phase: Phase) -> str:
    """One phase in lines for people."""
    lines = [
        f"{phase.name}: {phase.reports} reports and {phase.beats} heartbeats receipted in {phase.seconds:.1f} s, "
        f"{phase.per_second:,.0f}/s; answers ms p50 {phase.p50_ms} p95 {phase.p95_ms} p99 {phase.p99_ms} "
        f"max {phase.max_ms}"
    ]
    for what, counts in (("refused", phase.refused), ("shed", phase.shed), ("no answer", phase.unanswered)):
        if counts:
            lines.append(f"  {what}: " + ", ".join(f"{code} {n}" for code, n in sorted(counts.items())))
    if phase.pending:
        lines.append(f"  kept as pending: {phase.pending}")
    return "\n".join(lines)
