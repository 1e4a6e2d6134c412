"""A fleet reports to several collectors while they, their workers and PostgreSQL are killed at random.

VONGGAC_CHAOS_ROUNDS kills that often instead of a few times, VONGGAC_CHAOS_SEED chooses the order again that a run
printed: `VONGGAC_CHAOS_ROUNDS=200 pytest -s tests/flow/postgres/test_chaos.py`.
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
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.flow.collector.serving import ENVELOPE
from tests.services.postgres import OwnServer, Server, free_port
from tests.unit.collector.conftest import ADMIN, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
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
        self.statuses: Counter[int] = Counter()
        self.given_up = False

    def run(self) -> None:
        n = 0
        while not self.stop.is_set() and not self.given_up:
            for machine in self._machines:
                n += 1
                self._deliver(machine, machine.report(datetime.now(UTC), {n % 14}))
        self._client.close()

    def _deliver(self, machine: Machine, raw: bytes) -> None:
        until = float("inf")
        while time.monotonic() < until:
            if self.stop.is_set():
                # Nobody is killed any more.
                until = min(until, time.monotonic() + PATIENCE_S)
            port = self._random.choice(self._ports)
            try:
                answer = self._client.post(
                    f"http://127.0.0.1:{port}/agent/v1/envelopes", content=raw, headers=ENVELOPE
                )
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                self.receipts[machine.agent_id].add(machine.receipt(answer.content).digest)
                return
            time.sleep(0.05)
        self.given_up = True


class House:
    """Collectors and workers on one ledger."""

    def __init__(self, url: str, folder: Path) -> None:
        make_state(folder)
        common = {"VONGGAC_STATE_DIR": str(folder), "VONGGAC_DATABASE_URL": url, "VONGGAC_ROLE": "web"}
        log = folder / "log"
        self.ports = [free_port() for _ in range(WEBS)]
        serving = [common | {"VONGGAC_LISTEN": f"127.0.0.1:{port}"} for port in self.ports]
        self.programs = [Program(["serve", "--no-pages"], environment, log) for environment in serving]
        self.programs += [Program(["work"], common, log) for _ in range(WORKERS)]

    def wait(self) -> None:
        """Until every collector answers; who ended for want of PostgreSQL is started again."""
        for program in self.programs:
            program.revive()
        for port in self.ports:
            wait_until_ready(port)

    def close(self) -> None:
        for program in self.programs:
            program.kill()

    def kill_at_random(self, own: OwnServer, chance: random.Random) -> None:
        """One program, or PostgreSQL, and start it again."""
        time.sleep(chance.uniform(0.1, 1.0))
        for program in self.programs:
            program.revive()
        victims: list[Program | OwnServer] = [*self.programs, own, own]
        victim = chance.choice(victims)
        if isinstance(victim, Program):
            victim.kill()
        else:
            victim.stop("immediate")
        time.sleep(chance.uniform(0.0, 0.5))
        victim.start()

    def enrol(self, machine: Machine, token: str) -> None:
        answer = httpx.post(
            f"http://127.0.0.1:{self.ports[0]}/agent/v1/enrol",
            content=machine.request(token, datetime.now(UTC)),
            headers=ENVELOPE,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        machine.enrolled(answer.content)


@pytest.mark.crash
@pytest.mark.db
@pytest.mark.timeout(240 + 30 * ROUNDS)
def test_whoever_is_killed_every_receipt_s_report_is_in_the_ledger_once(
    postgres: Server, tmp_path: Path
) -> None:
    sys.stdout.write(f"VONGGAC_CHAOS_SEED={SEED}\n")
    own, chance, now = postgres.owned, random.Random(SEED), datetime.now(UTC)
    with (
        postgres.database() as url,
        closing(open_ledger(url)) as ledger,
        closing(House(url, tmp_path)) as house,
    ):
        plant(ledger, now - timedelta(days=1))
        token = create_token(
            ledger, ADMIN, "ha-noi/so-y-te", "hsyt", MACHINES, now + timedelta(hours=9), now
        )[0]
        house.wait()
        machines = [Machine(f"may-{n}", seed=n + 1) for n in range(MACHINES)]
        for machine in machines:
            house.enrol(machine, token)
        senders = [Sender(machines[n::SENDERS], house.ports, SEED + n) for n in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            for _ in range(ROUNDS):
                house.kill_at_random(own, chance)
                # Sometimes the next one follows at once, sometimes when reports are taken again.
                if chance.random() < 0.5:
                    wait_for_receipts(senders)
            house.wait()
        finally:
            for sender in senders:
                sender.stop.set()
            for sender in senders:
                sender.join()
        told: Counter[int] = sum((s.statuses for s in senders), Counter())
        sys.stdout.write(f"{ROUNDS} kills, answers by status: {dict(told)}\n")
        assert not any(s.given_up for s in senders)
        assert told[200] > MACHINES
        assert set(told) <= {200, 503}
        require_once(ledger, machines, {a: digests for s in senders for a, digests in s.receipts.items()})
        wait_until_published(ledger, now)


def wait_for_receipts(senders: list[Sender]) -> None:
    """Until there are some more, from whomever."""
    before, until = sum(s.statuses[200] for s in senders), time.monotonic() + PATIENCE_S
    while sum(s.statuses[200] for s in senders) < before + SENDERS:
        assert time.monotonic() < until, "nothing is taken any more"
        time.sleep(0.02)


def require_once(ledger: SqlLedger, machines: list[Machine], receipts: dict[str, set[str]]) -> None:
    """Each report that was sent has a receipt and is there, once, in its place; nothing else is."""
    with ledger.read() as tx:
        for machine in machines:
            found = tx.chain.of_agent(machine.agent_id, 1_000_000)
            assert {e.state for e in found} == {"committed"}
            assert [e.sequence for e in found] == list(range(machine.sequence, 0, -1))
            assert {e.digest for e in found} == receipts[machine.agent_id]
    assert verify_ledger(ledger).faults == []


def wait_until_ready(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("a collector did not come back")


def wait_until_published(ledger: SqlLedger, now: datetime) -> None:
    """Some worker is left that does its work."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with ledger.read() as tx:
            if any(row.id == "vn" and row.score is not None for row in tx.scores.day(day_of(now))):
                return
        time.sleep(0.1)
    raise AssertionError("no worker is left that publishes")
