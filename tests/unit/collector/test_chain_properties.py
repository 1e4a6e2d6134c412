"""Whatever arrives in whatever order: both ledgers decide alike, a chain has no gap, and a failure leaves nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.collector.conftest import NOW, Desk, plant, sqlite_ledger
from tests.unit.collector.machines import Machine

from vonggac_collector.errors import StoreFailed
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.sql.agents import SqlAgents
from vonggac_collector.ledger.sql.chain import SqlChain
from vonggac_collector.ledger.sql.heartbeats import SqlHeartbeats
from vonggac_collector.ledger.sql.people import SqlTrail
from vonggac_collector.ledger.sql.tree import SqlTree
from vonggac_collector.verification import verify_ledger

MINUTE = timedelta(minutes=1)
PREPARED = 6
ARRIVALS = st.lists(
    st.one_of(
        st.integers(0, PREPARED - 1),
        st.sampled_from(["beat", "twin", "strange", "broken"]),
    ),
    max_size=14,
)


class Side:
    """One ledger, and a machine that is the same on every side."""

    def __init__(self, ledger: Ledger) -> None:
        plant(ledger)
        self.desk = Desk(ledger)
        self.machine = self.desk.enrol(Machine())
        self.raws = [self.machine.report(NOW + n * MINUTE, {n}) for n in range(PREPARED)]
        self.twin = Machine()
        self.twin.agent_id, self.twin.rulebook = self.machine.agent_id, self.machine.rulebook
        self.twin.profile = self.machine.profile

    def arrive(self, what: int | str, step: int) -> tuple[int, str]:
        at = NOW + (PREPARED + step) * MINUTE
        if isinstance(what, int):
            raw = self.raws[what]
        elif what == "beat":
            raw = self.machine.heartbeat(at)
        elif what == "twin":
            raw = self.twin.report(NOW, {13})
        elif what == "strange":
            raw = Machine(seed=99).heartbeat(at)
        else:
            raw = self.raws[0][:-20]
        answer = self.desk.accept(raw, at)
        return answer.status, answer.code

    def chain(self) -> list[tuple[int, str]]:
        with self.desk.ledger.read() as tx:
            found = tx.chain.of_agent(self.machine.agent_id, 100)
            return sorted((e.sequence, e.state) for e in found)


@pytest.mark.worlds
@settings(max_examples=40)
@given(ARRIVALS)
def test_both_ledgers_decide_alike_and_every_chain_is_whole(arrivals: list[int | str]) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as last:
        sql = sqlite_ledger(Path(folder))
        last.callback(sql.close)
        sides = [Side(sql), Side(MemoryLedger())]
        for step, what in enumerate(arrivals):
            answers = {side.arrive(what, step) for side in sides}
            assert len(answers) == 1
            assert next(iter(answers))[0] in (200, 202, 401, 403, 409, 422)
        assert sides[0].chain() == sides[1].chain()
        committed = [sequence for sequence, state in sides[0].chain() if state == "committed"]
        assert committed == list(range(1, len(committed) + 1))
        for side in sides:
            for whole in (True, False):
                assert verify_ledger(side.desk.ledger, whole=whole).faults == []


@pytest.mark.worlds
@given(st.permutations(range(PREPARED)))
def test_honest_reports_all_join_the_chain_whatever_the_order(order: list[int]) -> None:
    side = Side(MemoryLedger())
    for step, number in enumerate(order):
        assert side.arrive(number, step)[0] in (200, 202)
    assert side.chain() == [(n + 1, "committed") for n in range(PREPARED)]


class Failing:
    """Makes the n-th call into the ledger's rooms fail, as a disk would."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.reached = False

    def call(self, inner: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **more: object) -> object:
            self._left -= 1
            if self._left == 0:
                self.reached = True
                raise StoreFailed("the disk is gone")
            return inner(*args, **more)

        return counted


@contextmanager
def failing(at: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    fault = Failing(at)
    with monkeypatch.context() as patch:
        for room in (SqlAgents, SqlChain, SqlHeartbeats, SqlTrail, SqlTree):
            for name in [n for n in vars(room) if not n.startswith("_")]:
                patch.setattr(room, name, fault.call(vars(room)[name]))
        yield fault


@pytest.mark.parametrize("kind", ["next", "joining", "fork", "beat"])
def test_a_failure_between_any_two_statements_leaves_nothing_and_acknowledges_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = sqlite_ledger(tmp_path)
    side = Side(ledger)
    side.arrive(0, 0)
    if kind == "joining":
        side.arrive(2, 1)
    before = side.chain()
    sent = side.raws[1]
    if kind == "fork":
        sent = side.twin.report(NOW, {13})
    elif kind == "beat":
        side.machine.sequence, side.machine.content = 1, side.machine.statement(NOW, {0}).report.content
        sent = side.machine.heartbeat(NOW + 10 * MINUTE)
    points = 0
    for at in range(1, 200):
        with failing(at, monkeypatch) as fault:
            try:
                side.desk.accept(sent, NOW + 10 * MINUTE)
            except StoreFailed:
                assert fault.reached
        if not fault.reached:
            break
        points += 1
        assert side.chain() == before
    assert points >= 3
    assert verify_ledger(ledger).faults == []
    assert side.chain() != before or kind == "beat"
    ledger.close()
