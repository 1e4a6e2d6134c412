"""A machine, a relay and a collector as programs: what the relay passes on arrives, nothing is lost when it dies."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from tests.flow.agent_program import Agent
from tests.flow.test_no_line import PROGRAM, Collector
from tests.services.ports import free_port

pytestmark = [pytest.mark.usb, pytest.mark.timeout(300)]


@contextmanager
def running(collector: Collector, port: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of the collector's programs, once it answers on that port."""
    environment = {**collector.environment, "VONGGAC_LISTEN": f"127.0.0.1:{port}"}
    with subprocess.Popen(
        [PROGRAM, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + 60
            while True:
                assert process.poll() is None
                assert time.monotonic() < until, f"{words[0]} did not get ready"
                try:
                    httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_a_relay_passes_on_and_when_it_dies_nothing_is_lost(tmp_path: Path) -> None:
    collector, port, word = Collector(tmp_path), free_port(), tmp_path / "word"
    collector.said("init", "--password-file", str(tmp_path / "password"))
    collector.said("unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
    agent = Agent(tmp_path, collector.url)
    agent.token.unlink()
    collector.said("token", "create", "--agency", "so-y-te", "--out", str(agent.token))
    for path, text in ((word, "tu-khoa-cua-co-quan"), (tmp_path / "wrong", "tu-khoa-cua-ai-do")):
        path.write_text(text + "\n")
        path.chmod(0o600)
    relay = ("relay", collector.url, "--token-file", str(word))
    address = f"http://127.0.0.1:{port}"
    with ExitStack() as serving:
        serving.enter_context(running(collector, collector.port, "serve", "--no-pages"))
        assert agent.enrol().returncode == 0
        assert agent.run("relay", address, "--token-file", str(word)).stdout.strip().endswith(address)
        assert f"through the relay {address}" in agent.run("status", "--lang", "en").stdout
        with running(collector, port, *relay) as process:
            done = agent.run("run", "--once")
            assert done.returncode == 0, done.stdout + done.stderr
            assert agent.status()["last_report"]["state"] == "received"
            process.kill()
        for step in range(2):
            assert agent.run("run", "--once", env=agent.change(step)).returncode == 75
        assert agent.status()["spool"]["unsent"] == 2
        with running(collector, port, *relay):
            assert agent.run("relay", address, "--token-file", str(tmp_path / "wrong")).returncode == 0
            assert agent.run("run", "--once").returncode == 75, "another site's word opens nothing"
            assert agent.run("relay", address, "--token-file", str(word)).returncode == 0
            assert agent.run("run", "--once").returncode == 0
        assert agent.status()["spool"]["unsent"] == 0
        assert agent.run("relay", "--none", "--lang", "vi").stdout == "đi thẳng tới máy chủ thu thập\n"
        assert agent.run("run", "--once").returncode == 0
