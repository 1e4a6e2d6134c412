"""A fleet reports to several collectors while they, their workers and PostgreSQL are killed at random.

VONGGAC_CHAOS_ROUNDS kills that often instead of a few times, VONGGAC_CHAOS_SEED chooses the order again that a run
printed: `VONGGAC_CHAOS_ROUNDS=200 pytest tests/flow/postgres/test_chaos.py --timeout=0 -s`.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.flow.collector.serving import ENVELOPE
from tests.services.postgres import OwnServer, Server, free_port
from tests.unit.collector.conftest import ADMIN, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.rollup import day_of
from vonggac_collector.state import make_state
from vonggac_collector.verification import verify_ledger

ROUNDS = int(os.environ.get("VONGGAC_CHAOS_ROUNDS", "5"))
SEED = int(os.environ.get("VONGGAC_CHAOS_SEED", "0")) or secrets.randbelow(1_000_000) + 1
WEBS, WORKERS, MACHINES, SENDERS = 3, 2, 30, 6
PATIENCE_S = 60.0
"""Until somebody answers again after the last kill, on a machine that does other things as well."""


class Program:
    """`vonggac-collector` with those words as a process of its own, which may be killed and started again."""

    def __init__(self, words: list[str], environment: dict[str, str], log: Path) -> None:
        self._words = words
        self._environment = environment
        self._log = log
        self.start()

    def start(self) -> None:
        code = "import sys; from vonggac_collector.cli import main; sys.exit(main())"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code, *self._words],
                env=os.environ | self._environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def revive(self) -> None:
        """As systemd would: one that was started while PostgreSQL was away said so and ended."""
        if self._process.poll() is not None:
            assert self._process.returncode == 1
            self.start()


class Sender(threading.Thread):
    """Some machines' agents: each sends a report until there is a receipt, to whichever collector, then the next."""

    def __init__(self, machines: list[Machine], ports: list[int], seed: int) -> None:
        super().__init__()
        self._machines = machines
        self._ports = ports
        self._random = random.Random(seed)
        self._client = httpx.Client(trust_env=False, timeout=20)
        self.stop = threading.Event()
        self.receipts: dict[str, set[str]] = {m.agent_id: set() for m in machines}
        self.statuses: dict[int, int] = {}
        self.given_up = False

    def run(self) -> None:
        n = 0
        while not self.stop.is_set() and not self.given_up:
            for machine in self._machines:
                n += 1
                self._deliver(machine, machine.report(datetime.now(UTC), {n % 14}))
        self._client.close()

    def _deliver(self, machine: Machine, raw: bytes) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            port = self._random.choice(self._ports)
            try:
                answer = self._client.post(
                    f"http://127.0.0.1:{port}/agent/v1/envelopes", content=raw, headers=ENVELOPE
                )
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
            if answer.status_code == 200:
                self.receipts[machine.agent_id].add(machine.receipt(answer.content).digest)
                return
            time.sleep(0.05)
        self.given_up = True


@pytest.mark.crash
@pytest.mark.db
@pytest.mark.timeout(240)
def test_whoever_is_killed_every_receipt_s_report_is_in_the_ledger_once(
    postgres: Server, tmp_path: Path
) -> None:
    own, chance = postgres.owned, random.Random(SEED)
    sys.stdout.write(f"VONGGAC_CHAOS_SEED={SEED}\n")
    now = datetime.now(UTC)
    make_state(tmp_path)
    with postgres.database() as url, ExitStack() as last:
        ledger = open_ledger(url)
        last.callback(ledger.close)
        plant(ledger, now - timedelta(days=1))
        token, _ = create_token(
            ledger, ADMIN, "ha-noi/so-y-te", "hsyt", MACHINES, now + timedelta(hours=9), now
        )
        log = tmp_path / "log"
        ports = [free_port() for _ in range(WEBS)]
        common = {"VONGGAC_STATE_DIR": str(tmp_path), "VONGGAC_DATABASE_URL": url, "VONGGAC_ROLE": "web"}
        webs = [
            Program(["serve", "--no-pages"], common | {"VONGGAC_LISTEN": f"127.0.0.1:{port}"}, log)
            for port in ports
        ]
        workers = [Program(["work"], common, log) for _ in range(WORKERS)]
        for program in (*webs, *workers):
            last.callback(program.kill)
        for port in ports:
            wait_until_ready(port)
        machines = [Machine(f"may-{n}", seed=n + 1) for n in range(MACHINES)]
        for n, machine in enumerate(machines):
            enrolled = httpx.post(
                f"http://127.0.0.1:{ports[n % WEBS]}/agent/v1/enrol",
                content=machine.request(token, now),
                headers=ENVELOPE,
                trust_env=False,
            )
            machine.enrolled(enrolled.content)
        senders = [Sender(machines[n::SENDERS], ports, SEED + n) for n in range(SENDERS)]
        victims: list[Program | OwnServer] = [*webs, *workers, own, own]
        for sender in senders:
            sender.start()
        try:
            for _ in range(ROUNDS):
                time.sleep(chance.uniform(0.1, 1.0))
                for program in (*webs, *workers):
                    program.revive()
                victim = chance.choice(victims)
                if isinstance(victim, Program):
                    victim.kill()
                    time.sleep(chance.uniform(0.0, 0.5))
                    victim.start()
                else:
                    victim.stop("immediate")
                    time.sleep(chance.uniform(0.0, 0.5))
                    victim.start()
            for program in (*webs, *workers):
                program.revive()
            for port in ports:
                wait_until_ready(port)
        finally:
            for sender in senders:
                sender.stop.set()
            for sender in senders:
                sender.join()
        receipts = {agent: digests for s in senders for agent, digests in s.receipts.items()}
        statuses = {
            status: sum(s.statuses.get(status, 0) for s in senders) for s in senders for status in s.statuses
        }
        sys.stdout.write(f"{ROUNDS} kills, answers by status: {statuses}\n")
        assert not any(s.given_up for s in senders)
        assert set(statuses) <= {200, 503}
        with ledger.read() as tx:
            for machine in machines:
                found = tx.chain.of_agent(machine.agent_id, 1_000_000)
                assert {e.state for e in found} == {"committed"}
                assert [e.sequence for e in found] == list(range(machine.sequence, 0, -1))
                assert {e.digest for e in found} == receipts[machine.agent_id]
        assert verify_ledger(ledger).faults == []
        until = time.monotonic() + PATIENCE_S
        while not is_published(url, now):
            assert time.monotonic() < until, "no worker is left that publishes"
            time.sleep(0.1)


def wait_until_ready(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("a collector did not come back")


def is_published(url: str, now: datetime) -> bool:
    ledger = open_ledger(url)
    try:
        with ledger.read() as tx:
            return any(row.id == "vn" and row.score is not None for row in tx.scores.day(day_of(now)))
    finally:
        ledger.close()
