"""Several workers on one PostgreSQL take checkpoints at once while reports come in: one order, one chain of them."""

from __future__ import annotations

import threading
from datetime import timedelta

from tests.services.postgres import Server
from tests.unit.collector.conftest import KEY, NOW, Desk, plant
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_checkpoints import PUBLIC, committed, leaves

from vonggac_collector.checkpoints import take_checkpoint
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.verification import verify_ledger

MACHINES, REPORTS, WORKERS = 6, 12, 3


def test_workers_that_append_and_sign_at_once_make_one_order_while_reports_come_in(
    ledger: SqlLedger, postgres: Server, reused: str
) -> None:
    others = [open_ledger(postgres.url(reused)) for _ in range(WORKERS)]
    plant(ledger)
    machines = [Desk(ledger).enrol(Machine(f"may-{n}", seed=n)) for n in range(1, MACHINES + 1)]
    left, failed = threading.Event(), []

    def report() -> None:
        try:
            for n in range(REPORTS):
                for m in machines:
                    now = NOW + timedelta(minutes=n)
                    assert Desk(ledger).accept(m.report(now, {n % 14}), now).status == 200
        finally:
            left.set()

    def notary(own: SqlLedger) -> None:
        try:
            while not left.is_set():
                take_checkpoint(own, KEY, NOW)
            take_checkpoint(own, KEY, NOW)
        except BaseException as e:  # noqa: BLE001  it is said below
            failed.append(e)

    threads = [threading.Thread(target=report), *(threading.Thread(target=notary, args=(o,)) for o in others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
    assert failed == []
    found = leaves(ledger)
    assert [x.number for x in found] == list(range(MACHINES * REPORTS))
    assert sorted(x.digest for x in found) == sorted(committed(ledger))
    verified = verify_ledger(ledger, collector_key=PUBLIC)
    assert verified.faults == []
    assert verified.checkpoints > WORKERS


def test_one_of_several_workers_has_the_duty(ledger: SqlLedger, postgres: Server, reused: str) -> None:
    other = open_ledger(postgres.url(reused))
    first, second = ledger.duty("checkpoints"), other.duty("checkpoints")
    assert first.held()
    assert not second.held()
    first.close()
    assert second.held()
    second.close()
    other.close()
