"""Clocks that jump, run ahead or change their zone: numbers go on, nothing is dropped, nobody falls silent."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.agent.twin import Clock, Collector, Machine, problem

from vonggac_agent.rounds import utc_now
from vonggac_agent.ship import CAP_S, Shipper
from vonggac_agent.spool import Spool
from vonggac_agent.spool_room import DROPPED
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import statement_from_envelope

pytestmark = pytest.mark.clock
JUMPS = [
    timedelta(days=-2),
    timedelta(days=3650),
    timedelta(days=-3650),
    timedelta(hours=1),
    timedelta(hours=-1),
]


def ship(machine: Machine, clock: Clock) -> int:
    return (
        Shipper(machine.folder, machine.spool, machine.identity, machine.collector, clock, lambda: 0.5)
        .run()
        .received
    )


@pytest.mark.worlds
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(JUMPS), st.sampled_from(["look", "beat", "ship", "busy"])), max_size=30
    )
)
def test_however_a_clock_jumps_numbers_go_on_and_nothing_is_dropped_or_kept_back(
    steps: list[timedelta | str],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        collector = Collector(Clock())
        machine = Machine(Path(folder) / "state", collector)
        machine.spool.close()
        machine.spool = Spool(machine.folder, max_bytes=1 << 24, max_looks=1_000)
        sealed = 0
        for step in steps:
            if isinstance(step, timedelta):
                clock.now += step
            elif step == "look":
                sealed += 1
                assert machine.report(str(sealed)).sequence == sealed
            elif step == "beat" and sealed:
                machine.heartbeat()
            elif step == "ship":
                ship(machine, clock)
            elif step == "busy":
                collector.refusals = [problem(503, "busy", "later", **{"retry-after": "900"})]
                ship(machine, clock)
                collector.refusals = []
        machine.report("last")
        received = ship(machine, clock)
        clock.forward(seconds=CAP_S)  # whatever the clock did before, from an attempt on no wait is longer
        assert received + ship(machine, clock) > 0
        assert sorted(collector.committed[machine.chain]) == [*range(1, sealed + 2)]
        assert machine.spool.counter(DROPPED) == 0
        assert collector.forks == []
        machine.spool.close()


@pytest.fixture(
    params=["Asia/Ho_Chi_Minh", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", ":none"]
)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_whatever_the_zone_is_and_if_it_changes_meanwhile_times_are_kept_in_utc(
    machine: Machine, zone: str
) -> None:
    before = utc_now()
    first = machine.report("a")
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    second = machine.report("b")
    assert timedelta(0) <= utc_now() - before < timedelta(minutes=5)
    for link in (first, second):
        assert link.sealed_at.utcoffset() == timedelta(0)
        said = statement_from_envelope(envelope_from_bytes(machine.spool.envelope(link)))
        assert said.sealed_at == machine.collector.clock()
        assert said.sealed_at.tzinfo == UTC
    assert ship(machine, machine.collector.clock) == 2  # type: ignore[arg-type]
