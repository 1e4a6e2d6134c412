"""An index inside the ledger's PostgreSQL, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.postgres import Server

from vonggac_collector.index.sql.index import SqlIndex, open_within
from vonggac_collector.index.sql.tables import METADATA, notes

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # Hundreds of questions, each of several statements that are all different, take a busy machine minutes.
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture
def index(postgres: Server, reused: str) -> Iterator[SqlIndex]:
    made = open_within(postgres.url(reused))
    with made.building() as build:
        build.finish(0)
    yield made
    with made._writing() as connection:
        for table in METADATA.sorted_tables:
            connection.execute(
                table.delete() if table is not notes else table.delete().where(notes.c.name != "schema")
            )
    made.close()
