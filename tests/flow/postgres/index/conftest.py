"""An index inside the ledger's PostgreSQL, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.services.postgres import Server

from vonggac_collector.index.sql.index import SqlIndex, open_within
from vonggac_collector.index.sql.tables import METADATA, SCHEMA, notes


@pytest.fixture
def index(postgres: Server, reused: str) -> Iterator[SqlIndex]:
    made = open_within(postgres.url(reused))
    with made.building() as build:
        build.finish(0)
    yield made
    made.close()
    tables = ", ".join(f"{SCHEMA}.{t.name}" for t in METADATA.sorted_tables if t is not notes)
    postgres.run(f"TRUNCATE {tables}", reused)
    postgres.run(f"DELETE FROM {SCHEMA}.notes WHERE name <> 'schema'", reused)
