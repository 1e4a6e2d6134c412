"""The page of assurance names only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`([a-z0-9_/]+\.py)::(test_\w+)`")


def test_every_row_of_the_page_of_assurance_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "assurance.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| attack")]
    assert len(rows) >= 50
    missing = [
        row
        for row in rows
        if not row.count("::") == len(NAMED.findall(row)) > 0
        or not all(
            re.search(rf"^def {test}\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)
            for file, test in NAMED.findall(row)
        )
    ]
    assert not missing
