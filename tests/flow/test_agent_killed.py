"""An agent killed at any moment: no number twice, no gap, nothing sealed is lost, and it goes on by itself."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from tests.flow.agent_program import NOTHING, Agent, with_failpoint
from tests.flow.forked import Forks
from tests.flow.served import serving
from tests.unit.agent.twin import Clock, Collector, problem, rulebook_bytes

from vonggac_agent.failpoints import Failpoint
from vonggac_agent.seal import Chain
from vonggac_agent.spool import Spool
from vonggac_contract.envelope import REPORT, Envelope, envelope_from_bytes, verify
from vonggac_contract.facts import TOPICS
from vonggac_contract.report import follows, heartbeat_from_envelope, statement_from_envelope

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


OF_A_ROUND = [point for point in Failpoint if not point.startswith("turn")]
"""All but those of a change of keys, which is no part of looking and sending."""
_KILLS = 4


class Story:
    """Rounds in which an agent comes past every point, with what goes before each at the collector or on the disk."""

    def __init__(self, folder: Path, collector: Collector, address: str, forks: Forks) -> None:
        self.agent = Agent(folder, address)
        self.collector = collector
        self._forks = forks
        self._told = Told(self.agent.state / "spool.db", collector)
        self._step = 0
        self.kills = 0

    def enrol(self) -> None:
        words = ("enrol", "--collector", self.agent.collector, "--token-file", str(self.agent.token))
        code, said, _ = self._forks.run(*words, env=self.agent.environment({}))
        assert code == 0, said

    def round(self, point: str | None, *, more: Mapping[str, str] = NOTHING, **how: int) -> None:
        """Look and send, killed at the point twice if it is reached, four times in all; then once more without."""
        for armed in (point, point, None) if self.kills < _KILLS else (None,):
            given = {**self._cheap(), **more, **({} if armed is None else with_failpoint(armed))}
            code, said, used_s = self._forks.run("run", "--once", env=self.agent.environment(given), **how)
            self._told.check()
            if code != -signal.SIGKILL:
                assert code in (0, 1, 75), said
                assert used_s < 5, "seconds of processor time"
                return
            self.kills += 1
        pytest.fail("killed without having been asked for it")

    def _cheap(self) -> dict[str, str]:
        """Looks that cost little by the whole rulebook too, which is in force until the collector's is fetched."""
        seen = {"os.release"} if self._step % 2 else set[str]()
        return {"VONGGAC_DISABLED_FACTS": ",".join(sorted(TOPICS.keys() - seen))}

    def change(self) -> None:
        """What the next look sees is other than before."""
        self._step += 1

    def tell(self, point: str | None) -> None:
        """The whole of it."""
        collector = self.collector
        self.round(point)
        self.round(point)  # unchanged: a heartbeat
        self.change()
        collector.rulebook = rulebook_bytes("2")  # named by the next receipt, fetched, kept
        self.round(point)
        self.change()
        self.round(point, file_bytes=100)  # the look cannot be kept
        self.round(point)  # and this report tells so
        self.change()
        collector.refusals = [problem(404, "not-found", "who are you")]
        self.round(point)
        collector.refusals = []
        self.change()
        self.round(point)  # asks for the one that was refused
        for _ in range(3):  # nobody answers, until the newest takes the place of the one before
            collector.refusals = [problem(500, "internal", "no")] * 4
            self.change()
            self.round(point, more={"VONGGAC_SPOOL_DAYS": "1", "VONGGAC_INTERVAL_S": "86400"})
        collector.refusals = []

    def end(self) -> None:
        """In two rounds nothing is left, and both sides have the same."""
        self.round(None)
        self.round(None)
        ((_, chain),) = self.collector.agents.values()
        assert self.collector.committed[chain] == self._told.reports
        assert len(self._told.reports) >= 5
        assert self._told.dropped


class Told:
    """An oracle beside the agent: reads the spool as any program could, and the collector's twin, after each run.

    A report that was once in the spool is there for ever, unchanged, unless a later one owns up to having dropped it;
    and so is what the collector was sent.
    """

    def __init__(self, path: Path, collector: Collector) -> None:
        self._path = path
        self._collector = collector
        self._asked = 0
        self.reports: dict[int, str] = {}
        self.dropped: dict[int, str] = {}
        self._beats: dict[int, str] = {}

    def check(self) -> None:
        """Hold what is there now against all that was there before."""
        if self._path.exists():
            with closing(sqlite3.connect(self._path)) as spool:
                if spool.execute("PRAGMA user_version").fetchone()[0]:
                    assert spool.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                    rows = spool.execute(
                        "SELECT sequence, digest, previous, envelope FROM link ORDER BY 1"
                    ).fetchall()
                    beats = spool.execute("SELECT counter, digest FROM heartbeat").fetchall()
                    self._chain(rows)
                    self._seen(self._beats, beats)
        for _, path, body in self._collector.asked[self._asked :]:
            if path == "/agent/v1/envelopes":
                self._sent(envelope_from_bytes(body))
        self._asked = len(self._collector.asked)
        assert self._collector.forks == []

    def _chain(self, rows: list[tuple[int, str, str | None, bytes]]) -> None:
        ((public, _),) = self._collector.agents.values()
        head: tuple[int, str | None] = (0, None)
        for number, digest, previous, raw in rows:
            envelope = envelope_from_bytes(raw)
            verify(envelope, public)
            statement = statement_from_envelope(envelope)
            assert (statement.sequence, statement.previous, envelope.digest) == (number, previous, digest)
            assert follows(statement) == head
            for gone in range(head[0] + 1, number):
                self.dropped[gone] = self.reports.pop(gone, "")
            head = (number, digest)
        assert self.reports.items() <= {number: digest for number, digest, *_ in rows}.items(), "one was lost"
        self._seen(self.reports, [(number, digest) for number, digest, *_ in rows])

    def _sent(self, envelope: Envelope) -> None:
        if envelope.payload_type == REPORT:
            self._seen(self.reports, [(statement_from_envelope(envelope).sequence, envelope.digest)])
        else:
            self._seen(self._beats, [(heartbeat_from_envelope(envelope).counter, envelope.digest)])

    def _seen(self, known: dict[int, str], now: list[tuple[int, str]]) -> None:
        for number, digest in now:
            assert known is not self.reports or number not in self.dropped, "a dropped one was sent"
            assert known.setdefault(number, digest) == digest, f"number {number} was given twice"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


@pytest.mark.parametrize("point", OF_A_ROUND)
def test_a_kill_at_any_point_of_a_round_loses_nothing_and_gives_no_number_twice(
    tmp_path: Path, collector: Collector, forks: Forks, point: Failpoint
) -> None:
    with serving(collector) as address:
        story = Story(tmp_path, collector, address, forks)
        story.enrol()
        story.tell(point)
        assert story.kills > 0, "it never came there"
        story.end()


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
