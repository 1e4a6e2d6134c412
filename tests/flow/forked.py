"""Runs the agent's command in forks of one process that imported it once: each run a process of its own, to be killed.

`python -m tests.flow.forked` reads a job as one line of JSON and answers with one: exit code (minus the signal that
ended it), output, seconds of processor time. `Forks` is the other end.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from tests.flow.agent_program import NOTHING, TEST_BUILD


class Forks:
    """The process that forks, as long as the context lasts."""

    def __enter__(self) -> Forks:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.flow.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=30)

    def run(
        self, *words: str, env: Mapping[str, str] = NOTHING, file_bytes: int | None = None
    ) -> tuple[int, str, float]:
        """One run of the command; `file_bytes`: no file grows beyond that, as on a disk that is full."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"words": words, "env": dict(env), "file_bytes": file_bytes}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code, said, used = json.loads(self._process.stdout.readline())
        return int(code), str(said), float(used)


def _work(job: dict[str, Any], output: int) -> int:
    """In the fork."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(job["env"])
    from vonggac_agent import failpoints
    from vonggac_agent.cli import main

    failpoints._ARMED = failpoints._armed()
    if job["file_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_bytes"], job["file_bytes"]))
    return main(job["words"])


def _serve() -> None:
    """Import what a round imports, then fork for each job."""
    from vonggac_agent import alarm, cli, daily, facts, link, look, rounds, ship, spool  # noqa: F401

    sys.path.insert(0, os.fspath(TEST_BUILD))
    gc.freeze()  # what is imported is looked through by no fork
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 70
            try:
                code = _work(json.loads(line), writing)
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as output:
            said = output.read().decode(errors="replace")
        _, status, used = os.wait4(child, 0)
        ended = os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps([ended, said, used.ru_utime + used.ru_stime]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
