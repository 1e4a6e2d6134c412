"""The collector's own figures, in a registry of its own. Refusals are counted in the ledger, so all have them.

Of several web processes (`processes`) each counts into the folder that they share, and any of them answers for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from .ledger.interface import Ledger
from .processes import METRICS_FOLDER
from .space import disk_of


class _Refusals(Collector):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One counter by reason."""
        with self._ledger.read() as tx:
            counts = tx.trail.counts()
        family = CounterMetricFamily("vonggac_refused", "Refused inputs by problem code", labels=["reason"])
        for code, number in sorted(counts.items()):
            family.add_metric([code], number)
        yield family

    def describe(self) -> list[CounterMetricFamily]:
        """Nothing is read when it is registered."""
        return [CounterMetricFamily("vonggac_refused", "Refused inputs by problem code", labels=["reason"])]


class _Lag(Collector):
    """How far search is behind the ledger."""

    _SAID: Final = {
        "vonggac_index_waiting": "Changes that the search index is yet to be told",
        "vonggac_index_oldest_seconds": "Since when the oldest of them waits",
        "vonggac_index_dead_letters": "Changes that it refused for good",
    }

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge each."""
        with self._ledger.read() as tx:
            lag = tx.outbox.lag()
        oldest = 0.0 if lag.oldest is None else max(0.0, (self._now() - lag.oldest).total_seconds())
        for (name, said), value in zip(self._SAID.items(), (lag.waiting, oldest, lag.dead), strict=True):
            yield GaugeMetricFamily(name, said, value=value)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is read when it is registered."""
        return [GaugeMetricFamily(name, said) for name, said in self._SAID.items()]


class _Rounds(Collector):
    """How old what pages show of units is, as far as a worker has kept anything."""

    _NAME: Final = "vonggac_standings_age_seconds"
    _SAID: Final = "Since when the figures that pages show were last brought up to date"

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge, once there was a round."""
        with self._ledger.read() as tx:
            newest = tx.standings.round()
        if newest is not None:
            age = max(0.0, (self._now() - newest.as_of).total_seconds())
            yield GaugeMetricFamily(self._NAME, self._SAID, value=age)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is read when it is registered."""
        return [GaugeMetricFamily(self._NAME, self._SAID)]


class _Disk(Collector):
    """How full the ledger's disk is."""

    _NAME: Final = "vonggac_disk_used_ratio"
    _SAID: Final = "Part of the disk of the ledger (or the state folder) that is used"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge."""
        yield GaugeMetricFamily(self._NAME, self._SAID, value=disk_of(self._folder).used)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is looked at when it is registered."""
        return [GaugeMetricFamily(self._NAME, self._SAID)]


class Metrics:
    """Counts and times of requests."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime], folder: Path) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Disk(folder))
        self.registry.register(_Refusals(ledger))
        self.registry.register(_Lag(ledger, now))
        self.registry.register(_Rounds(ledger, now))
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
