"""One running collector for the tests that only read or add to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.collector.serving import Running, serving


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("collector")
    with serving(folder, connections_per_source=200) as running:
        yield running
