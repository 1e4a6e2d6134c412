"""A ledger on PostgreSQL, empty for each test, under the names that the unit tests' ledgers have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.services.postgres import Server
from tests.unit.collector.conftest import desk, folder, machine

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger

__all__ = ["desk", "folder", "machine"]


@pytest.fixture(scope="session")
def reused(postgres: Server) -> str:
    """The name of a database that many tests use one after the other."""
    return postgres.make()


@pytest.fixture
def ledger(postgres: Server, reused: str) -> Iterator[Ledger]:
    postgres.empty(reused)
    made = open_ledger(postgres.url(reused))
    yield made
    made.close()
