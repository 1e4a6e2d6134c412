"""The agent installed in a root as a stranger would install it: wheels, a virtual environment, no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flow.systemd import wheels
from tests.flow.systemd.booted import CLONE, ENVIRONMENT, Failed

PREFIX = "/opt/vonggac"
AGENT = f"{PREFIX}/bin/vonggac-agent"
INSTALL_S = 180


@contextmanager
def installed(root: Path) -> Iterator[Path]:
    """A layer to put over `root`, in which the agent is installed at `PREFIX`; removed in the end."""
    with tempfile.TemporaryDirectory(prefix="vonggac-layer-") as name:
        own, written = Path(name) / "wheels", Path(name) / "written"
        own.mkdir()
        for wheel in wheels.dependencies().iterdir():
            shutil.copy(wheel, own)
        wheels.build_own(own)
        orders = {
            "layers": [str(root)],
            "written": str(written),
            "shown": {str(own): "/mnt/wheels"},
            "commands": [
                ["python3", "-m", "venv", PREFIX],
                [f"{PREFIX}/bin/pip", "install", "--no-index", "--find-links=/mnt/wheels", "vonggac-agent"],
            ],
        }
        done = subprocess.run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
                *(sys.executable, "-m", "tests.flow.systemd.layer", json.dumps(orders)),
            ],
            cwd=CLONE,
            env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{ENVIRONMENT['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
        if done.returncode:
            raise Failed(f"the agent could not be installed:\n{done.stderr[-4000:]}")
        yield written / "upper"
