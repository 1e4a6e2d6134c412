"""A Linux system that really booted: systemd as its first process, in namespaces, over a root from `debian`.

`Booted` is what tests hold; `keeper` is the process that keeps the system and ends it whatever becomes of the test.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

CLONE = Path(__file__).resolve().parents[3]
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
BOOT_S = 60.0
END_S = 45.0
T = TypeVar("T")


class Failed(Exception):
    """A system that did not boot, or a program in it that did not end as it should; the message has what it said."""


class Booted:
    """A running system, from `with Booted(layers) as machine:` to the end of the block.

    `layers`: folders whose union is the root, the uppermost first; what is written stays in memory and is forgotten.
    `hostname`: its name; `pid`: its first process as seen from here. Its network is its own: loopback, nothing else.
    """

    pid: int

    def __init__(self, layers: Sequence[Path], *, hostname: str = "") -> None:
        self.hostname = hostname or f"may-{secrets.token_hex(4)}"
        self._orders = {
            "layers": [str(layer) for layer in layers],
            "hostname": self.hostname,
            "machine_id": secrets.token_hex(16),
        }

    def __enter__(self) -> Self:
        self._said = tempfile.TemporaryFile()
        self._keeper = subprocess.Popen(
            [
                *("unshare", "--mount", sys.executable, "-m", "tests.flow.systemd.keeper"),
                json.dumps(self._orders),
            ],
            cwd=CLONE,
            env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{ENVIRONMENT['PATH']}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,  # ctrl-C is for the test, which then ends the system
        )
        try:
            self.pid = self._first_process()
            self._wait_until_running()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kill the system and wait until nothing of it is left. Raises Failed if something is."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.stdout.close()
        try:
            code = self._keeper.wait(END_S)
            if code and sys.exc_info()[0] is None:
                raise Failed(f"the keeper ended with {code}:\n{self._keeper_said()}")
        finally:
            self._said.close()

    def run(
        self, *argv: str | Path, timeout: float = 30, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the system as root and return what it said. `given`: text for its standard input.

        Raises Failed if it leaves with another status than 0 and `check` is true, TimeoutExpired after `timeout` s.
        """
        command = [str(word) for word in argv]
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", "-m", "-u", "-i", "-n", "-p", "-C", "--", *command],
            env=ENVIRONMENT,
            input=given or "",
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise Failed(
                f"{' '.join(command)} left with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def beside(self, *argv: str | Path, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a program of this machine that shares nothing with the system but its network."""
        with log.open("ab") as said:
            return subprocess.Popen(
                ["nsenter", f"--target={self.pid}", "-n", "--", *map(str, argv)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def write(self, path: str, text: str, *, mode: str = "0644") -> None:
        """Write a file in the system."""
        self.run("install", "-m", mode, "/dev/stdin", path, given=text)

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """What `systemctl show` says of a unit."""
        said = self.run("systemctl", "show", unit, f"--property={','.join(names)}").stdout
        return dict(line.split("=", 1) for line in said.splitlines())

    def journal(self, *arguments: str) -> str:
        """The system's journal of this boot."""
        return self.run("journalctl", "--boot", "--no-pager", *arguments).stdout

    def files(self, *folders: str) -> dict[str, str]:
        """Path to kind, mode, owner, target, size and time of change, of everything below `folders`.

        A folder's size and time are left out: they follow from what is in it.
        """
        said = self.run("find", *folders, "-xdev", "-printf", r"%p\t%y %m %U:%G %l %s %T@\n").stdout
        return {
            path: marks if not marks.startswith("d") else marks.rsplit(" ", 2)[0]
            for path, _, marks in (line.partition("\t") for line in said.splitlines())
        }

    def _first_process(self) -> int:
        assert self._keeper.stdout is not None
        ready, _, _ = select.select([self._keeper.stdout], [], [], BOOT_S)
        line = self._keeper.stdout.readline() if ready else b""
        if not line.startswith(b"ready "):
            raise Failed(f"no system booted:\n{self._keeper_said()}")
        return int(line.split()[1])

    def _wait_until_running(self) -> None:
        until = time.monotonic() + BOOT_S
        said = ""
        while time.monotonic() < until:
            said = self.run("systemctl", "is-system-running", check=False).stdout.strip()
            if said in ("running", "degraded"):
                return
            time.sleep(0.05)
        raise Failed(f"after {BOOT_S:.0f} s the system is {said!r}:\n{self._keeper_said()}")

    def _keeper_said(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="backslashreplace")[-4000:]


def wait_until(what: Callable[[], T], *, seconds: float, pause: float = 0.1) -> T:
    """Ask `what` until its answer is true, and return it; AssertionError with the last answer after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:.0f} s; the last answer was {answer!r}")
        time.sleep(pause)
