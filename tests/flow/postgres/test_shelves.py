"""On PostgreSQL: a ledger of an earlier release, upgraded; and shelves, each a partition of its own."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.services.postgres import Server
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_migrations import *  # noqa: F403
from tests.unit.collector.test_migrations import FOLDER

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql import migrate, shelves
from vonggac_collector.ledger.sql.database import open_engines
from vonggac_collector.ledger.sql.ledger import open_ledger


@pytest.fixture(name="upgraded", scope="module")
def upgraded_here(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    file = tmp_path_factory.mktemp("upgraded") / "ledger.db"
    file.write_bytes(gzip.decompress((FOLDER / "0001.db.gz").read_bytes()))
    with postgres.database(empty=True) as url:
        writer, reader = open_engines(url)
        migrate.upgrade(writer, "0001")
        with writer.begin() as connection:
            copy(file, connection)
        writer.dispose()
        reader.dispose()
        ledger = open_ledger(url, upgrade=True)
        yield ledger
        ledger.close()


def copy(file: Path, connection: sa.Connection) -> None:
    """Every row of the SQLite ledger."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    source = sqlite3.connect(file)
    source.row_factory = sqlite3.Row
    for table in metadata.sorted_tables:
        found = [dict(r) for r in source.execute(str(table.select()))]
        if found and table.name != "alembic_version":
            connection.execute(
                table.insert(), [{k: fitting(table.c[k], v) for k, v in r.items()} for r in found]
            )
    source.close()


def fitting(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(column.type, sa.Boolean):
        return bool(value)
    return date.fromisoformat(value) if isinstance(column.type, sa.Date) else value


def partitions(server: Server, database: str) -> dict[str, int]:
    """Envelopes by the partition they lie in."""
    found = server.run("SELECT tableoid::regclass::text, count(*) FROM envelopes GROUP BY 1", database)
    return {str(name): int(str(count)) for name, count in found}


def test_an_envelope_lies_on_the_shelf_of_its_month_and_level_and_moves_there_when_it_is_made(
    postgres: Server, reused: str, desk: Desk
) -> None:
    year = timedelta(days=366)
    machine = desk.enrol(Machine())
    portal = desk.enrol(Machine(seed=2), desk.token("hue/so-y-te", "hue-portal"))
    desk.accept(machine.report(NOW))
    desk.accept(machine.report(NOW + year), NOW + year)
    desk.accept(portal.report(NOW + year), NOW + year)
    before = partitions(postgres, reused)
    assert before["envelopes_other"] >= 2
    engine = sa.create_engine(postgres.url(reused))
    with engine.begin() as connection:
        for _ in range(2):
            shelves.make(connection, shelves.coming(NOW + year))
    engine.dispose()
    after = partitions(postgres, reused)
    assert after["envelopes_2027_11_l3"] == after["envelopes_2027_11_l1"] == 1
    desk.accept(machine.report(NOW + year + timedelta(hours=1)), NOW + year + timedelta(hours=1))
    assert partitions(postgres, reused)["envelopes_2027_11_l3"] == 2
    with desk.ledger.read() as tx:
        assert [e.sequence for e in tx.chain.walk(machine.agent_id, (0, 0), 10)] == [1, 2, 3]
        assert tx.chain.find(machine.previous or "") is not None


def test_the_shelves_of_this_month_and_the_next_are_there_from_the_start(
    postgres: Server, reused: str
) -> None:
    names = {str(n) for (n,) in postgres.run("SELECT relname FROM pg_class WHERE relispartition", reused)}
    for table in shelves.SHELVED:
        assert f"{table}_other" in names
        assert sum(n.startswith(f"{table}_2") and "pk" not in n for n in names) >= 10
