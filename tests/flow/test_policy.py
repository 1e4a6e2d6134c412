"""The policy repository over real sockets: a collector's own, and old, expired, mixed, endless, slow and tampered ones.

In each the machine stays on its last good rulebook, says why, and its reports go through all the same.
"""

from __future__ import annotations

import hashlib
import json
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.flow.agent_program import Agent
from tests.flow.collector.serving import serving as collecting
from tests.flow.served import Behaviour, Hostile, serving
from tests.unit.agent.test_policy import ATTACKS, Attack
from tests.unit.agent.twin import Clock, Collector, Machine, rulebook_bytes
from tests.unit.collector.conftest import ADMIN
from tests.unit.collector.machines import a_rulebook
from tests.unit.policy_twin import Repository

from vonggac_agent import policy as known
from vonggac_agent import rulebooks as kept
from vonggac_agent.following import follow
from vonggac_agent.link import HttpLink, parse_address
from vonggac_agent.ship import Outcome, Shipper
from vonggac_collector import policy, rulebooks
from vonggac_collector.enrolment import create_token
from vonggac_collector.state import make_state

pytestmark = pytest.mark.policy
HOUR = timedelta(hours=1)


def test_an_agent_takes_from_a_real_collector_what_is_vouched_for_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "collector"
    make_state(folder)
    with collecting(folder) as running:
        now = datetime.now(UTC)
        assert policy.begin(running.ledger, folder, now, "test")
        agent = Agent(tmp_path, running.url)
        text, _ = create_token(running.ledger, ADMIN, "ha-noi/so-y-te", "hsyt", 1, now + HOUR, now)
        agent.token.write_text(text)
        assert agent.enrol().returncode == 0
        first = hashlib.sha256(a_rulebook()).hexdigest()
        told = agent.status()["policy"]
        assert (told["root"], told["rulebook"], told["trouble"]) == (1, first, None)

        second = a_rulebook(version="2")
        assert policy.vouch(running.ledger, folder, second, now, "test")
        rulebooks.publish(running.ledger, second, now=now, actor="test")
        assert agent.run("run", "--once").returncode == 0
        assert agent.status()["policy"]["rulebook"] == hashlib.sha256(second).hexdigest()

        # Whoever has the ledger names a third one in every receipt, and serves it.
        third = a_rulebook(version="3")
        with running.ledger.write() as tx:
            files = tx.policy.all()
            for name in files:
                tx.policy.drop(name)
        rulebooks.publish(running.ledger, third, now=now + HOUR / 60, actor="thief")
        with running.ledger.write() as tx:
            for name, raw in files.items():
                tx.policy.put(name, raw)
        agent.run("run", "--once", env=agent.change(0))
        told = agent.status()
        assert told["policy"]["rulebook"] == hashlib.sha256(second).hexdigest()
        assert told["policy"]["trouble"].startswith("policy-not-vouched")
        assert told["spool"]["unsent"] == 0
        agent.run("run", "--once")
        report = json.loads(agent.run("status", "--report").stdout)["report"]
        assert report["rulebook"] == hashlib.sha256(second).hexdigest()
        assert any(notice.startswith("policy-not-vouched") for notice in report["notices"])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Pinned, and on the collector's rulebook."""
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    collector = Collector(clock)
    collector.repository = Repository(clock())
    collector.repository.publish(collector.rulebook)
    made = Machine(tmp_path / "state", collector)
    with serving(collector) as url:
        assert ship(made, url).trouble == ""
    assert in_force(made) == collector.rulebook_digest
    yield made
    made.spool.close()


def ship(machine: Machine, url: str) -> Outcome:
    with closing(HttpLink(parse_address(url))) as link:
        return Shipper(
            machine.folder, machine.spool, machine.identity, link, machine.collector.clock, lambda: 0.5
        ).run()


def in_force(machine: Machine) -> str:
    return kept.in_force(machine.folder)[0].digest


REPOSITORIES = {
    "an old one": "an older snapshot and targets under a newer timestamp",
    "an expired one": "a timestamp that is over",
    "a mixed one": "the snapshot of before under the new one's name",
    "a tampered one": "targets cut short",
    "one that nobody signed": "a timestamp by nobody",
}


@pytest.mark.net
@pytest.mark.hostile
@pytest.mark.parametrize("name", REPOSITORIES)
def test_over_a_real_line_the_last_good_rulebook_stays_and_reports_go_through(
    name: str, machine: Machine
) -> None:
    attack: Attack
    attack, code = ATTACKS[REPOSITORIES[name]]
    good, repository = in_force(machine), machine.collector.repository
    assert repository is not None
    attack(machine, repository)
    machine.collector.rulebook = rulebook_bytes("4")
    machine.report("b")
    with serving(machine.collector) as url:
        outcome = ship(machine, url)
    assert (outcome.received, outcome.refused, outcome.again) == (1, 0, False)
    found = known.read(machine.folder)
    assert found is not None
    assert found.trouble.startswith(f"{code}:"), found.trouble
    assert in_force(machine) == good


def _answers(*parts: bytes, then: bytes = b"", every_s: float = 0.0) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        got = b""
        while b"\r\n\r\n" not in got and (chunk := connection.recv(65536)):
            got += chunk
        if b"root.json" in got:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        for part in parts:
            connection.sendall(part)
        while then:
            connection.sendall(then)
            time.sleep(every_s)

    return behave


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BAD: dict[str, tuple[Callable[[], Behaviour], str]] = {
    "endless": (
        lambda: _answers(CHUNKED, then=b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        "policy-bad-answer: an answer of more",
    ),
    "of a false length": (
        lambda: _answers(OK + b"Content-Length: 99999999\r\n\r\n"),
        "policy-bad-answer: an answer of 99999999",
    ),
    "slow": (
        lambda: _answers(CHUNKED, then=b"1\r\n{\r\n", every_s=0.2),
        "policy-unreachable: no whole answer within 1 s",
    ),
    "packed": (
        lambda: _answers(OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
        "policy-bad-answer: an answer packed",
    ),
    "elsewhere": (
        lambda: _answers(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"),
        "policy-unreachable: /agent/v1/policy/metadata/timestamp.json: 302",
    ),
}


@pytest.mark.net
@pytest.mark.hostile
@pytest.mark.parametrize("name", BAD)
def test_a_repository_that_is_endless_or_slow_is_left_in_time_and_fills_nothing(
    name: str, machine: Machine
) -> None:
    behaviour, said = BAD[name]
    good, pin = in_force(machine), machine.identity.enrolled.policy
    assert pin is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (
        Hostile(behaviour()) as server,
        closing(HttpLink(parse_address(f"http://127.0.0.1:{server.port}"), deadline_s=1.0)) as link,
    ):
        began, used = time.monotonic(), time.process_time()
        found = follow(machine.folder, link, pin, "f" * 64, now=machine.collector.clock())
        assert time.monotonic() - began < 20
        assert time.process_time() - used < 5
    assert found.trouble.startswith(said), found.trouble
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024
    assert (found.good, in_force(machine)) == (good, good)


@pytest.mark.net
@pytest.mark.hostile
def test_all_questions_together_have_one_deadline(machine: Machine) -> None:
    pin, times = machine.identity.enrolled.policy, iter(range(0, 10_000, 100))
    assert pin is not None
    with serving(machine.collector) as url, closing(HttpLink(parse_address(url))) as link:
        asked = len(machine.collector.asked)
        found = follow(
            machine.folder, link, pin, "f" * 64, now=machine.collector.clock(), clock=lambda: float(next(times))
        )  # fmt: skip
    assert found.trouble == "policy-unreachable: no whole answer within 120 s"
    assert len(machine.collector.asked) - asked == 1
