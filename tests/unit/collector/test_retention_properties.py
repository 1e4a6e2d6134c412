"""Whatever is reported, held, released and let go at whatever times: current state and scores are those of a ledger
that never dropped anything, nothing under a hold is lost, and every chain verifies, with checkpoints taken at any time.
Both ledgers keep the same.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.collector.conftest import KEY, Desk, plant, sqlite_ledger
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_retention import MONTHS, scores

from vonggac_collector.checkpoints import take_checkpoint
from vonggac_collector.holds import add_hold, is_named, release_hold, windows
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.keeping import HoldKind
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.retention import retain
from vonggac_collector.verification import verify_ledger

PUBLIC = KEY.public_key().public_bytes_raw()
BEGINNING = datetime(2027, 1, 1, tzinfo=UTC)
PLACES = (("ha-noi/so-y-te", "hsyt"), ("hue/so-y-te", "hue-portal"), ("ha-noi/so-noi-vu", None))
"""Levels 3, 1, and none."""
SUBJECTS: tuple[tuple[HoldKind, str], ...] = (("unit", "ha-noi"), ("system", "hue-portal"), ("unit", "vn"))
MACHINES = st.integers(0, len(PLACES) - 1)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 20, 40, 70]),
        st.one_of(
            st.tuples(st.just("report"), MACHINES, st.sets(st.integers(0, 13), max_size=3)),
            st.tuples(st.just("early"), MACHINES, st.sets(st.integers(0, 13), max_size=3)),
            st.tuples(st.just("beat"), MACHINES, st.integers(0, 40)),
            st.tuples(st.just("enrol"), MACHINES, st.just(0)),
            st.tuples(st.just("hold"), st.integers(0, len(SUBJECTS) - 1), st.sampled_from([0, 30, 300])),
            st.tuples(st.just("release"), st.just(0), st.just(0)),
            st.tuples(st.just("retain"), st.just(0), st.just(0)),
            st.tuples(st.just("sign"), st.just(0), st.just(0)),
        ),
    ),
    min_size=12,
    max_size=25,
)


class Side:
    """One ledger, with the same machines as on every side. `retains`: whether anything is ever let go."""

    def __init__(self, ledger: Ledger, *, retains: bool) -> None:
        plant(ledger, BEGINNING)
        self.ledger, self.desk, self.retains = ledger, Desk(ledger), retains
        self.machines = [self.enrol(Machine(seed=n + 1), n, BEGINNING) for n in range(len(PLACES))]
        self.number = {m.agent_id: n for n, m in enumerate(self.machines)}
        self.seeds = 100

    def enrol(self, machine: Machine, place: int, now: datetime) -> Machine:
        unit, system = PLACES[place]
        token = self.desk.token(unit, system, now, host=machine.agent_id or None)
        return self.desk.enrol(machine, token, now)

    def step(self, now: datetime, what: str, which: int, more: Any) -> None:
        if what == "report":
            self.desk.accept(self.machines[which].report(now, more), now)
        elif what == "early":
            first, second = (self.machines[which].report(now, more | {n}) for n in (0, 1))
            for raw in (second, first):
                self.desk.accept(raw, now)
        elif what == "beat":
            self.desk.accept(self.machines[which].heartbeat(now - more * timedelta(hours=1)), now)
        elif what == "enrol":
            self.seeds += 1
            self.machines[which].key = Machine(seed=self.seeds).key
            self.enrol(self.machines[which], which, now)
        elif what == "hold":
            kind, subject = SUBJECTS[which]
            since = now - timedelta(days=more)
            add_hold(self.ledger, kind, subject, "x", since=since, now=now, actor="test")
        elif what == "release":
            with self.ledger.read() as tx:
                held = next((h.id for h in tx.keeping.holds() if h.released_at is None), None)
            if held is not None:
                release_hold(self.ledger, held, "x", now=now, actor="test")
        elif what == "sign":
            take_checkpoint(self.ledger, KEY, now)
        elif self.retains:
            named = self.named(now)
            retain(self.ledger, MONTHS, now=now, actor="test")
            assert named <= self.kept()

    def kept(self) -> set[tuple[int, int, int]]:
        """Machine, epoch and sequence of every envelope."""
        with self.ledger.read() as tx:
            rows = [e for m in self.machines for e in tx.chain.of_agent(m.agent_id, 1_000)]
        return {(self.number[e.agent], e.epoch, e.sequence) for e in rows}

    def named(self, now: datetime) -> set[tuple[int, int, int]]:
        """Those that a hold in force names."""
        with self.ledger.read() as tx:
            found = windows(tx, now)
            rows = [e for agent in found for e in tx.chain.of_agent(agent, 1_000)]
        return {
            (self.number[e.agent], e.epoch, e.sequence)
            for e in rows
            if is_named(found[e.agent], e.received_at)
        }

    def said(self, now: datetime) -> object:
        """Scores now, and what is wrong now, since when."""
        groups, hosts = scores(self.ledger, now)
        with self.ledger.read() as tx:
            wrong = tx.findings.current([m.agent_id for m in self.machines])
        return (
            {code: g.score for code, g in groups.items()},
            {self.number[h]: (at, None if s is None else s.score) for h, (at, s) in hosts.items()},
            {self.number[a]: [(f.rule, f.outcome, f.since) for f in fs] for a, fs in wrong.items()},
        )


def run(sides: list[Side], steps: list[tuple[int, tuple[str, int, Any]]]) -> None:
    """On each of `sides`, and one that never drops anything; then retention, and what has to be so."""
    forever, now = Side(MemoryLedger(), retains=False), BEGINNING
    for days, step in [*steps, (1, ("retain", 0, 0))]:
        now += timedelta(days=days, hours=1)
        for side in (forever, *sides):
            side.step(now, *step)
    for side in sides:
        assert side.said(now) == forever.said(now)
        for whole in (True, False):
            assert verify_ledger(side.ledger, whole=whole, collector_key=PUBLIC).faults == []
        assert side.kept() <= forever.kept()
        assert side.kept() == sides[0].kept()


@settings(max_examples=30)
@given(STEPS)
def test_retention_takes_nothing_that_is_needed_or_held(
    steps: list[tuple[int, tuple[str, int, Any]]],
) -> None:
    run([Side(MemoryLedger(), retains=True)], steps)


@pytest.mark.worlds
@settings(max_examples=5)
@given(STEPS)
def test_both_ledgers_keep_the_same(steps: list[tuple[int, tuple[str, int, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as last:
        sql = sqlite_ledger(Path(folder))
        last.callback(sql.close)
        run([Side(sql, retains=True), Side(MemoryLedger(), retains=True)], steps)
