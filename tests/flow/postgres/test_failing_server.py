"""PostgreSQL stops, refuses, waits, or is gone between COMMIT and its answer: 503, no loss, and it heals by itself."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import sqlalchemy as sa
from tests.flow.collector.serving import ENVELOPE, Running, listening, serving
from tests.services.lossy import Loss, Lossy
from tests.services.postgres import OwnServer, Server, conninfo
from tests.unit.collector.machines import Machine

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql import postgres as module
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.verification import verify_ledger

HEALS_S = 5.0


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def collector(url: str, tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path, ledger=open_ledger(url), connections_per_source=200) as running:
        yield running


@pytest.fixture
def own(postgres: Server) -> Iterator[OwnServer]:
    """The server as one that may be stopped; it runs again afterwards."""
    yield postgres.owned
    if not (postgres.owned.data / "postmaster.pid").exists():
        postgres.owned.start()


class Sender(threading.Thread):
    """A machine that sends one report after the other, each until it has a receipt, and writes down every answer."""

    def __init__(self, url: str, machine: Machine) -> None:
        super().__init__()
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=30)
        self._machine = machine
        self.answers: list[tuple[float, int, str]] = []
        self.receipts: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        for n in itertools.count():
            if self.stop.is_set():
                break
            raw = self._machine.report(datetime.now(UTC), {n % 14})
            while (status := self._send(raw)) != 200:
                assert status == 503
                time.sleep(0.05)
        self._client.close()

    def _send(self, raw: bytes) -> int:
        answer = self._client.post("/agent/v1/envelopes", content=raw, headers=ENVELOPE)
        self.answers.append((time.monotonic(), answer.status_code, answer.headers.get("retry-after", "")))
        if answer.status_code == 200:
            self.receipts.append(self._machine.receipt(answer.content).digest)
        return answer.status_code

    def healed_after(self, since: float) -> float:
        """Seconds from then to the first receipt."""
        return next(at for at, status, _ in self.answers if at > since and status == 200) - since


@contextmanager
def sending(collector: Running, machines: int = 3) -> Iterator[list[Sender]]:
    """Machines that report while the block runs; checks in the end that nothing is lost and nothing is there twice."""
    known = [collector.enrol(Machine(f"may-{n}", seed=n + 1)) for n in range(machines)]
    senders = [Sender(collector.url, machine) for machine in known]
    for sender in senders:
        sender.start()
    try:
        wait_for_receipts(senders)
        yield senders
        wait_for_receipts(senders)
    finally:
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join()
    assert {retry != "" for s in senders for _, status, retry in s.answers if status == 503} <= {True}
    with collector.ledger.read() as tx:
        for machine, sender in zip(known, senders, strict=True):
            committed = [e.digest for e in tx.chain.of_agent(machine.agent_id, 100_000)]
            assert len(set(committed)) == len(committed) == machine.sequence
            assert set(sender.receipts) == set(committed)
    assert verify_ledger(collector.ledger).faults == []


def wait_for_receipts(senders: list[Sender], more: int = 3) -> None:
    """Until each has some more."""
    wanted = [len(s.receipts) + more for s in senders]
    until = time.monotonic() + 20
    while any(len(s.receipts) < w for s, w in zip(senders, wanted, strict=True)):
        assert time.monotonic() < until
        assert all(s.is_alive() for s in senders)
        time.sleep(0.01)


def wait_for_refusal(senders: list[Sender], since: float) -> None:
    """Until somebody was told to come again."""
    until = time.monotonic() + 20
    while not any(at > since and status == 503 for s in senders for at, status, _ in s.answers):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.db
@pytest.mark.crash
@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_server_that_stops_amid_a_batch_costs_nothing_and_is_found_again(
    collector: Running, own: OwnServer, mode: str
) -> None:
    with sending(collector) as senders:
        own.stop(mode)  # type: ignore[arg-type]  # one of its modes
        wait_for_refusal(senders, time.monotonic())
        assert collector.client.get("/readyz").status_code == 503
        assert collector.client.get("/healthz").status_code == 200
        own.start()
        back = time.monotonic()
        wait_for_receipts(senders)
    assert max(s.healed_after(back) for s in senders) < HEALS_S


@pytest.mark.db
@pytest.mark.timeout(120)
def test_a_server_that_only_reads_refuses_envelopes_and_still_shows(
    collector: Running, own: OwnServer
) -> None:
    with sending(collector) as senders:
        own.alter("default_transaction_read_only", "on")
        try:
            wait_for_refusal(senders, time.monotonic())
            assert collector.client.get("/readyz").status_code == 200
        finally:
            with psycopg.connect(conninfo(own.admin), autocommit=True) as connection:
                connection.execute("SET default_transaction_read_only = off")
                connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
                connection.execute("SELECT pg_reload_conf()")
        back = time.monotonic()
        wait_for_receipts(senders)
    assert max(s.healed_after(back) for s in senders) < HEALS_S


@pytest.mark.db
@pytest.mark.timeout(120)
def test_without_a_connection_left_envelopes_are_refused_until_there_is_one(url: str, tmp_path: Path) -> None:
    taken: list[psycopg.Connection[Any]] = []
    with serving(tmp_path, ledger=open_ledger(url), role="web") as collector:
        machine = collector.enrol(Machine())
        before = [collector.ledger._writer.pool, collector.ledger._reader.pool]
        collector.ledger._writer.dispose()
        collector.ledger._reader.dispose()
        with suppress(psycopg.OperationalError):
            while len(taken) < 1_000:
                taken.append(psycopg.connect(conninfo(sa.make_url(url))))
        raw = machine.report(datetime.now(UTC))
        answer = collector.post("/agent/v1/envelopes", raw)
        assert answer.status_code == 503
        assert 30 <= int(answer.headers["retry-after"]) <= 60
        assert collector.client.get("/readyz").status_code == 503
        for connection in taken:
            connection.close()
        until = time.monotonic() + HEALS_S
        while collector.post("/agent/v1/envelopes", raw).status_code != 200:
            assert time.monotonic() < until
        # A connection that somebody used meanwhile went back to the pool that it came from.
        for pool in before:
            pool.dispose()


@pytest.mark.db
@pytest.mark.timeout(120)
def test_a_lock_that_somebody_holds_means_busy_and_nothing_is_lost(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._WRITER, "lock_timeout", "200ms")
    with (
        serving(tmp_path, ledger=open_ledger(url)) as collector,
        psycopg.connect(conninfo(sa.make_url(url))) as other,
        sending(collector) as senders,
    ):
        other.execute("LOCK TABLE looks IN ACCESS EXCLUSIVE MODE")
        wait_for_refusal(senders, time.monotonic())
        told = {int(retry) for s in senders for _, status, retry in s.answers if status == 503}
        assert told <= set(range(5, 11))
        assert collector.client.get("/readyz").status_code == 200
        other.rollback()
        back = time.monotonic()
        wait_for_receipts(senders)
    assert max(s.healed_after(back) for s in senders) < HEALS_S


@pytest.mark.db
@pytest.mark.net
@pytest.mark.parametrize("loss", ["COMMIT", "its answer"])
@pytest.mark.parametrize("together", [1, 5])
def test_when_the_answer_to_commit_is_lost_the_ledger_is_asked_before_anybody_is_answered(
    postgres: Server, url: str, tmp_path: Path, loss: Loss, together: int
) -> None:
    own = postgres.owned
    name = sa.make_url(url).database or ""
    between = Lossy(own.port)
    ledger = open_ledger(own.tcp(name, between.port), password_file=own.password_file)
    with serving(tmp_path, ledger=ledger) as collector:
        machines = [collector.enrol(Machine(f"may-{n}", seed=n + 1)) for n in range(together)]
        raws = [machine.report(datetime.now(UTC), {n}) for n, machine in enumerate(machines)]
        answers: list[httpx.Response] = []
        threads = [
            threading.Thread(
                target=lambda raw=raw: answers.append(collector.post("/agent/v1/envelopes", raw))
            )
            for raw in raws
        ]
        between.lose = loss
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert between.lost == 1
        assert [a.status_code for a in answers] == [200] * together
        assert counted(ledger) == (together, together)
        # Asked again, it has the same report, not another.
        assert {collector.post("/agent/v1/envelopes", raw).status_code for raw in raws} == {200}
        assert counted(ledger) == (together, together)
    between.close()


def counted(ledger: Ledger) -> tuple[int, int]:
    """Committed reports, and agents with one."""
    with ledger.read() as tx:
        heads = [a.head_sequence for a in tx.agents.all()]
        committed = [e for a in tx.agents.all() for e in tx.chain.of_agent(a.id, 100)]
    return len(committed), sum(heads)


@pytest.mark.db
@pytest.mark.timeout(120)
def test_the_same_envelope_a_thousand_times_at_once_at_two_collectors_is_one_row(
    url: str, tmp_path: Path
) -> None:
    second = open_ledger(url)
    with serving(tmp_path, ledger=open_ledger(url), connections_per_source=100) as one:
        machine = one.enrol(Machine())
        raw = machine.report(datetime.now(UTC), {1})
        with listening(second, tmp_path, connections_per_source=100) as other:
            digests: list[str] = []

            def send(url: str) -> None:
                with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
                    for _ in range(125):
                        answer = client.post("/agent/v1/envelopes", content=raw, headers=ENVELOPE)
                        assert answer.status_code == 200, answer.text
                        digests.append(machine.receipt(answer.content).digest)

            threads = [
                threading.Thread(target=send, args=(u,)) for u in (one.url, other.url) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(digests) == 1_000
        assert set(digests) == {machine.previous}
        assert counted(one.ledger) == (1, 1)
        with one.ledger.read() as tx:
            assert tx.trail.counts() == {}
        assert verify_ledger(one.ledger).faults == []
    second.close()
