"""A clock, a collector in memory, and a machine enrolled with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.agent.twin import Clock, Collector, Machine


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def collector(clock: Clock) -> Collector:
    return Collector(clock)


@pytest.fixture
def machine(tmp_path: Path, collector: Collector) -> Iterator[Machine]:
    made = Machine(tmp_path / "state", collector)
    yield made
    made.spool.close()
