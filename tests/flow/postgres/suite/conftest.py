"""The ledger's suite from tests/unit, its very functions, with a ledger on PostgreSQL: only what asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    elsewhere = [
        i for i in items if HERE in i.path.parents and "ledger" not in getattr(i, "fixturenames", ())
    ]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [i for i in items if i not in elsewhere]
