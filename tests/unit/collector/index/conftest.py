"""An index, by every implementation that needs no server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vonggac_collector.index.interface import Index
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.index.sql.index import open_index


@pytest.fixture(params=["sql", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    made: Index = open_index(tmp_path / "index.db") if request.param == "sql" else MemoryIndex()
    with made.building() as build:
        build.finish(0)
    yield made
    made.close()
