"""The agent and all it needs as wheels, for a machine with Debian 12's Python and no network.

Dependencies are downloaded once by the hashes of `requirements/agent.txt` and kept in the cache folder; our own
distributions are built from the clone each time.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.roots.kept import cache_folder

CLONE = Path(__file__).resolve().parents[3]
LOCK = CLONE / "requirements/agent.txt"
PYTHON = "3.11"
GLIBC = range(36, 16, -1)
"""Debian 12 has glibc 2.36, and runs wheels for any older one (PEP 600)."""
SECONDS = 300


def pip(*arguments: str) -> None:
    """pip of this environment. Raises RuntimeError with the end of what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        cwd=CLONE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pip {arguments[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}")


def dependencies() -> Path:
    """A folder with the wheels of the agent's lock."""
    machine = platform.machine()
    told = b"\0".join((LOCK.read_bytes(), PYTHON.encode(), machine.encode()))
    kept = cache_folder() / "wheels" / hashlib.sha256(told).hexdigest()[:16]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / f"{kept.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            fresh = Path(tempfile.mkdtemp(prefix=f"{kept.name}-", dir=kept.parent))
            try:
                pip(
                    *("download", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
                    *(
                        "--python-version",
                        PYTHON,
                        "--implementation",
                        "cp",
                        "--platform",
                        f"manylinux2014_{machine}",
                    ),
                    *(word for minor in GLIBC for word in ("--platform", f"manylinux_2_{minor}_{machine}")),
                    *("--dest", str(fresh), "--requirement", str(LOCK)),
                )
            except BaseException:
                shutil.rmtree(fresh)
                raise
            fresh.rename(kept)
    return kept


def build_own(folder: Path) -> None:
    """Wheels of the agent and of what it shares with the collector, from the clone, into `folder`."""
    pip(
        *("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)),
        *(str(CLONE / name) for name in ("policies", "agent")),
    )
