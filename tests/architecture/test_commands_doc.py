"""The page of commands says what the programs say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_docs_commands_md_is_what_the_programs_say() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "packaging" / "setup" / "commands_doc.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
