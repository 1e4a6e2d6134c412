"""`make wheels`: everything a machine without a network needs, as wheels in build/wheels.

Dependencies by the hashes of `requirements/runtime.txt`, for this machine's Python and processor; the four
distributions built from the clone, the compiled rulebook inside.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
OUT = CLONE / "build" / "wheels"
DISTRIBUTIONS = ("policies", "agent", "collector", "dashboards")


def main() -> int:
    """Make the folder anew; returns pip's exit code if it fails."""
    shutil.rmtree(OUT, ignore_errors=True)
    lock = CLONE / "requirements" / "runtime.txt"
    for words in (
        ("download", "--require-hashes", "--only-binary=:all:", "--dest", OUT, "-r", lock),
        ("wheel", "--no-build-isolation", "--wheel-dir", OUT, *(CLONE / d for d in DISTRIBUTIONS)),
    ):
        argv = [sys.executable, "-m", "pip", "--quiet", *map(str, words), "--no-deps"]
        if status := subprocess.run(argv, check=False, cwd=CLONE).returncode:
            return status
    size = sum(f.stat().st_size for f in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} wheels in {OUT.relative_to(CLONE)}, {size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
