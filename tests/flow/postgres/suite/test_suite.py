"""The suite leaves none of its modules out."""

from __future__ import annotations

import re
from pathlib import Path

from vonggac_collector.ledger.interface import Ledger

HERE = Path(__file__).parent
UNIT = Path(__file__).parents[3] / "unit" / "collector"
ASKS = re.compile(r"^def test_\w+\([^)]*\b(ledger|desk|machine|lan): ", re.MULTILINE)
ELSEWHERE = {"test_ledger_sql.py", "test_chain_properties.py"}
"""What is particular to SQLite has its counterparts beside this folder."""


def test_every_module_of_tests_that_take_a_ledger_is_run_here(ledger: Ledger) -> None:
    asking = {p.name for p in UNIT.glob("test_*.py") if ASKS.search(p.read_text(encoding="utf-8"))}
    assert asking - ELSEWHERE == {p.name for p in HERE.glob("test_*.py")} - {Path(__file__).name}
