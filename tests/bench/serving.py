"""Web processes to measure over HTTP: the collector, and the endpoint that is its limit (`endpoint`)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import msgspec
from tests.services.ports import free_port

from vonggac_agent.link import Address

from .endpoint import KEYS

_START_S = 300.0
_SAID = 2_000


class NotStarted(RuntimeError):
    """A process ended, or did not answer in time."""


@contextlib.contextmanager
def collector(folder: Path, url: str, *, role: str = "web") -> Iterator[Address]:
    """`vonggac-collector serve` on that state folder and ledger."""
    settings = {"VONGGAC_STATE_DIR": str(folder), "VONGGAC_DATABASE_URL": url, "VONGGAC_ROLE": role}
    with served(settings, "--no-pages") as (address, _):
        yield address


@contextlib.contextmanager
def served(
    settings: Mapping[str, str], *arguments: str, memory: int | None = None
) -> Iterator[tuple[Address, int]]:
    """`vonggac-collector serve` with these settings, and its process's id. `memory`: bytes that it may take."""
    port = free_port()
    listening = {**settings, "VONGGAC_LISTEN": f"127.0.0.1:{port}"}
    with _started(program("serve", *arguments, memory=memory), listening) as process:
        _wait(process, f"http://127.0.0.1:{port}/readyz")
        yield Address(False, "127.0.0.1", port, ""), process.pid


@contextlib.contextmanager
def working(settings: Mapping[str, str], *, memory: int | None = None) -> Iterator[int]:
    """`vonggac-collector work` likewise: its process's id."""
    with _started(program("work", memory=memory), settings) as process:
        yield process.pid


def program(*arguments: str, memory: int | None = None) -> list[str]:
    """The argv of `vonggac-collector`."""
    code = "import sys; from vonggac_collector.cli import main; sys.exit(main())"
    within = [] if memory is None else ["prlimit", f"--as={memory}", "--"]
    return [*within, sys.executable, "-P", "-c", code, *arguments]


@contextlib.contextmanager
def endpoint(folder: Path, keys: dict[str, bytes]) -> Iterator[Address]:
    """The endpoint on one uvicorn worker, which knows these keys."""
    port = free_port()
    (folder / "keys.json").write_bytes(msgspec.json.encode(keys))
    argv = [
        *(sys.executable, "-m", "uvicorn", "--factory", "tests.bench.endpoint:make_app", "--port", str(port))
    ]
    with _started([*argv, "--log-level", "error"], {KEYS: str(folder / "keys.json")}) as process:
        _wait(process, f"http://127.0.0.1:{port}/readyz")
        yield Address(False, "127.0.0.1", port, "")


@contextlib.contextmanager
def _started(argv: list[str], settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(argv, env={**os.environ, **settings}, stderr=said)
        try:
            yield process
        except NotStarted as error:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID))
            raise NotStarted(f"{error}; it said: {said.read().decode(errors='replace')}") from error
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        time.sleep(0.05)
    raise NotStarted("what is to be measured did not start")
