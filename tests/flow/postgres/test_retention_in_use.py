"""Shelves are dropped while machines report and people read: nobody is refused, and nobody waits for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.services.postgres import Server
from tests.unit.collector.conftest import Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_retention import MONTHS, at, make_shelves, monthly, shelves

from vonggac_collector.errors import Busy
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql import keeping
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.retention import Retained, retain
from vonggac_collector.verification import verify_ledger

NOW = at(6)


@pytest.fixture(name="reused", scope="module")
def of_its_own(postgres: Server) -> str:
    return postgres.make()


@pytest.fixture
def second(postgres: Server, reused: str) -> Iterator[Ledger]:
    """Another process's connections."""
    made = open_ledger(postgres.url(reused))
    yield made
    made.close()


def run(ledger: Ledger) -> Retained:
    return retain(ledger, MONTHS, now=NOW, actor="test")


class Reporting(threading.Thread):
    """One machine that reports as fast as it is answered; as the desk does, once more when another was first."""

    def __init__(self, ledger: Ledger, machine: Machine, done: threading.Event) -> None:
        super().__init__()
        self._desk, self._machine, self._done = Desk(ledger), machine, done
        self.answered = 0
        self.refused: list[object] = []

    def run(self) -> None:
        while not self._done.is_set() or self.answered < 5:
            self.answered += 1
            moment = NOW + timedelta(minutes=self.answered)
            raw = self._machine.report(moment, {self.answered % 14})
            for _ in range(100):
                try:
                    answer = self._desk.accept(raw, moment)
                except Busy:
                    continue
                break
            if answer.status != 200:
                self.refused.append(answer)
                return


def test_machines_report_while_their_past_is_dropped(desk: Desk, second: Ledger) -> None:
    make_shelves(desk, range(1, 7, 2))
    machines = [desk.enrol(Machine(seed=n)) for n in range(1, 5)]
    for machine in machines:
        monthly(desk, machine, range(1, 6))
    done = threading.Event()
    reporting = [Reporting(second, machine, done) for machine in machines]
    for thread in reporting:
        thread.start()
    try:
        dropped = [d.shelf for d in run(desk.ledger).dropped]
    finally:
        done.set()
        for thread in reporting:
            thread.join()
    assert dropped == ["2027-01-L3", "2027-02-L3"]
    assert [t.refused for t in reporting] == [[]] * 4
    with desk.ledger.read() as tx:
        heads = {a.id: a.head_sequence for a in tx.agents.all()}
    assert [heads[m.agent_id] for m in machines] == [10 + t.answered for t in reporting]
    assert verify_ledger(desk.ledger).faults == []


def test_who_reads_for_long_is_waited_for_and_then_left_alone(
    desk: Desk, machine: Machine, second: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_LOCK_MS", (50,) * 5)
    make_shelves(desk, range(1, 7, 2))
    monthly(desk, machine, range(1, 6))
    with second.read() as reader:
        before = reader.chain.walk(machine.agent_id, (0, 0), 100)
        with pytest.raises(Busy):
            run(desk.ledger)
        # Meanwhile reports are taken, and what is read does not change.
        assert desk.accept(machine.report(NOW), NOW).status == 200
        assert reader.chain.walk(machine.agent_id, (0, 0), 100) == before
        monkeypatch.setattr(keeping, "_LOCK_MS", (50,) * 1_000)
        retaining = threading.Thread(target=run, args=(desk.ledger,))
        retaining.start()
        retaining.join(1)
        assert retaining.is_alive()
    retaining.join(60)
    assert not retaining.is_alive()
    assert "2027-01-L3" not in shelves(desk.ledger)
    assert verify_ledger(desk.ledger).faults == []
