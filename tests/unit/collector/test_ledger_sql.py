"""What is particular to the ledger on SQLite: durability's settings, one writer, migrations, damage that shows."""

from __future__ import annotations

import stat
import threading
import zlib
from datetime import datetime
from functools import partial
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError
from tests.unit.collector.conftest import NOW, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.desk import Desk as WritingDesk
from vonggac_collector.errors import Busy, LedgerDamaged, StoreFailed
from vonggac_collector.ledger import apsw_dbapi
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.ledger.sql import database, shelves
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.ledger.tables import METADATA
from vonggac_collector.verification import verify_ledger


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


def a_unit(code: str) -> Unit:
    return Unit(code, "vn", "agency", code, code, False, NOW)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 54, 1), True),
        ((3, 6, 0), False),
    ],
)
def test_only_a_sqlite_without_the_wal_reset_fault_is_used(version: tuple[int, ...], safe: bool) -> None:
    assert database.is_safe_sqlite(version) is safe


def test_an_unsafe_sqlite_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw_dbapi, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(LedgerDamaged, match="apsw"):
        open_ledger(url_of(tmp_path), upgrade=True)


def test_the_writer_synchronises_fully_and_the_reader_cannot_write(tmp_path: Path) -> None:
    writer, reader = database.open_engines(url_of(tmp_path))
    with writer.connect() as connection:
        answers = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert answers == ["wal", 2, 1]
    with reader.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="readonly"):
        connection.exec_driver_sql("CREATE TABLE t (a)")
    writer.dispose()
    reader.dispose()


def test_a_pragma_that_answers_otherwise_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(apsw_dbapi.OperationalError, match="journal_mode"):
        apsw_dbapi.connect(f"{tmp_path}/x.db", pragmas=[("PRAGMA journal_mode=WAL", "delete")])


def test_the_ledgers_file_is_its_owners_alone(sql_ledger: SqlLedger, tmp_path: Path) -> None:
    for file in tmp_path.glob("ledger.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    open_ledger(url_of(tmp_path), upgrade=True).close()
    writer, reader = database.open_engines(url_of(tmp_path))
    with writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, METADATA) == []
    writer.dispose()
    reader.dispose()


def test_a_ledger_without_schema_names_the_command_that_helps(tmp_path: Path) -> None:
    with pytest.raises(LedgerDamaged, match="vonggac-collector init"):
        open_ledger(url_of(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "ledger.db").touch()
    with pytest.raises(LedgerDamaged, match="vonggac-collector migrate"):
        open_ledger(url_of(tmp_path))


def test_a_write_that_fails_leaves_nothing(sql_ledger: SqlLedger) -> None:
    plant(sql_ledger)

    def twice() -> None:
        with sql_ledger.write() as tx:
            tx.tree.add_unit(a_unit("x"))
            tx.tree.add_unit(a_unit("x"))

    with pytest.raises(IntegrityError, match="UNIQUE"):
        twice()
    with sql_ledger.read() as tx:
        assert "x" not in {u.code for u in tx.tree.units(NOW)}
    with sql_ledger.write() as tx:
        tx.tree.add_unit(a_unit("x"))


def test_a_writer_elsewhere_means_busy_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 50)
    ledger = open_ledger(url_of(tmp_path), upgrade=True)
    other = apsw.Connection(f"{tmp_path}/ledger.db")
    other.execute("BEGIN IMMEDIATE")

    def write() -> None:
        with ledger.write() as tx:
            tx.tree.add_unit(Unit("vn", None, "root", "x", "x", False, NOW))

    with pytest.raises(Busy, match="another writer"):
        write()
    other.execute("ROLLBACK")
    other.close()
    write()
    ledger.close()


def test_a_connection_whose_disk_failed_is_not_used_again(sql_ledger: SqlLedger) -> None:
    def fail() -> None:
        with sql_ledger.write():
            raise_as_sqlite_would()

    def raise_as_sqlite_would() -> None:
        try:
            raise apsw.IOError("IOError: disk I/O error")
        except apsw.IOError as e:
            raise apsw_dbapi.OperationalError("IOError") from e

    with pytest.raises(StoreFailed, match="IOError"):
        fail()
    plant(sql_ledger)


def test_the_version_rises_with_commits_of_this_process_and_of_others(
    sql_ledger: SqlLedger, tmp_path: Path
) -> None:
    first = sql_ledger.version()
    plant(sql_ledger)
    second = sql_ledger.version()
    assert second > first
    assert sql_ledger.version() == second
    elsewhere = open_ledger(url_of(tmp_path))
    with elsewhere.write() as tx:
        tx.tree.add_unit(a_unit("elsewhere"))
    elsewhere.close()
    assert sql_ledger.version() > second


def test_writers_and_readers_at_once_see_whole_transactions(sql_ledger: SqlLedger) -> None:
    plant(sql_ledger)
    seen: list[int] = []

    def write(thread: int) -> None:
        for n in range(10):
            with sql_ledger.write() as tx:
                tx.tree.add_unit(a_unit(f"a-{thread}-{n}"))
                tx.tree.add_unit(a_unit(f"b-{thread}-{n}"))

    def read() -> None:
        for _ in range(30):
            with sql_ledger.read() as tx:
                seen.append(len(tx.tree.units(NOW)))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number % 2 for number in seen} == {0}
    with sql_ledger.read() as tx:
        assert len(tx.tree.units(NOW)) == 6 + 80


def test_a_ledger_that_nobody_touched_verifies(desk: Desk) -> None:
    machines = [desk.enrol(Machine(seed=n + 1)) for n in range(2)]
    for machine in machines:
        for n in range(3):
            desk.accept(machine.report(NOW, {n}))
    desk.accept(b"{}")
    found = verify_ledger(desk.ledger)
    assert (found.agents, found.envelopes, found.faults) == (2, 6, [])
    assert found.audit_rows >= 4


DAMAGE = [
    ("DELETE FROM looks; DELETE FROM envelopes WHERE sequence = 2", "report 2 is missing before it"),
    ("DELETE FROM looks; DELETE FROM envelopes WHERE sequence = 3", "its head, is missing"),
    (
        "UPDATE envelopes SET sequence = 9 WHERE sequence = 3",
        "report 9: the envelope speaks of another place",
    ),
    ("UPDATE envelopes SET keyid = '0' WHERE sequence = 2", "not one of this agent's"),
    ("UPDATE envelopes SET raw = x'00' WHERE sequence = 1", "damaged"),
    ("UPDATE envelopes SET previous = NULL WHERE sequence = 2", "another place"),
    ("UPDATE audit SET detail = 'nothing' WHERE number = 2", "audit row 2"),
    ("DELETE FROM audit WHERE number = 1", "audit row 1"),
]


@pytest.mark.parametrize(("statement", "told"), DAMAGE)
def test_a_row_that_was_changed_or_taken_away_is_named(
    sql_ledger: SqlLedger, tmp_path: Path, statement: str, told: str
) -> None:
    plant(sql_ledger)
    desk = Desk(sql_ledger)
    machine = desk.enrol(Machine())
    for n in range(3):
        desk.accept(machine.report(NOW, {n}))
    hand = apsw.Connection(f"{tmp_path}/ledger.db")
    hand.execute(statement)
    hand.close()
    faults = verify_ledger(sql_ledger).faults
    assert any(told in f"{f.where}: {f.what}" for f in faults), faults


def test_an_envelope_swapped_for_another_machines_is_noticed(sql_ledger: SqlLedger, tmp_path: Path) -> None:
    plant(sql_ledger)
    desk = Desk(sql_ledger)
    machine = desk.enrol(Machine())
    desk.accept(machine.report(NOW))
    forged = Machine(seed=7)
    forged.agent_id, forged.rulebook, forged.profile = machine.agent_id, machine.rulebook, machine.profile
    hand = apsw.Connection(f"{tmp_path}/ledger.db")
    hand.execute("UPDATE envelopes SET raw = ?", (zlib.compress(forged.report(NOW)),))
    hand.close()
    assert "damaged" in verify_ledger(sql_ledger).faults[0].what


def test_what_waits_is_committed_together_and_nobody_fails_for_anothers_fault(sql_ledger: SqlLedger) -> None:
    plant(sql_ledger)
    writing = WritingDesk(sql_ledger)

    def add(code: str) -> str:
        with sql_ledger.write() as tx:
            tx.tree.add_unit(a_unit(code))
        return code

    waiting = [writing.submit(partial(add, code)) for code in ("a", "b", "a", "c")]
    writing.start()
    assert [waiting[n].result(10) for n in (0, 1, 3)] == ["a", "b", "c"]
    with pytest.raises(IntegrityError, match="UNIQUE"):
        waiting[2].result(10)
    writing.stop()
    with sql_ledger.read() as tx:
        assert {"a", "b", "c"} <= {u.code for u in tx.tree.units(NOW)}


@pytest.mark.parametrize(
    ("now", "coming"), [("2026-11-30", ("2026-11", "2026-12")), ("2026-12-01", ("2026-12", "2027-01"))]
)
def test_shelves_are_made_a_month_ahead(now: str, coming: tuple[str, str]) -> None:
    made = shelves.coming(datetime.fromisoformat(now))
    assert made == [f"{month}-L{level}" for month in coming for level in range(1, 6)]
    assert shelves.partition_of("looks", made[0]) == f"looks_{coming[0].replace('-', '_')}_l1"
