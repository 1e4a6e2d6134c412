"""An index inside the ledger's PostgreSQL, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.services.postgres import Server

from vonggac_collector.index.sql.index import SqlIndex, open_within
from vonggac_collector.index.sql.tables import METADATA, notes


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
