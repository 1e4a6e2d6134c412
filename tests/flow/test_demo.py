"""`make demo` as a stranger runs it: pages up, this machine measured, sample data marked, ctrl-C ends everything."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

CLONE = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)


class Demo:
    """One run of the demonstration in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vonggac_demo"],
            cwd=CLONE,
            env=os.environ | {"PYTHONPATH": "packaging/demo", "VONGGAC_DEMO_DIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = ""

    def until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if "ctrl-C ends it" in line:
                return
        pytest.fail(f"the demonstration ended by itself:\n{self.printed}")

    @property
    def url(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+", self.printed)
        assert found is not None
        return found[0]

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(40)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "state"


@contextlib.contextmanager
def signed_in(demo: Demo) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.url, follow_redirects=True, trust_env=False) as client:
        client.get("/login")
        password = (demo.folder / "password").read_text().strip()
        answer = client.post(
            "/login", data={"name": "admin", "password": password}, headers={"Origin": demo.url}
        )
        assert answer.status_code == 200
        assert "/login" not in str(answer.url)
        yield client


@pytest.fixture
def first(folder: Path) -> Iterator[Demo]:
    demo = Demo(folder)
    try:
        demo.until_ready()
        yield demo
    finally:
        demo.stop()


def test_the_demonstration_shows_this_machine_beside_marked_sample_data_and_goes_on_when_run_again(
    first: Demo, folder: Path
) -> None:
    with signed_in(first) as client:
        overview = client.get("/").text
        assert "dữ liệu mẫu" in overview.casefold()
        assert overview.count('href="/units/') >= 34
        here = client.get("/units/may-nay").text
        assert socket.gethostname() in here
        host = re.search(r'href="(/hosts/[0-9a-f-]{36})', here)
        assert host is not None
        assert client.get(host[1]).status_code == 200
    children = first.children()
    assert len(children) >= 2
    assert first.stop() == 0
    gone, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
    assert len(gone) == len(children)

    second = Demo(folder)
    try:
        second.until_ready()
        assert "going on with the data of the run before" in second.printed
        assert second.url == first.url
        with signed_in(second) as client:
            assert socket.gethostname() in client.get("/units/may-nay").text
    finally:
        second.stop()
