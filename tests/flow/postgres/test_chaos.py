"""A fleet reports to several collectors while they, their workers, PostgreSQL and Elasticsearch are killed at random.

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
from typing import Any

import httpx
import pytest
from tests.flow.collector.serving import ENVELOPE
from tests.services import elasticsearch as search
from tests.services.ports import free_port
from tests.services.postgres import OwnServer, Server
from tests.unit.collector.conftest import ADMIN, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_collector.index import schema
from vonggac_collector.index.consumer import LEASE
from vonggac_collector.index.elastic.client import Access
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.index.reading import Reader
from vonggac_collector.index.rebuild import rebuild
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.rollup import day_of
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.state import make_state
from vonggac_collector.verification import verify_ledger
from vonggac_contract.report import Section, section_digest

ROUNDS = int(os.environ.get("VONGGAC_CHAOS_ROUNDS", "5"))
SEED = int(os.environ.get("VONGGAC_CHAOS_SEED", "0")) or secrets.randbelow(1_000_000) + 1
WEBS, WORKERS, MACHINES, SENDERS = 3, 2, 30, 6
PATIENCE_S = 60.0
"""Until somebody answers again after the last kill, on a machine that does other things as well."""
CAUGHT_UP_S = LEASE.total_seconds() + 180.0
"""Until search has caught up: what a dead worker had claimed, and the longest pause after failures."""


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
                self._deliver(
                    machine, machine.report(datetime.now(UTC), {n % 14}, sections=sections(machine, n))
                )
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


def sections(machine: Machine, n: int) -> dict[str, Section]:
    """A few packages, of which some come, go and are upgraded."""
    names = [name for place, name in enumerate(("bash", "openssl", "nginx", "zlib1g")) if n % (place + 2)]
    contents = {
        "host": {"hostname": machine.hostname, "machine_id": "m" * 64},
        "packages": {"manager": "dpkg", "packages": [[name, f"1.{n % 5}-1", "amd64", ""] for name in names]},
    }
    return {name: Section(section_digest(content), content) for name, content in contents.items()}


class House:
    """Collectors and workers on one ledger and one index."""

    def __init__(self, url: str, index: str, prefix: str, folder: Path) -> None:
        make_state(folder)
        common = {
            "VONGGAC_STATE_DIR": str(folder),
            "VONGGAC_DATABASE_URL": url,
            "VONGGAC_ROLE": "web",
            "VONGGAC_ELASTICSEARCH_URL": index,
            "VONGGAC_ELASTICSEARCH_PREFIX": prefix,
        }
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

    def kill_at_random(self, own: OwnServer, index: search.OwnServer, chance: random.Random) -> str:
        """One program, or a server, and start it again; says what it was."""
        time.sleep(chance.uniform(0.1, 1.0))
        for program in self.programs:
            program.revive()
        victims: list[Program | OwnServer | search.OwnServer] = [*self.programs, own, own, index, index]
        victim = chance.choice(victims)
        if isinstance(victim, Program):
            victim.kill()
        elif isinstance(victim, OwnServer):
            victim.stop("immediate")
        else:
            victim.stop()
        time.sleep(chance.uniform(0.0, 0.5))
        if isinstance(victim, search.OwnServer):
            # It needs seconds, in which others die; or it does once more.
            victim.start(lambda: True)
            return "Elasticsearch"
        victim.start()
        return "PostgreSQL" if isinstance(victim, OwnServer) else "a collector or worker"

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
@pytest.mark.es
@pytest.mark.timeout(900 + 30 * ROUNDS)
def test_whoever_is_killed_every_receipt_s_report_is_in_the_ledger_once_and_the_index_is_as_rebuilt(
    postgres: Server, elasticsearch: search.Server, tmp_path: Path
) -> None:
    sys.stdout.write(f"VONGGAC_CHAOS_SEED={SEED}\n")
    own, index, chance = postgres.owned, elasticsearch.owned, random.Random(SEED)
    now, killed, began = datetime.now(UTC), Counter[str](), time.monotonic()
    with (
        elasticsearch.prefix() as prefix,
        postgres.database() as url,
        closing(open_ledger(url)) as ledger,
        closing(House(url, elasticsearch.url, prefix, tmp_path)) as house,
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
                killed[house.kill_at_random(own, index, chance)] += 1
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
        sys.stdout.write(f"killed {dict(killed)}, answers by status {dict(told)}\n")
        assert not any(s.given_up for s in senders)
        assert told[200] > MACHINES
        assert set(told) <= {200, 503}
        require_once(ledger, machines, {a: digests for s in senders for a, digests in s.receipts.items()})
        wait_until_published(ledger, now)
        index.revive()
        compared = require_as_rebuilt(ledger, elasticsearch, prefix)
        sys.stdout.write(f"documents compared {compared}, {time.monotonic() - began:.0f} s\n")


def require_as_rebuilt(ledger: SqlLedger, server: search.Server, prefix: str) -> dict[str, int]:
    """Search catches up by itself, and then holds what an index holds that is made just now; how many documents."""
    until = time.monotonic() + CAUGHT_UP_S
    with closing(ElasticIndex(Access(server.url), prefix)) as index:
        while True:
            while waiting(ledger) or index.health().state != "ready":
                assert time.monotonic() < until, "search does not catch up"
                time.sleep(0.2)
            found = documents(server, prefix)
            with server.prefix() as other, closing(ElasticIndex(Access(server.url), other)) as fresh:
                rebuild(ledger, fresh, Reader(ledger, Shelf(ledger), utc_now), utc_now)
                made = documents(server, other)
            # A worker may have published scores between the two.
            if found == made or time.monotonic() > until:
                break
    assert found == made
    assert all(found.values())
    return {name: len(there) for name, there in found.items()}


def documents(server: search.Server, prefix: str) -> dict[str, dict[str, dict[str, Any]]]:
    """All of an index, by kind and id."""
    names = [*(f"{room}-current" for room in schema.ROOMS), "scores-daily", "events-*"]
    found = {name: server.documents(f"{prefix}-{name}") for name in names}
    for score in found["scores-daily"].values():
        # A day's scores are told again when they differ, not when they are only later.
        score["@timestamp"] = score["vonggac.freshness"] = None
    return found


def waiting(ledger: SqlLedger) -> int:
    with ledger.read() as tx:
        return tx.outbox.lag().waiting


def utc_now() -> datetime:
    return datetime.now(UTC)


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
