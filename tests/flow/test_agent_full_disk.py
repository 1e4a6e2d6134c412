"""A disk that is full, out of inodes or read-only: nothing unsent goes, looks are counted, work resumes by itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.flow.agent_program import Agent
from tests.flow.served import serving
from tests.unit.agent.twin import Collector

pytestmark = [
    pytest.mark.disk,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]


@pytest.fixture
def collector() -> Collector:
    return Collector(lambda: datetime.now(UTC))


@pytest.fixture
def agent(tmp_path: Path, collector: Collector) -> Iterator[Agent]:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    options = "size=1m,nr_inodes=40,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    try:
        with serving(collector) as address:
            made = Agent(disk, address)
            assert made.enrol().returncode == 0
            assert made.run("run", "--once").returncode == 0
            yield made
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _fill(disk: Path) -> Callable[[], None]:
    with (disk / "filler").open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return (disk / "filler").unlink


def _no_inodes(disk: Path) -> Callable[[], None]:
    made: list[Path] = []
    try:
        for number in range(100):
            made.append(disk / f"filler-{number}")
            made[-1].touch()
    except OSError:
        made.pop()

    def end() -> None:
        for path in made:
            path.unlink()

    return end


def _read_only(disk: Path) -> Callable[[], None]:
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)

    remount("ro")
    return lambda: remount("rw")


@pytest.mark.parametrize(("trouble", "told"), [(_fill, True), (_no_inodes, True), (_read_only, False)])
def test_looks_that_could_not_be_kept_are_counted_and_work_resumes(
    agent: Agent, collector: Collector, trouble: Callable[[Path], Callable[[], None]], told: bool
) -> None:
    end = trouble(agent.state.parent)
    for step in range(2):
        done = agent.run("run", "--once", env=agent.change(step))
        assert done.returncode == 75, done.stderr
        assert "Traceback" not in done.stderr
    end()
    done = agent.run("run", "--once", "--json", env=agent.change(0))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["looked"]["kind"] == "report"
    ((_, chain),) = collector.agents.values()
    committed = collector.committed[chain]
    assert sorted(committed) == list(range(1, len(committed) + 1))
    notices = collector.statements[committed[max(committed)]].report.notices
    # A disk that was read-only could not even hold the count; the hours without a look speak for themselves.
    assert any("2 looks could not be kept" in notice for notice in notices) is told
    assert collector.forks == []
