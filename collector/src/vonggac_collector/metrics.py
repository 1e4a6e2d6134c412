"""The collector's own figures, in a registry of its own. Refusals are counted in the ledger, so all have them.

Of several web processes (`processes`) each counts into the folder that they share, and any of them answers for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from .errors import PROBLEMS
from .gaps import staying
from .ledger.interface import Ledger
from .policy import expiries
from .processes import METRICS_FOLDER
from .space import disk_of


class _Refusals(Collector):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One counter by reason."""
        with self._ledger.read() as tx:
            # Each from its beginning: of a series that begins at 1, Prometheus sees no increase.
            counts = dict.fromkeys(PROBLEMS, 0) | tx.trail.counts()
        family = CounterMetricFamily("vonggac_refused", "Refused inputs by problem code", labels=["reason"])
        for code, number in sorted(counts.items()):
            family.add_metric([code], number)
        yield family

    def describe(self) -> list[CounterMetricFamily]:
        """Nothing is read when it is registered."""
        return [CounterMetricFamily("vonggac_refused", "Refused inputs by problem code", labels=["reason"])]


class _Gauges(Collector):
    """Figures that are read when they are asked for. `said`: what each is, by name; `read`: values, or none yet."""

    def __init__(self, said: dict[str, str], read: Callable[[], Sequence[float]]) -> None:
        self._said = said
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge each."""
        for (name, said), value in zip(self._said.items(), self._read(), strict=False):
            yield GaugeMetricFamily(name, said, value=value)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is read when they are registered."""
        return [GaugeMetricFamily(name, said) for name, said in self._said.items()]


_LAG: Final = {
    "vonggac_index_waiting": "Changes that the search index is yet to be told",
    "vonggac_index_oldest_seconds": "Since when the oldest of them waits",
    "vonggac_index_dead_letters": "Changes that it refused for good",
}
_ROUNDS: Final = {
    "vonggac_standings_age_seconds": "Since when the figures that pages show were last brought up to date"
}
_CHECKPOINT: Final = {"vonggac_checkpoint_age_seconds": "Since when the newest checkpoint is signed"}
_POLICY: Final = {
    f"vonggac_policy_{role}_seconds": f"Until the {role} of the policy repository expires; below 0 it is over"
    for role in ("root", "targets", "timestamp")
}
_GAPS: Final = {
    "vonggac_hosts_with_gaps": "Hosts of which reports are missing for longer than an hour, as later ones prove"
}
_DISK: Final = {
    "vonggac_disk_used_ratio": "Part of the disk of the ledger (or the state folder) that is used"
}


def _gauges(ledger: Ledger, now: Callable[[], datetime], folder: Path) -> list[_Gauges]:
    def since(moment: datetime | None) -> float:
        return 0.0 if moment is None else max(0.0, (now() - moment).total_seconds())

    def lag() -> list[float]:
        with ledger.read() as tx:
            found = tx.outbox.lag()
        return [found.waiting, since(found.oldest), found.dead]

    def rounds() -> list[float]:
        with ledger.read() as tx:
            newest = tx.standings.round()
        return [] if newest is None else [since(newest.as_of)]

    def checkpoint() -> list[float]:
        with ledger.read() as tx:
            newest = tx.leaves.newest()
        return [] if newest is None else [since(newest.at)]

    def policy() -> list[float]:
        with ledger.read() as tx:
            found = expiries(tx.policy.all())
        return [(until - now()).total_seconds() for until in found.values()]

    disk = _Gauges(_DISK, lambda: [disk_of(folder).used])
    others = (
        (_GAPS, lambda: [staying(ledger, now())]),
        (_LAG, lag),
        (_ROUNDS, rounds),
        (_CHECKPOINT, checkpoint),
        (_POLICY, policy),
    )
    return [disk, *(_Gauges(said, read) for said, read in others)]


class Metrics:
    """Counts and times of requests."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime], folder: Path) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Refusals(ledger))
        for gauges in _gauges(ledger, now, folder):
            self.registry.register(gauges)
        own: CollectorRegistry | None = self.registry
        if METRICS_FOLDER in os.environ:
            MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]
            own = None
        self._requests = Counter(
            "vonggac_http_requests_total", "Answered requests", ["method", "status"], registry=own
        )
        self._envelopes = Counter(
            "vonggac_envelopes_total",
            "Reports and heartbeats by what became of them",
            ["outcome"],
            registry=own,
        )
        self._seconds = Histogram(
            "vonggac_http_request_seconds",
            "Time from head to last byte of the answer",
            registry=own,
        )

    def took(self, outcome: str) -> None:
        """Count one report or heartbeat (`ingest.answer.Outcome`)."""
        self._envelopes.labels(outcome).inc()

    def observe(self, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        known = method if method in ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS") else "other"
        self._requests.labels(known, str(status)).inc()
        self._seconds.observe(seconds)
