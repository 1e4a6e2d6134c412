"""Two machines and a collector with no line between them: a stick goes there and back, and both spools are empty."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.flow.agent_program import Agent
from tests.services.ports import free_port

PROGRAM = Path(sys.executable).with_name("vonggac-collector")
pytestmark = [pytest.mark.usb, pytest.mark.timeout(300)]


class Collector:
    """A collector's programs in a state folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "VONGGAC_STATE_DIR": str(folder / "collector"),
            "VONGGAC_LISTEN": f"127.0.0.1:{self.port}",
            "VONGGAC_INSECURE_COOKIES": "true",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def said(self, *words: str) -> Any:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def enrol(self, agents: list[Agent]) -> None:
        """Serve for as long as machines enrol: the one time that they need a line."""
        serving = subprocess.Popen(
            [PROGRAM, "serve", "--no-pages"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + 60
            while not self._ready():
                assert serving.poll() is None
                assert time.monotonic() < until, "the collector did not get ready"
                time.sleep(0.1)
            for agent in agents:
                done = agent.enrol()
                assert done.returncode == 0, done.stderr
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.wait(30)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


class Site(Collector):
    """The collector, two machines that were enrolled with it, and a stick."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.said("init", "--password-file", str(folder / "password"))
        self.said("unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
        token = folder / "token"
        self.said("token", "create", "--agency", "so-y-te", "--uses", "2", "--out", str(token))
        self.agents = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            agent = Agent(folder / name, self.url)
            agent.token.write_bytes(token.read_bytes())
            self.agents.append(agent)
        self.enrol(self.agents)
        self.stick = folder / "stick"
        self.stick.mkdir()

    def look(self, agent: Agent, times: int) -> None:
        for step in range(times):
            done = agent.run("run", "--once", env=agent.change(step))
            assert done.returncode == 75, done.stdout + done.stderr

    def imported(self, *, status: int = 0) -> dict[str, Any]:
        done = self.run("media", "import", str(self.stick), "--json")
        assert done.returncode == status, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("no-line"))


def carried(agent: Agent, word: str, stick: Path) -> dict[str, Any]:
    done = agent.run(word, str(stick), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_stick_goes_there_and_back_and_the_spools_are_empty(site: Site) -> None:
    one, two = site.agents
    for agent, looks in ((one, 2), (two, 1)):
        site.look(agent, looks)
        assert carried(agent, "export", site.stick)["reports"] == looks
    assert one.status()["spool"]["unsent"] == 2, "only a receipt empties it"
    told = site.imported()
    assert sorted((m["taken"], m["known"], m["missing"]) for m in told["machines"]) == [
        (1, 0, []),
        (2, 0, []),
    ]
    agents = {m["agent"]: m["taken"] for m in told["machines"]}
    assert site.said("media", "export", str(site.stick), "--json")["receipts"] == agents
    for agent, looks in ((one, 2), (two, 1)):
        assert carried(agent, "import", site.stick)["received"] == looks
        status = agent.status()
        assert status["spool"]["unsent"] == 0
        assert status["last_report"]["state"] == "received"
    assert carried(one, "import", site.stick)["received"] == 0, "twice does no harm"
    assert sorted((m["taken"], m["known"]) for m in site.imported()["machines"]) == [(0, 1), (0, 2)]
    assert json.loads(site.run("ledger", "verify", "--json").stdout)["faults"] == []


def test_half_an_export_is_named_and_after_a_new_key_the_one_before_still_opens(site: Site) -> None:
    one, _ = site.agents
    site.look(one, 1)
    for file in site.stick.iterdir():
        file.unlink()
    assert "1 báo cáo" in one.run("export", str(site.stick), "--lang", "vi").stdout
    (manifest,) = site.stick.glob("*.manifest")
    manifest.rename(site.folder / "manifest")
    done = site.run("media", "import", str(site.stick))
    assert done.returncode == 1
    assert "media-incomplete" in done.stdout
    assert manifest.name.removeprefix("vonggac-").removesuffix(".manifest") in done.stdout
    (site.folder / "manifest").rename(manifest)
    site.said("media", "new-key")
    assert one.status()["agent_id"] in site.said("media", "import", str(site.stick))
    site.said("media", "export", str(site.stick))
    done = one.run("import", str(site.stick), "--lang", "vi")
    assert "1 báo cáo đã được nhận" in done.stdout
    assert "đã lấy khóa niêm phong" in done.stdout
