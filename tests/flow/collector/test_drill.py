"""The restore drill on SQLite (`tests.flow.drill`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.flow.drill import Drill, drill


@pytest.mark.db
@pytest.mark.timeout(600)
def test_a_collector_restored_from_a_backup_gets_from_its_agents_what_came_after_it(tmp_path: Path) -> None:
    drill(Drill(tmp_path))
