"""The collector is killed at any moment: whatever it acknowledged is there, and asking again gives the same receipt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.flow.collector.serving import ENVELOPE
from tests.services.ports import free_port
from tests.unit.collector.conftest import ADMIN, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.state import make_state
from vonggac_collector.verification import verify_ledger

KILLS = 5
MACHINES = 4


class Program:
    """`vonggac-collector serve` as a process of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        environment = {
            **os.environ,
            "VONGGAC_STATE_DIR": str(folder),
            "VONGGAC_LISTEN": f"127.0.0.1:{port}",
            "VONGGAC_ROLE": "all",
        }
        code = "import sys; from vonggac_collector.cli import main; sys.exit(main())"
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, "serve", "--no-pages"],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("it did not start")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.client.close()


def ship(machine: Machine, client: httpx.Client, acknowledged: dict[str, bytes], unsent: list[bytes]) -> None:
    """Send what is left, then more, until the collector is gone; like an agent, forget only what has a receipt."""
    try:
        while True:
            if not unsent:
                unsent.append(machine.report(datetime.now(UTC), {machine.sequence % 14}))
            answer = client.post("/agent/v1/envelopes", content=unsent[0], headers=ENVELOPE)
            if answer.status_code == 200:
                acknowledged[machine.receipt(answer.content).digest] = answer.content
                unsent.pop(0)
    except (httpx.TransportError, RuntimeError):
        # The second is what a client says that `Program.kill` closed between two requests.
        return


@pytest.mark.crash
@pytest.mark.timeout(180)
def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    make_state(tmp_path)
    now = datetime.now(UTC)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True)
    plant(ledger, now - timedelta(days=1))
    token, _ = create_token(ledger, ADMIN, "ha-noi/so-y-te", "hsyt", MACHINES, now + timedelta(hours=1), now)
    ledger.close()
    port = free_port()
    machines = [Machine(f"may-{n}", seed=n + 1) for n in range(MACHINES)]
    acknowledged: dict[str, bytes] = {}
    unsent: list[list[bytes]] = [[] for _ in machines]
    program = Program(tmp_path, port)
    for machine in machines:
        answer = program.client.post("/agent/v1/enrol", content=machine.request(token, now), headers=ENVELOPE)
        machine.enrolled(answer.content)
    for kill in range(KILLS):
        threads = [
            threading.Thread(target=ship, args=(m, program.client, acknowledged, left))
            for m, left in zip(machines, unsent, strict=True)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.2 + 0.07 * kill)
        program.kill()
        for thread in threads:
            thread.join()
        program = Program(tmp_path, port)
    program.kill()
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    with ledger.read() as tx:
        committed = {
            e.digest: e.sequence
            for m in machines
            for e in tx.chain.of_agent(m.agent_id, 10_000)
            if e.state == "committed"
        }
        heads = {a.id: a.head_sequence for a in tx.agents.all()}
    assert len(acknowledged) > KILLS * MACHINES
    assert set(acknowledged) <= set(committed)
    # What was committed without its receipt having arrived is at most one report a machine.
    assert len(committed) - len(acknowledged) <= MACHINES
    assert len(committed) == sum(heads.values())
    assert verify_ledger(ledger).faults == []
    ledger.close()
