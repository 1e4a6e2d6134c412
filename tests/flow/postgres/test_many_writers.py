"""Several collectors on one PostgreSQL: what one process orders by a lock of its own, they order by the database's."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from tests.services.postgres import Server
from tests.unit.collector.conftest import ADMIN, KEY, NOW, Desk, plant
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_chain_properties import ARRIVALS, MINUTE, Side

from vonggac_collector.auth import sessions
from vonggac_collector.auth.throttle import PER_PAIR, Throttle
from vonggac_collector.board import BoardMaker
from vonggac_collector.desk import Desk as WritingDesk
from vonggac_collector.enrolment import create_token, enrol
from vonggac_collector.errors import Conflict, StoreFailed
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.rollup import Worker, day_of
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.verification import verify_ledger
from vonggac_contract.envelope import keyid_of

PASSWORD = "rat-dai-va-kho-doan"


@pytest.fixture
def ledgers(ledger: SqlLedger, postgres: Server, reused: str) -> Iterator[list[SqlLedger]]:
    """One for each of three processes; only their connections know each other."""
    others = [open_ledger(postgres.url(reused)) for _ in range(2)]
    plant(ledger)
    yield [ledger, *others]
    for other in others:
        other.close()


def add_unit(ledger: SqlLedger, code: str) -> None:
    with ledger.write() as tx:
        tx.tree.add_unit(Unit(code, "vn", "agency", code, code, False, NOW))


def at_once(works: Sequence[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.db
@pytest.mark.timeout(120)
def test_desks_that_take_the_same_machines_in_any_order_lose_nothing_and_block_nobody(
    ledgers: list[SqlLedger],
) -> None:
    machines = [Desk(ledgers[0]).enrol(Machine(f"may-{n}", seed=n + 1)) for n in range(12)]
    raws = [[m.report(NOW + n * MINUTE, {n}) for n in range(3)] for m in machines]
    raws.append([b"{}"] * 30)
    desks = [WritingDesk(ledger) for ledger in ledgers]
    answers: list[tuple[int, Future[Answer]]] = []

    def submit(writing: WritingDesk, ledger: SqlLedger, seed: int) -> None:
        order = [(n, raw) for n, several in enumerate(raws) for raw in several]
        random.Random(seed).shuffle(order)
        for n, raw in order:
            answers.append((n, writing.submit(partial(taken, ledger, raw))))

    def taken(ledger: SqlLedger, raw: bytes) -> Answer:
        return accept(ledger, raw, now=NOW + 10 * MINUTE, collector_key=KEY, peer="test")

    # Without an order, and all before any desk begins: the batches are as large and as crossed as they can be.
    for seed, (writing, ledger) in enumerate(zip(desks, ledgers, strict=True)):
        submit(writing, ledger, seed)
    for writing in desks:
        writing.start()
    found = [(n, future.result(60)) for n, future in answers]
    for writing in desks:
        writing.stop()
    assert {a.status for n, a in found if n < len(machines)} <= {200, 202}
    assert {a.code for n, a in found if n == len(machines)} == {"malformed"}
    with ledgers[0].read() as tx:
        assert {a.head_sequence for a in tx.agents.all()} == {3}
        assert {tx.chain.count(m.agent_id, "committed") for m in machines} == {3}
        # A refusal that was done again after a deadlock counts once: what was undone is not there.
        assert tx.trail.counts() == {"malformed": 30 * len(ledgers)}
    assert verify_ledger(ledgers[0]).faults == []


@pytest.mark.db
def test_audit_rows_written_at_once_make_one_chain(ledgers: list[SqlLedger]) -> None:
    def write(ledger: SqlLedger) -> None:
        for _ in range(20):
            create_token(ledger, ADMIN, "ha-noi/so-y-te", None, 1, NOW + timedelta(days=1), NOW)

    before = verify_ledger(ledgers[0]).audit_rows
    at_once([partial(write, ledger) for ledger in ledgers for _ in range(2)])
    found = verify_ledger(ledgers[0])
    assert found.faults == []
    assert found.audit_rows == before + 20 * 2 * len(ledgers)


@pytest.mark.db
def test_of_machines_at_several_collectors_with_a_token_for_three_exactly_three_enrol(
    ledgers: list[SqlLedger],
) -> None:
    token = Desk(ledgers[0]).token(uses=3)
    answers: list[int] = []

    def ask(n: int) -> None:
        machine = Machine(f"may-{n}", seed=n + 1)
        ledger = ledgers[n % len(ledgers)]
        answers.append(enrol(ledger, machine.request(token, NOW), now=NOW, collector_key=KEY).status)

    at_once([partial(ask, n) for n in range(12)])
    assert sorted(answers) == [200] * 3 + [401] * 9
    with ledgers[0].read() as tx:
        assert len(tx.agents.all()) == 3


@pytest.mark.db
def test_one_machine_that_enrols_at_several_collectors_at_once_is_one_machine(
    ledgers: list[SqlLedger],
) -> None:
    raw = Machine().request(Desk(ledgers[0]).token(uses=5), NOW)
    answers: list[int] = []

    def ask(ledger: SqlLedger) -> None:
        while True:
            try:
                answers.append(enrol(ledger, raw, now=NOW, collector_key=KEY).status)
            except Conflict:
                continue
            return

    at_once([partial(ask, ledger) for ledger in ledgers for _ in range(3)])
    assert answers == [200] * 9
    with ledgers[0].read() as tx:
        assert len(tx.agents.all()) == 1
        assert [t.uses_left for t in tx.tokens.all()] == [4]


@pytest.mark.db
def test_the_version_rises_by_one_with_each_commit_of_anybody_and_with_nothing_else(
    ledgers: list[SqlLedger],
) -> None:
    here, there = ledgers[:2]
    before = here.version()
    assert there.version() == before
    with there.write() as tx:
        tx.tree.add_unit(Unit("x", "vn", "agency", "x", "x", False, NOW))
        # Not committed: nobody sees it, and nobody is told that there is something to see.
        assert here.version() == before
    assert here.version() == there.version() == before + 1
    with here.read() as tx:
        assert any(u.code == "x" for u in tx.tree.units(NOW))
    assert here.version() == before + 1


@pytest.mark.db
def test_a_reader_sees_one_state_whatever_is_committed_meanwhile(ledgers: list[SqlLedger]) -> None:
    with ledgers[0].read() as tx:
        before = len(tx.tree.units(NOW))
        add_unit(ledgers[1], "x")
        assert len(tx.tree.units(NOW)) == before


@pytest.mark.db
def test_a_reader_cannot_write(ledgers: list[SqlLedger]) -> None:
    with pytest.raises(StoreFailed, match="read-only"), ledgers[0].read() as tx:
        tx.tree.add_unit(Unit("y", "vn", "agency", "y", "y", False, NOW))


@pytest.mark.db
def test_a_duty_is_one_process_s_until_it_leaves_it_or_is_lost(
    ledgers: list[SqlLedger], postgres: Server
) -> None:
    first, second = ledgers[0].duty("publish"), ledgers[1].duty("publish")
    assert [first.held(), second.held(), first.held()] == [True, False, True]
    another = ledgers[1].duty("another")
    assert another.held()
    another.close()
    first.close()
    assert [second.held(), first.held()] == [True, False]
    # The session of whoever has it ends, as when its machine is switched off.
    holders = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    postgres.run(holders)
    wait_until(first.held)
    with pytest.raises(StoreFailed):
        second.held()
    assert not second.held()
    first.close()
    second.close()


@pytest.mark.db
def test_of_two_workers_one_publishes_and_the_other_takes_over(ledgers: list[SqlLedger]) -> None:
    machine = Desk(ledgers[0]).enrol(Machine())
    published: list[list[int]] = [[], []]
    workers = [
        Worker(
            ledger,
            BoardMaker(ledger, Shelf(ledger), load_parameters()),
            lambda told=told: told.append(1) or NOW + timedelta(hours=1),  # type: ignore[misc]  # append gives None
            debounce_s=0.01,
        )
        for ledger, told in zip(ledgers[:2], published, strict=True)
    ]
    workers[0].start()
    wait_until(lambda: bool(published[0]))
    workers[1].start()
    Desk(ledgers[2]).accept(machine.report(NOW, {1}), NOW)
    wait_until(lambda: day_is_published(ledgers[2]))
    assert published[1] == []
    workers[0].stop()
    wait_until(lambda: bool(published[1]))
    workers[1].stop()


def day_is_published(ledger: Ledger) -> bool:
    with ledger.read() as tx:
        found = tx.scores.series("unit", ["vn"], day_of(NOW), day_of(NOW))["vn"]
    return found.get(day_of(NOW)) is not None


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.db
@pytest.mark.authz
def test_a_session_begun_at_one_collector_is_good_at_another_until_it_ends_anywhere(
    ledgers: list[SqlLedger],
) -> None:
    add_user(ledgers[0], "lan", "officer", "hue", PASSWORD, now=NOW, actor="test")
    secret = sessions.sign_in(ledgers[0], Throttle(ledgers[0]), "lan", PASSWORD, now=NOW, peer="p")
    assert sessions.find(ledgers[1], secret, NOW) is not None
    sessions.sign_out(ledgers[2], secret, now=NOW)
    assert sessions.find(ledgers[0], secret, NOW) is None


@pytest.mark.db
@pytest.mark.hostile
def test_guesses_at_several_collectors_at_once_are_as_few_as_at_one(ledgers: list[SqlLedger]) -> None:
    begun: list[bool] = []
    guesses = [
        partial(lambda throttle: begun.append(throttle.begin("lan", "p", NOW)), Throttle(ledger))
        for ledger in ledgers
        for _ in range(5)
    ]
    at_once(guesses)
    assert sum(begun) == PER_PAIR


@pytest.mark.db
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ARRIVALS)
def test_whatever_arrives_it_decides_as_the_twin_in_memory(
    postgres: Server, reused: str, arrivals: list[int | str]
) -> None:
    postgres.empty(reused)
    ledger = open_ledger(postgres.url(reused))
    try:
        sides = [Side(ledger), Side(MemoryLedger())]
        for step, what in enumerate(arrivals):
            assert len({side.arrive(what, step) for side in sides}) == 1
        assert sides[0].chain() == sides[1].chain()
        assert verify_ledger(ledger).faults == []
    finally:
        ledger.close()


@pytest.mark.db
def test_another_writer_in_between_is_a_conflict_that_is_worth_another_try(
    ledgers: list[SqlLedger],
) -> None:
    add_unit(ledgers[0], "x")
    with pytest.raises(Conflict):
        add_unit(ledgers[1], "x")
    add_unit(ledgers[1], "y")


@pytest.mark.db
def test_two_that_wait_for_each_other_are_a_conflict_for_one(ledgers: list[SqlLedger]) -> None:
    machines = [Desk(ledgers[0]).enrol(Machine(seed=n + 1)) for n in range(2)]
    met = threading.Barrier(2)
    outcomes: list[str] = []

    def lock(ledger: SqlLedger, order: list[Machine]) -> None:
        try:
            with ledger.write() as tx:
                tx.agents.holder(keyid_of(order[0].public_key))
                met.wait(10)
                tx.agents.holder(keyid_of(order[1].public_key))
            outcomes.append("done")
        except Conflict:
            outcomes.append("conflict")

    at_once([lambda: lock(ledgers[0], machines), lambda: lock(ledgers[1], machines[::-1])])
    assert sorted(outcomes) == ["conflict", "done"]
