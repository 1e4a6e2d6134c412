"""The resident service: light, alone, stopped quickly, its children bounded; and what `status` tells of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.flow.agent_program import Agent
from tests.flow.served import Hostile, serving
from tests.unit.agent.twin import Collector

from vonggac_agent.state import open_state

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def collector() -> Collector:
    return Collector(lambda: datetime.now(UTC))


@pytest.fixture
def agent(tmp_path: Path, collector: Collector) -> Iterator[Agent]:
    with serving(collector) as address:
        made = Agent(tmp_path, address)
        assert made.enrol().returncode == 0
        yield made


def wait_for(what: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.05)


def stop(process: subprocess.Popen[str]) -> tuple[float, str]:
    """Seconds it took to stop after SIGTERM, and its log."""
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    return time.monotonic() - started, log


def events(log: str) -> list[str]:
    return [json.loads(line)["event"] for line in log.splitlines()]


def resident_kib(pid: int) -> int:
    (line,) = [x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS:")]
    return int(line.split()[1])


def test_the_service_looks_sends_tells_systemd_and_stops(
    agent: Agent, collector: Collector, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(20)
        with agent.start("run", env={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as process:
            assert told.recv(4096).startswith(b"READY=1")
            wait_for(lambda: bool(collector.committed))
            assert resident_kib(process.pid) < 20 * 1024
            process.send_signal(signal.SIGHUP)
            wait_for(lambda: bool(collector.heartbeats))
            took, log = stop(process)
        assert process.returncode == 0
        assert took < 10
        said = told.recv(1 << 16)
        told.setblocking(False)
        while b"STOPPING=1" not in said:
            said = told.recv(4096)
    assert events(log)[0] == "started"
    assert events(log)[-1] == "stopped"
    assert {"looked", "shipped"} <= set(events(log))


def test_a_second_agent_on_the_same_state_ends_with_75(agent: Agent, collector: Collector) -> None:
    with agent.start("run") as process:
        wait_for(lambda: bool(collector.committed))
        for second in (agent.run("run"), agent.run("run", "--once"), agent.enrol("--again")):
            assert second.returncode == 75, second.stderr
            assert "another agent works on" in second.stderr
        stop(process)
    assert agent.run("run", "--once").returncode == 0


def test_a_stop_while_sending_is_quick_and_loses_nothing(tmp_path: Path, collector: Collector) -> None:
    def never_answers(connection: socket.socket) -> None:
        while connection.recv(65536):
            continue

    with serving(collector) as address:
        agent = Agent(tmp_path, address)
        agent.enrol()
    with Hostile(never_answers) as silent:
        said = (agent.state / "identity.json").read_text().replace(address, f"http://127.0.0.1:{silent.port}")
        (agent.state / "identity.json").write_text(said)
        with agent.start("run") as process:
            wait_for(lambda: silent.connections > 0)
            took, log = stop(process)
    assert process.returncode == 0
    assert took < 10
    assert agent.status()["spool"]["unsent"] == 1
    assert "sealed" not in log


def test_a_killed_supervisor_leaves_the_lock_to_its_child_and_then_frees_it(agent: Agent) -> None:
    with agent.start("run") as process:
        wait_for(lambda: (agent.state / "spool.db").exists())
        process.kill()
        process.communicate()
    wait_for(lambda: agent.run("run", "--once").returncode == 0)


def test_a_look_that_hangs_is_ended_with_its_whole_group(agent: Agent, tmp_path: Path) -> None:
    # The child stops itself from the outside: SIGSTOP stands for a read that never returns.
    with agent.start("run", env={"VONGGAC_LOOK_TIMEOUT_S": "10"}) as process:
        wait_for(lambda: bool(_children(process.pid)))
        (child,) = _children(process.pid)
        os.kill(child, signal.SIGSTOP)
        wait_for(lambda: child not in _children(process.pid), 20)
        _, log = stop(process)
    assert "child-took-too-long" in events(log)


def _children(pid: int) -> list[int]:
    return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_child_is_modest(agent: Agent) -> None:
    with agent.start("run", env={"VONGGAC_CPU_S": "30"}) as process:
        wait_for(lambda: bool(_children(process.pid)))
        (child,) = _children(process.pid)
        os.kill(child, signal.SIGSTOP)
        os.kill(child, signal.SIGCONT)
        seen = []

        def restrained() -> bool:
            try:
                limits = Path(f"/proc/{child}/limits").read_text()
                seen.append((os.getpriority(os.PRIO_PROCESS, child), limits))
            except (ProcessLookupError, FileNotFoundError):
                return True
            return False

        wait_for(restrained)
        stop(process)
    niceness, limits = seen[-1]
    assert niceness >= 10
    assert any(line.startswith("Max cpu time") and " 30 " in line for line in limits.splitlines())
    assert any(line.startswith("Max core file size") and " 0 " in line for line in limits.splitlines())


def test_what_a_round_came_to_is_told_by_status(agent: Agent, collector: Collector) -> None:
    assert json.loads(agent.run("run", "--once", "--json").stdout)["looked"]["kind"] == "report"
    assert json.loads(agent.run("run", "--once", "--json").stdout)["looked"]["kind"] == "heartbeat"
    told = agent.status()
    assert told["health"] == "green", told["problems"]
    assert told["last_report"]["state"] == "received"
    assert told["last_heartbeat"] | {"looked_at": ""} == {
        "counter": 1, "sequence": 1, "looked_at": "", "state": "received", "reason": "",
    }  # fmt: skip
    assert told["spool"]["unsent"] == 0
    assert "release" in json.dumps(json.loads(agent.run("status", "--report").stdout)["report"]["findings"])
    assert len(collector.heartbeats) == 1


def test_enrolling_again_begins_an_epoch_and_keeps_what_is_unsent(agent: Agent, collector: Collector) -> None:
    agent.run("run", "--once")
    before = agent.status()
    again = agent.enrol()
    assert again.returncode == 2
    assert "enrolled already" in again.stderr
    assert agent.enrol("--again").returncode == 0
    after = agent.status()
    assert (after["epoch"], after["keyid"] != before["keyid"]) == (2, True)
    assert len(list(agent.state.glob("key-*.pem"))) == 1
    assert agent.run("run", "--once").returncode == 0
    assert {chain.epoch for chain in collector.committed} == {1, 2}


def test_nothing_in_the_state_folder_is_another_users(agent: Agent) -> None:
    agent.run("run", "--once")
    open_state(agent.state)
    for path in (agent.state, *agent.state.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_no_log_line_or_status_holds_the_token_or_the_key(agent: Agent) -> None:
    secret = next(agent.state.glob("key-*.pem")).read_text().splitlines()[1]
    done = [agent.run("run", "--once"), agent.run("status", "--json"), agent.run("settings")]
    for text in (each.stdout + each.stderr for each in done):
        assert secret not in text
        assert agent.token.read_text().strip() not in text
