"""The agent and all it needs as wheels, for a machine with Debian 12's Python and no network.

Dependencies are downloaded once by the hashes of `requirements/agent.txt` and kept in the cache folder; our own
distributions are built from the clone each time.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from tests.roots.kept import kept
from tests.roots.said import said

CLONE = Path(__file__).resolve().parents[3]
LOCK = CLONE / "requirements/agent.txt"
PYTHON = "3.11"
GLIBC = range(36, 16, -1)
"""Debian 12 has glibc 2.36, and runs wheels for any older one (PEP 600)."""
SECONDS = 300


def pip(*arguments: str) -> None:
    """pip of this environment. Raises RuntimeError with the end of what it said."""
    said(sys.executable, "-m", "pip", *arguments, seconds=SECONDS, folder=CLONE)


def dependencies() -> Path:
    """A folder with the wheels of the agent's lock."""
    recipe = "\n".join((LOCK.read_text(), PYTHON, platform.machine()))
    return kept("wheels", recipe, _download)


def _download(fresh: Path) -> None:
    kinds = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in GLIBC))
    pip(
        *("download", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--python-version", PYTHON, "--implementation", "cp"),
        *(word for kind in kinds for word in ("--platform", f"{kind}_{platform.machine()}")),
        *("--dest", str(fresh), "--requirement", str(LOCK)),
    )


def build_own(folder: Path) -> None:
    """Wheels of the agent and of what it shares with the collector, from the clone, into `folder`."""
    pip(
        *("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)),
        *(str(CLONE / name) for name in ("policies", "agent")),
    )
