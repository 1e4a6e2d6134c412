"""The service of a machine that waits for approval: it asks again by itself, and looks once it is let in."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.flow.agent_program import Agent
from tests.flow.served import serving
from tests.unit.agent.gate import Gate
from tests.unit.agent.twin import Clock

from vonggac_contract.enrolment import fingerprint
from vonggac_contract.envelope import keyid_of

pytestmark = pytest.mark.timeout(180)


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_service_asks_again_by_itself_and_looks_once_it_is_let_in(tmp_path: Path) -> None:
    gate = Gate(Clock(datetime.now(UTC)))
    with serving(gate) as address:
        agent = Agent(tmp_path, address)
        done = agent.enrol()
        keyid = keyid_of(gate.requests()[0].public_key)
        assert done.returncode == 75
        assert all(line in done.stderr for line in fingerprint(keyid))
        assert agent.token.read_text().strip() not in done.stdout + done.stderr
        assert agent.status()["waiting"]["keyid"] == keyid
        with agent.start("run") as service:
            try:
                wait_for(lambda: len(gate.requests()) > 1)
                gate.decided[keyid] = True
                service.send_signal(signal.SIGHUP)
                wait_for(lambda: agent.status()["enrolled"])
                service.send_signal(signal.SIGHUP)
                wait_for(lambda: gate.committed)
            finally:
                service.send_signal(signal.SIGTERM)
                service.communicate(timeout=30)
        assert service.returncode == 0
        assert {keyid_of(r.public_key) for r in gate.requests()} == {keyid}
        assert agent.status()["waiting"] is None


def test_a_refused_machines_service_says_why_and_asks_no_more(tmp_path: Path) -> None:
    gate = Gate(Clock(datetime.now(UTC)))
    with serving(gate) as address:
        agent = Agent(tmp_path, address)
        assert agent.enrol().returncode == 75
        gate.decided[keyid_of(gate.requests()[0].public_key)] = "không phải máy của đơn vị"
        once = agent.run("run", "--once")
        assert "không phải máy của đơn vị" in once.stderr
        asked = len(gate.requests())
        agent.run("run", "--once")
        told = agent.run("status", "--lang", "vi")
        assert told.returncode == 1
        assert "không phải máy của đơn vị" in told.stdout
        assert len(gate.requests()) == asked
        assert agent.enrol().returncode == 75, "with a token it asks anew"
        assert gate.requests()[-1].public_key != gate.requests()[0].public_key
