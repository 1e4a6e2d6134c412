"""The resident supervisor of an enrolled agent, beside an interpreter that only sleeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.flow.test_road import Road

from .figures import Beside, Figure

MIB = 2**20
BIN = Path(sys.executable).parent


def figures() -> Iterator[Figure]:
    """Resident memory after its first round, with a real collector to talk to."""
    with tempfile.TemporaryDirectory() as folder:
        road = Road(Path(folder))
        road.collector("init", "--password-file", str(road.folder / "password"))
        road.collector("unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
        road.collector("token", "create", "--agency", "so-y-te", "--out", str(road.token))
        with road.serving():
            road.agent("enrol", "--collector", road.url, "--token-file", str(road.token))
            yield from supervised(road)


def supervised(road: Road) -> Iterator[Figure]:
    """The service loop until its first report has a receipt."""
    running = start("vonggac-agent", "run", env=road.environment("agent") | {"VONGGAC_START_SPREAD_S": "0"})
    bare = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    try:
        until = time.monotonic() + 60
        while (road.status().get("last_report") or {}).get("state") != "received":
            if time.monotonic() > until:
                raise RuntimeError("no report was received within a minute")
            time.sleep(0.5)
        yield Figure(
            "supervisor, resident memory",
            resident(running.pid) / MIB,
            "MiB",
            20,
            beside=Beside("an interpreter that sleeps", resident(bare.pid) / MIB),
        )
        yield Figure("supervisor, CPU until the first receipt", cpu_seconds(running.pid), "s")
    finally:
        end(running)
        end(bare)


def start(program: str, *words: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A program of this clone, its output thrown away."""
    return subprocess.Popen(
        [str(BIN / program), *words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop it and wait."""
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def resident(pid: int) -> int:
    """Bytes of VmRSS (proc(5))."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} is gone")


def cpu_seconds(pid: int) -> float:
    """User and system time, children left out (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
