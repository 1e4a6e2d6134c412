"""Runs the programs that make roots."""

from __future__ import annotations

import subprocess
from pathlib import Path


def said(*argv: str, seconds: float, folder: Path | None = None) -> str:
    """What a program says, run in `folder`. Raises RuntimeError with the end of it, TimeoutExpired after `seconds`."""
    done = subprocess.run(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv[:4])} … ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout
