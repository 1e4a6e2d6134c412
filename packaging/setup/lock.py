"""Writes `requirements/*.txt`: every dependency of the four distributions, pinned and hashed.

The names come from the distributions' own `pyproject.toml`; the siblings among them are left out, because they are
installed from the clone. What installs the locks is `setup.sh`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
SIBLINGS = "vonggac-"
LOCKS: dict[str, tuple[str, ...]] = {
    "agent": ("policies", "agent"),
    "runtime": ("policies", "agent", "collector", "dashboards"),
    "development": ("policies", "agent", "collector", "dashboards"),
    "fuzz": (),
}


def dependencies(distribution: str) -> list[str]:
    """What one distribution depends on outside this repository, in the order of its `pyproject.toml`."""
    project = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())["project"]
    return [name for name in project["dependencies"] if not name.startswith(SIBLINGS)]


def wanted(lock: str) -> str:
    """The requirements one lock is compiled from, one a line."""
    names = [name for distribution in LOCKS[lock] for name in dependencies(distribution)]
    lists = {
        "agent": [],
        "runtime": ["build.in"],
        "development": ["build.in", "development.in"],
        "fuzz": ["fuzz.in"],
    }[lock]
    text = [line for name in lists for line in (REQUIREMENTS / name).read_text().splitlines()]
    return "\n".join([*dict.fromkeys(names), *text]) + "\n"


def main() -> int:
    """Compile each lock under the one before it, keeping the locked versions unless `--upgrade` is given."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        print(
            "uv is missing: run `make setup` first, it is among the development dependencies.",
            file=sys.stderr,
        )
        return 2
    done_before = ""
    for lock in LOCKS:
        print(f"lock: requirements/{lock}.txt", flush=True)
        arguments = [uv, "pip", "compile", "-", "--quiet", "--universal", "--python-version", "3.11"]
        arguments += ["--generate-hashes", "--no-emit-index-url", "--no-annotate"]
        arguments += ["--custom-compile-command", "make lock", "--output-file", f"requirements/{lock}.txt"]
        if done_before:
            arguments += ["--constraints", f"requirements/{done_before}.txt"]
        arguments += sys.argv[1:]
        done = subprocess.run(arguments, cwd=ROOT, input=wanted(lock), text=True, check=False)
        if done.returncode:
            return done.returncode
        done_before = lock
    return 0


if __name__ == "__main__":
    sys.exit(main())
