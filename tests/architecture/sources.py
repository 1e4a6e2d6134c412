"""The files that the architecture tests look at: our modules as trees, and everything that git tracks."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path, PurePosixPath

from tests.architecture.lints import Source

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = ("policies", "agent", "collector", "dashboards")
# Pure by design: what they say depends on their arguments alone.
DECIDING = (
    "policies/src/vonggac_contract",
    "policies/src/vonggac_rules",
    "collector/src/vonggac_collector/score",
)


def parse(text: str, path: str = "example.py") -> Source:
    """`text` as a module that stands at `path`."""
    return Source(PurePosixPath(path), ast.parse(text))


@cache
def modules() -> tuple[Source, ...]:
    """Every module of the four distributions, in order of path."""
    paths = [path for name in DISTRIBUTIONS for path in sorted((ROOT / name / "src").rglob("*.py"))]
    return tuple(parse(path.read_text(), path.relative_to(ROOT).as_posix()) for path in paths)


@cache
def tracked_texts() -> tuple[tuple[str, str], ...]:
    """Path and text of every tracked file that is UTF-8 text and still there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        raw = path.read_bytes()
        if b"\0" in raw[:8192]:
            continue
        found.append((name, raw.decode("utf-8", errors="replace")))
    return tuple(found)
