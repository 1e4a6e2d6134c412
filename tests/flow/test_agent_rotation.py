"""A change of keys by the real program: killed at any step, or with a fork behind it, it is never without a key."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.flow.agent_program import Agent, killed, with_failpoint
from tests.flow.served import serving
from tests.unit.agent.real import RealCollector
from tests.unit.agent.twin import Clock
from tests.unit.collector.test_forks import OFFICER

from vonggac_agent import identity
from vonggac_agent.failpoints import Failpoint
from vonggac_collector import rotation
from vonggac_collector.forks import decide

pytestmark = [pytest.mark.crash, pytest.mark.timeout(240)]
STRACE = ("strace", "-f", "-qq", "-o", os.devnull)


@pytest.fixture
def collector() -> RealCollector:
    return RealCollector(Clock(datetime.now(UTC)))


@pytest.fixture
def agent(tmp_path: Path, collector: RealCollector) -> Iterator[Agent]:
    with serving(collector) as address:  # type: ignore[arg-type]
        made = Agent(tmp_path, address)
        made.token.write_text(collector.desk.token(now=collector.clock()) + "\n")
        assert made.enrol().returncode == 0
        assert made.run("run", "--once").returncode == 0
        yield made


def epoch(agent: Agent) -> int:
    """That of the identity in force, whose key is there and fits."""
    who = identity.read_identity(agent.state)
    identity.read_key(agent.state, who.keyid)
    return who.enrolled.epoch


def goes_on(agent: Agent, collector: RealCollector, step: int) -> None:
    """Looked at something else, it is received in the epoch in force, and the ledger verifies."""
    done = agent.run("run", "--once", env=agent.change(step))
    assert done.returncode in (0, 75), done.stderr
    done = agent.run("run", "--once", env=agent.change(step + 1))
    assert done.returncode == 0, done.stderr
    who = identity.read_identity(agent.state)
    assert collector.committed(who.enrolled.agent_id)[-1][0] == who.enrolled.epoch
    assert [p.name for p in agent.state.glob("key-*")] == [f"key-{who.keyid}.pem"]
    assert collector.faults() == []


@pytest.mark.parametrize("point", [Failpoint.TURN_KEPT, Failpoint.TURN_ANSWERED, Failpoint.TURNED])
def test_killed_at_any_marked_point_of_a_change_the_old_key_or_the_new_one_is_in_force(
    agent: Agent, collector: RealCollector, point: Failpoint
) -> None:
    assert killed(agent.run("rotate", env=with_failpoint(point)))
    assert epoch(agent) == (2 if point is Failpoint.TURNED else 1)
    # What is seen before it is asked for again is lost in neither epoch.
    assert agent.run("run", "--once", env=agent.change(0)).returncode in (0, 75)
    goes_on(agent, collector, 1)
    assert epoch(agent) == 2


@pytest.mark.disk
@pytest.mark.parametrize("call", ["fsync", "rename", "unlink"])
def test_killed_at_the_nth_write_of_a_change_it_is_never_without_a_key(
    agent: Agent, collector: RealCollector, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "MAX_A_DAY", 1_000)
    for nth in range(1, 40):
        before = epoch(agent)
        trace = ("-e", f"trace=/{call}", "-e", f"inject=/^{call}:signal=KILL:when={nth}")
        done = agent.run("rotate", prefix=(*STRACE, *trace))
        assert epoch(agent) in (before, before + 1)
        assert agent.run("run", "--once", env=agent.change(nth)).returncode in (0, 75)
        goes_on(agent, collector, nth + 1)
        if done.returncode == 0:
            break
    else:
        pytest.fail(f"more than {nth} calls of {call} in one change")
    assert nth > 1, "nothing was injected"


def test_a_running_service_changes_its_key_when_somebody_wants_it(
    agent: Agent, collector: RealCollector
) -> None:
    with agent.start("run") as service:
        try:
            assert service.stderr is not None
            assert "started" in service.stderr.readline()
            assert "the service is running" in agent.run("rotate").stdout
            service.send_signal(signal.SIGHUP)  # a look, and sending after it
            until = time.monotonic() + 60
            while epoch(agent) == 1 and time.monotonic() < until:
                time.sleep(0.2)
            assert epoch(agent) == 2
        finally:
            service.terminate()
            service.communicate(timeout=20)
    goes_on(agent, collector, 0)


def test_a_machine_set_back_to_a_snapshot_waits_says_so_and_goes_on_by_itself(
    agent: Agent, collector: RealCollector, tmp_path: Path
) -> None:
    shutil.copytree(agent.state, tmp_path / "snapshot")
    assert agent.run("run", "--once", env=agent.change(0)).returncode == 0
    shutil.rmtree(agent.state)
    shutil.copytree(tmp_path / "snapshot", agent.state)
    for step in (2, 3):
        agent.run("run", "--once", env={"VONGGAC_WITHHOLD": "os.version"} | agent.change(step))
    told = agent.status()
    assert (told["state"], told["health"], told["rotation"]["undecided"]) == ("quarantined", "red", True)
    assert "goes on by itself" in " ".join(told["problems"])
    assert "cán bộ an toàn thông tin" in agent.run("status", "--lang", "vi").stdout
    host = told["agent_id"]
    decide(collector.ledger, OFFICER, host, "restored", "bản chụp đêm chủ nhật", collector.clock())
    agent.run("run", "--once")
    told = agent.status()
    assert (told["epoch"], told["state"], told["rotation"]) == (2, "normal", None)
    goes_on(agent, collector, 4)
    assert {(1, 1), (1, 2)} < set(collector.committed(host))
