"""An agent killed at any moment: no number twice, no gap, nothing sealed is lost, and it goes on by itself."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.agent_program import Agent, killed, with_failpoint
from tests.flow.served import serving
from tests.unit.agent.twin import Clock, Collector

from vonggac_agent.failpoints import Failpoint
from vonggac_agent.seal import Chain
from vonggac_agent.spool import Spool
from vonggac_contract.envelope import envelope_from_bytes, verify
from vonggac_contract.report import statement_from_envelope

pytestmark = [pytest.mark.crash, pytest.mark.timeout(240)]


@pytest.fixture
def collector() -> Collector:
    return Collector(Clock())


@pytest.fixture
def agent(tmp_path: Path, collector: Collector) -> Iterator[Agent]:
    with serving(collector) as address:
        made = Agent(tmp_path, address)
        assert made.enrol().returncode == 0
        yield made


def chain_of(collector: Collector) -> Chain:
    ((_, chain),) = collector.agents.values()
    return chain


def check(agent: Agent, collector: Collector) -> dict[int, str]:
    """The chain in the spool verifies from its first link, and the collector never saw another. Returns the chain."""
    ((public, chain),) = collector.agents.values()
    spool = Spool(agent.state, max_bytes=1 << 26)
    try:
        links = spool.between(chain, 1, 10_000)
        before = None
        for number, link in enumerate(links, 1):
            envelope = envelope_from_bytes(spool.envelope(link))
            verify(envelope, public)
            statement = statement_from_envelope(envelope)
            assert (statement.sequence, statement.previous) == (number, before)
            before = envelope.digest
    finally:
        spool.close()
    assert collector.forks == []
    sealed = {link.sequence: link.digest for link in links}
    for sequence, digest in collector.committed.get(chain, {}).items():
        assert sealed[sequence] == digest
    return sealed


@pytest.mark.parametrize("point", list(Failpoint))
def test_a_kill_at_any_point_of_a_round_loses_nothing_and_forks_nothing(
    agent: Agent, collector: Collector, point: Failpoint
) -> None:
    before: dict[int, str] = {}
    for step in range(4):
        done = agent.run("run", "--once", env=agent.change(step) | with_failpoint(point))
        assert killed(done), done.stderr
        sealed = check(agent, collector)
        assert before.items() <= sealed.items(), "what was sealed is still there"
        before = sealed
    started = time.monotonic()
    done = agent.run("run", "--once")
    assert time.monotonic() - started < 15
    assert done.returncode == 0, done.stderr
    sealed = check(agent, collector)
    assert collector.committed[chain_of(collector)] == sealed
    assert sealed


def test_kills_at_random_moments_lose_nothing_and_fork_nothing(agent: Agent, collector: Collector) -> None:
    chance = random.Random(20260301)
    before: dict[int, str] = {}
    ended: list[bool] = []
    for step in range(24):
        with agent.start("run", "--once", env=agent.change(step)) as process:
            time.sleep(chance.uniform(0.05, 0.45))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        ended.append(process.returncode == 0)
        if (agent.state / "spool.db").exists():
            sealed = check(agent, collector)
            assert before.items() <= sealed.items()
            before = sealed
    assert agent.run("run", "--once").returncode == 0
    assert collector.committed[chain_of(collector)] == check(agent, collector)
    assert not all(ended), "no kill came early enough to prove anything"


def test_without_the_mark_of_a_test_build_no_environment_kills_the_agent(agent: Agent) -> None:
    for point in Failpoint:
        assert agent.run("run", "--once", env={"VONGGAC_FAILPOINT": point}).returncode == 0


STRACE = ("strace", "-f", "-qq", "-o", os.devnull)


@pytest.mark.disk
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_a_kill_at_the_nth_write_leaves_a_row_whole_or_absent(
    agent: Agent, collector: Collector, call: str
) -> None:
    before: dict[int, str] = {}
    for nth in (*range(1, 12), *range(13, 240, 7)):
        trace = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}")
        done = agent.run("run", "--once", prefix=(*STRACE, *trace), env=agent.change(nth))
        if (agent.state / "spool.db").exists():
            sealed = check(agent, collector)
            assert before.items() <= sealed.items()
            before = sealed
        if done.returncode == 0:
            break
    else:
        pytest.fail(f"more than {nth} calls of {call} in one round")
    assert nth > 2, "nothing was injected"
    assert agent.run("run", "--once").returncode == 0
    assert collector.committed[chain_of(collector)] == check(agent, collector)


@pytest.mark.disk
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_failing_disk_costs_looks_that_the_next_report_owns_up_to(
    agent: Agent, collector: Collector, call: str, error: str
) -> None:
    assert agent.run("run", "--once").returncode == 0
    seen = set()
    for nth in range(1, 14):
        trace = ("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}")
        done = agent.run("run", "--once", prefix=(*STRACE, *trace), env=agent.change(nth))
        assert done.returncode in (0, 75), done.stderr
        seen.add(done.returncode)
        check(agent, collector)
    trace = ("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when=1+")
    assert agent.run("run", "--once", prefix=(*STRACE, *trace), env=agent.change(0)).returncode == 75
    done = agent.run("run", "--once", env=agent.change(1))
    assert done.returncode == 0, done.stderr
    sealed = check(agent, collector)
    assert collector.committed[chain_of(collector)] == sealed
    last = collector.statements[sealed[max(sealed)]].report
    assert any("could not be kept" in notice for notice in last.notices), last.notices
    assert agent.status()["skipped_looks"] == 0
