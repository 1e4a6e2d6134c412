"""The pack as it is shipped, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from vonggac_rules.pack import Pack, load_pack

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="session")
def pack() -> Pack:
    return load_pack(POLICIES)
