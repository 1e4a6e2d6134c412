"""The whole road with the real programs: this machine enrolled, looked at, sealed, shipped, committed, shown."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from vonggac_rules.builtin import default_rulebook_bytes

# Sockets that others open are news to the agent.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]


class Road:
    """A collector's state folder, a free port, and this machine's agent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = folder / "token"

    def environment(self, state: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "VONGGAC_STATE_DIR": str(self.folder / state),
            "VONGGAC_LISTEN": f"127.0.0.1:{self.port}",
            "VONGGAC_INSECURE_COOKIES": "true",
        }

    def collector(self, *words: str) -> str:
        return self._run("vonggac_collector", "collector", *words)

    def agent(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        return self._run("vonggac_agent", "agent", *words, codes=codes)

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.agent("status", "--json", codes=(0, 1)))
        return told

    def _run(self, module: str, state: str, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name(module.replace("_", "-"))), *words],
            env=self.environment(state),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The collector without pages, ready, until the end of the block."""
        serving = subprocess.Popen(
            [str(Path(sys.executable).with_name("vonggac-collector")), "serve", "--no-pages"],
            env=self.environment("collector"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.wait_until_ready(serving)
            yield
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.wait(30)

    def wait_until_ready(self, serving: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert serving.poll() is None
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail("the collector did not get ready")


def begun(folder: Path) -> Iterator[Road]:
    """Its collector serves, with this release's rulebook, one unit and a token for it."""
    made = Road(folder)
    rulebook = made.folder / "rulebook.json"
    rulebook.write_bytes(default_rulebook_bytes())
    made.collector("init", "--password-file", str(made.folder / "password"))
    made.collector("rulebook", "publish", str(rulebook))
    made.collector("unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
    made.collector("token", "create", "--agency", "so-y-te", "--out", str(made.token))
    with made.serving():
        yield made


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    yield from begun(tmp_path_factory.mktemp("road"))


@pytest.fixture(scope="module")
def reported(road: Road) -> Iterator[tuple[Road, int]]:
    """The machine enrolled and reported, while a socket of this test was listening on every address."""
    with socket.create_server(("0.0.0.0", 0)) as opened:
        road.agent("enrol", "--collector", road.url, "--token-file", str(road.token))
        road.agent("run", "--once")
        yield road, opened.getsockname()[1]


def shown(road: Road) -> dict[str, Any]:
    """What an administrator is shown of this host."""
    with httpx.Client(base_url=road.url, trust_env=False) as client:
        password = (road.folder / "password").read_text().strip()
        signed_in = client.post("/api/v1/session", json={"name": "admin", "password": password})
        assert signed_in.status_code == 200, signed_in.text
        answer = client.get(f"/api/v1/hosts/{road.status()['agent_id']}")
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def test_this_machine_is_shown_with_its_name_a_package_and_a_socket_it_opened(
    reported: tuple[Road, int],
) -> None:
    road, port = reported
    page = shown(road)
    assert page["hostname"] == socket.gethostname()
    assert page["unit"]["code"] == "so-y-te"
    assert len(page["findings"]) >= 40
    (line,) = [
        x for x in Path("/var/lib/dpkg/status").read_text().split("\n\n") if x.startswith("Package: bash\n")
    ]
    version = next(x.partition(": ")[2] for x in line.splitlines() if x.startswith("Version: "))
    assert ["bash", version] in [p[:2] for p in page["sections"]["packages"]["packages"]]
    seen = [s for s in page["sections"]["sockets"]["sockets"] if s["port"] == port and s["protocol"] == "tcp"]
    assert [s["address"] for s in seen] == ["0.0.0.0"]
    assert seen[0]["process"]


def test_the_receipt_emptied_the_spool_and_the_ledger_verifies(reported: tuple[Road, int]) -> None:
    road, _ = reported
    told = road.status()
    assert told["last_report"]["state"] == "received"
    assert told["spool"]["unsent"] == 0
    assert told["health"] == "green", told["problems"]
    assert json.loads(road.collector("ledger", "verify", "--json"))["faults"] == []


def test_an_unchanged_machine_sends_a_heartbeat_and_a_changed_one_a_small_report(
    reported: tuple[Road, int],
) -> None:
    road, _ = reported
    # Others on this machine may open sockets meanwhile; sooner or later two looks in a row see the same.
    kinds = [json.loads(road.agent("run", "--once", "--json"))["looked"]["kind"] for _ in range(4)]
    assert "heartbeat" in kinds
    assert road.status()["last_heartbeat"]["state"] in ("received", "replaced")
    with socket.create_server(("0.0.0.0", 0)) as another:
        road.agent("run", "--once")
        page = shown(road)
        ports = {s["port"] for s in page["sections"]["sockets"]["sockets"]}
        assert another.getsockname()[1] in ports
        assert page["sections"]["packages"]["packages"], "named by digest, and still shown"
    sent = json.loads(road.agent("status", "--report"))
    assert sent["sequence"] > 1
    assert sent["report"]["sections"]["packages"].get("content") is None


def test_a_key_is_changed_by_a_command_and_the_machines_page_has_both(reported: tuple[Road, int]) -> None:
    road, _ = reported
    before = road.status()["keyid"]
    road.agent("rotate")
    told = road.status()
    assert (told["epoch"], told["keyid"] != before) == (2, True)
    road.agent("run", "--once")
    assert [(k["epoch"], k["until"] is None) for k in shown(road)["keys"]] == [(2, True), (1, False)]
    assert json.loads(road.collector("ledger", "verify", "--json"))["faults"] == []


def test_a_machine_set_back_to_a_snapshot_goes_on_after_an_officers_decision(
    reported: tuple[Road, int],
) -> None:
    road, _ = reported
    host, state, snapshot = road.status()["agent_id"], road.folder / "agent", road.folder / "snapshot"
    shutil.copytree(state, snapshot)
    with socket.create_server(("0.0.0.0", 0)):
        road.agent("run", "--once")
    shutil.rmtree(state)
    shutil.copytree(snapshot, state)
    with socket.create_server(("0.0.0.0", 0)) as another:
        road.agent("run", "--once", codes=(0, 75))
        assert road.status()["state"] == "quarantined"
        fork = json.loads(road.collector("fork", "show", host, "--json"))
        assert fork["here"]["sequence"] == fork["other"]["sequence"]
        assert "sockets" in fork["differs"]
        road.collector("fork", "decide", host, "restored", "--reason", "bản chụp")
        road.agent("run", "--once")
        told = road.status()
        assert (told["epoch"], told["state"]) == (3, "normal")
        road.agent("run", "--once")
        seen = {s["port"] for s in shown(road)["sections"]["sockets"]["sockets"]}
        assert another.getsockname()[1] in seen
    assert json.loads(road.collector("ledger", "verify", "--json"))["faults"] == []
