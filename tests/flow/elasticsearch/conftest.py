"""An index in a real Elasticsearch, under names of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.elasticsearch import Server
from tests.unit.collector.conftest import desk, machine

from vonggac_collector.index.elastic.client import Access
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger

__all__ = ["desk", "machine"]


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # A server starts in seconds, but in a minute or two where the machine has much else to do.
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture
def ledger() -> Ledger:
    return MemoryLedger()


@pytest.fixture
def prefix(elasticsearch: Server) -> Iterator[str]:
    with elasticsearch.prefix() as made:
        yield made


@pytest.fixture
def index(elasticsearch: Server, prefix: str) -> Iterator[ElasticIndex]:
    made = ElasticIndex(Access(elasticsearch.url), prefix)
    with made.building() as build:
        build.finish(0)
    yield made
    made.close()
