"""A process killed at every point of taking an envelope, on both databases: what it acknowledged is there, once."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.services.postgres import Server
from tests.unit.collector.conftest import NOW, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.ledger.sql.agents import SqlAgents
from vonggac_collector.ledger.sql.chain import SqlChain
from vonggac_collector.ledger.sql.heartbeats import SqlHeartbeats
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.ledger.sql.outbox import SqlOutbox
from vonggac_collector.ledger.sql.tree import SqlTree
from vonggac_collector.rollup import day_of, end_of, publish_day
from vonggac_collector.verification import verify_ledger

ROOMS = (SqlAgents, SqlChain, SqlHeartbeats, SqlOutbox, SqlTree)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True).close()
        yield f"sqlite:///{tmp_path}/ledger.db"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as made:
        yield made


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killing(inner: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    """`inner`, killed before it begins when it is the call whose turn it is."""

    def counted(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            kill()
        return inner(*args, **more)

    return counted


def killed(url: str, work: Callable[[SqlLedger], None], point: int | str) -> bool:
    """Do `work` in a process that is killed at `point`: the n-th call into the ledger's rooms, or around a COMMIT.

    Says whether it came to that point.
    """
    child = os.fork()
    if child == 0:
        try:
            ledger = open_ledger(url)
            if isinstance(point, int):
                left = [point]
                for room in ROOMS:
                    for name in [n for n in vars(room) if not n.startswith("_")]:
                        setattr(room, name, killing(vars(room)[name], left))
            else:
                dialect: Any = ledger._writer.dialect
                commit = dialect.do_commit

                def around(connection: Any) -> None:
                    if point == "after COMMIT":
                        commit(connection)
                    kill()

                dialect.do_commit = around
            work(ledger)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def rows(url: str, machine: Machine) -> dict[str, int]:
    """How many rows say something of the machine."""
    ledger = open_ledger(url)
    with ledger.read() as tx:
        counted = {
            "committed": tx.chain.count(machine.agent_id, "committed"),
            "pending": tx.chain.count(machine.agent_id, "pending"),
            "looks": sum(
                tx.chain.look(e.digest) is not None for e in tx.chain.of_agent(machine.agent_id, 1_000)
            ),
            "outbox": tx.outbox.lag().waiting,
        }
    assert verify_ledger(ledger).faults == []
    ledger.close()
    return counted


class Life:
    """A machine and its collector, which may be killed: each envelope is sent until there is a receipt."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.at: datetime = NOW
        ledger = open_ledger(url)
        plant(ledger)
        self.machine = Desk(ledger).enrol(Machine())
        ledger.close()

    def accept(self, ledger: SqlLedger, raw: bytes, status: int) -> None:
        answer = Desk(ledger).accept(raw, self.at)
        assert answer.status == status, answer.body()
        if status == 200:
            self.machine.receipt(answer.body())

    def send(self, raw: bytes, status: int = 200, *, point: int | str | None = None) -> bool:
        """Send, killed at `point`, then once more, then once too often."""
        reached = point is not None and killed(
            self.url, lambda ledger: self.accept(ledger, raw, status), point
        )
        ledger = open_ledger(self.url)
        for _ in range(2):
            self.accept(ledger, raw, status)
        ledger.close()
        return reached


@pytest.mark.crash
@pytest.mark.db
@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["report", "joining", "heartbeat"])
def test_killed_at_any_point_the_envelope_sent_again_is_there_once(url: str, kind: str) -> None:
    life = Life(url)
    undisturbed: dict[str, int] = {}
    points: Iterator[int | str] = itertools.chain(("before COMMIT", "after COMMIT"), itertools.count(1))
    for n, point in enumerate(points):
        life.at += MINUTE
        raw = life.machine.report(life.at, {n % 14})
        if kind == "joining":
            life.send(life.machine.report(life.at, {(n + 1) % 14}), 202)
        elif kind == "heartbeat":
            life.send(raw)
            raw = life.machine.heartbeat(life.at)
        before = rows(url, life.machine)
        reached = life.send(raw, point=point)
        after = rows(url, life.machine)
        grown = {name: after[name] - before[name] for name in after}
        # Whatever was interrupted, it comes to what an envelope comes to that nothing disturbed.
        undisturbed = undisturbed or grown
        assert grown == undisturbed, point
        if not reached:
            break
    assert n > 4
    assert undisturbed["committed"] == {"report": 1, "joining": 2, "heartbeat": 0}[kind]
    assert after["pending"] == 0


@pytest.mark.crash
@pytest.mark.db
@pytest.mark.parametrize("point", ["before COMMIT", "after COMMIT"])
def test_a_worker_killed_while_it_publishes_leaves_a_whole_day(url: str, point: str) -> None:
    life = Life(url)
    life.send(life.machine.report(NOW, {1}))
    ledger = open_ledger(url)
    publish_day(ledger, day_of(NOW), NOW)
    with ledger.read() as tx:
        published = tx.scores.day(day_of(NOW))
    ledger.close()

    def publish(inner: SqlLedger) -> None:
        publish_day(inner, day_of(NOW), NOW + timedelta(days=1))

    assert killed(url, publish, point)
    ledger = open_ledger(url)
    with ledger.read() as tx:
        found = tx.scores.day(day_of(NOW))
    assert len(found) == len(published) > 0
    assert {row.as_of for row in found} == {NOW if point == "before COMMIT" else end_of(day_of(NOW))}
    ledger.close()
