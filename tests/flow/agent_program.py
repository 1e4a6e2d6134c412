"""The agent as a program of its own: started with real settings, a real state folder, and looks that cost little."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.unit.agent.twin import TOKEN

from vonggac_contract.report import SECTION_TOPICS

NOTHING: Mapping[str, str] = {}
TEST_BUILD = Path(__file__).parent / "test_build"
CHEAP = sorted(set(SECTION_TOPICS.values()) - {"os.release"})
"""Facts left out, so that a look takes milliseconds."""


class Agent:
    """One machine's agent. `folder`: its state folder's parent."""

    def __init__(self, folder: Path, collector: str) -> None:
        self.state = folder / "state"
        self.collector = collector
        self.token = folder / "token"
        self.token.write_text(TOKEN + "\n")
        self.token.chmod(0o600)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "VONGGAC_STATE_DIR": str(self.state),
            "VONGGAC_DISABLED_FACTS": ",".join(CHEAP),
            "VONGGAC_START_SPREAD_S": "0",
            **more,
        }

    def start(
        self, *words: str, prefix: tuple[str, ...] = (), env: Mapping[str, str] = NOTHING
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "vonggac_agent", *words],
            env=self.environment(env),
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *words: str, prefix: tuple[str, ...] = (), env: Mapping[str, str] = NOTHING
    ) -> subprocess.CompletedProcess[str]:
        with self.start(*words, prefix=prefix, env=env) as process:
            try:
                out, err = process.communicate(timeout=50)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def enrol(self, *more: str) -> subprocess.CompletedProcess[str]:
        return self.run("enrol", "--collector", self.collector, "--token-file", str(self.token), *more)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def change(self, step: int) -> dict[str, str]:
        """Settings that make look number `step` find other content than the one before."""
        return {} if step % 2 else {"VONGGAC_DISABLED_FACTS": ",".join([*CHEAP, "os.release"])}


def killed(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether it ended by SIGKILL."""
    return done.returncode == -signal.SIGKILL


def with_failpoint(point: str) -> dict[str, str]:
    """The environment of a test build that dies at `point`."""
    return {"VONGGAC_FAILPOINT": point, "PYTHONPATH": os.fspath(TEST_BUILD)}
