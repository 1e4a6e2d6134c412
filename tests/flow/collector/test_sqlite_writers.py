"""Many writers, a long reader and checkpoints at once on one SQLite ledger, as several processes would have it open."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from tests.unit.collector.conftest import NOW, plant

from vonggac_collector.errors import Busy
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.verification import verify_ledger

LEDGERS, WRITERS, EACH = 4, 4, 5


def write(ledger: SqlLedger, name: str) -> None:
    """Two units a transaction, each transaction until it is committed."""
    for n in range(EACH):
        while not wrote(ledger, f"{name}-{n}"):
            continue


def wrote(ledger: SqlLedger, name: str) -> bool:
    try:
        with ledger.write() as tx:
            for half in ("a", "b"):
                tx.tree.add_unit(Unit(f"{name}-{half}", "vn", "agency", "x", "x", False, NOW))
    except Busy:
        return False
    return True


def checkpoint(file: Path, done: threading.Event) -> None:
    hand = apsw.Connection(str(file))
    while not done.wait(0.005):
        with suppress(apsw.BusyError):
            hand.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    hand.close()


@pytest.mark.db
@pytest.mark.timeout(120)
def test_sixteen_writers_and_a_long_reader_lose_nothing(tmp_path: Path) -> None:
    file, done = tmp_path / "ledger.db", threading.Event()
    ledgers = [open_ledger(f"sqlite:///{file}", upgrade=True) for _ in range(LEDGERS)]
    plant(ledgers[0])
    writers = [
        threading.Thread(target=write, args=(ledger, f"u-{n}-{m}"))
        for n, ledger in enumerate(ledgers)
        for m in range(WRITERS)
    ]
    folding = threading.Thread(target=checkpoint, args=(file, done))
    with ledgers[-1].read() as tx:
        before = len(tx.tree.units(NOW))
        for thread in (*writers, folding):
            thread.start()
        for thread in writers:
            thread.join()
        assert len(tx.tree.units(NOW)) == before
    done.set()
    folding.join()
    with ledgers[0].read() as tx:
        assert len(tx.tree.units(NOW)) == before + LEDGERS * WRITERS * EACH * 2
    assert verify_ledger(ledgers[0]).faults == []
    hand = apsw.Connection(str(file))
    assert hand.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    hand.close()
    for ledger in ledgers:
        ledger.close()
