"""The service's unit and timing: hardened, true to this machine, spread in time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_agent import VERSION, service, skipped
from vonggac_agent.errors import AgentError
from vonggac_agent.failpoints import Failpoint
from vonggac_agent.notify import notify
from vonggac_agent.service import UNIT, unit_texts
from vonggac_agent.settings import load_settings
from vonggac_agent.supervisor import next_look_in, retry_in

EXPOSURE_AT_MOST = {
    "vonggac-agent.service": 2.0,
    "vonggac-agent-answers@i.service": 2.0,
    "vonggac-collector.service": 1.4,
    "vonggac-collector-backup.service": 1.4,
}
"""What systemd-analyze(1) finds; what it says of the agent's, and what not: docs/adr/0018."""


def units(**environment: str) -> dict[str, str]:
    return unit_texts(load_settings(None, environment)[0], None)


def unit(**environment: str) -> str:
    return units(**environment)[UNIT]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent where it is meant to be, and not below somebody's home."""
    monkeypatch.setattr(sys, "executable", "/opt/vonggac/bin/python3")
    monkeypatch.setattr(service, "installed_at", lambda: ("/opt/vonggac", "/usr/bin/python3"))


def written(folder: Path) -> list[Path]:
    """The units as files."""
    for name, text in units().items():
        (folder / name).write_text(text)
    return sorted(folder.iterdir())


@pytest.mark.usefixtures("installed")
def test_the_unit_is_hardened_and_starts_this_very_interpreter() -> None:
    lines = unit().splitlines()
    assert f"ExecStart={sys.executable} -I -m vonggac_agent run" in lines
    for wanted in (
        "Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "UMask=0077",
        "StateDirectory=vonggac-agent", "StateDirectoryMode=0700", "RestrictNamespaces=yes", "MemoryMax=512M",
        "SystemCallArchitectures=native", "WatchdogSec=120", "LockPersonality=yes",
    ):  # fmt: skip
        assert wanted in lines
    assert "@" not in "".join(line for line in lines if not line.startswith(("#", "SystemCallFilter=")))


def test_another_state_folder_is_the_only_place_it_may_write() -> None:
    text = unit(VONGGAC_STATE_DIR="/srv/agent")
    assert "ReadWritePaths=/srv/agent" in text
    assert "Environment=VONGGAC_STATE_DIR=/srv/agent" in text
    assert "StateDirectory=" not in text


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("/home/agent", "ProtectHome=read-only"),
        ("/root/agent", "ProtectHome=read-only"),
        ("/var/tmp/agent", "PrivateTmp=no"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_a_folder_of_the_agents_own_is_not_hidden_from_it(folder: str, line: str) -> None:
    for name, text in units(VONGGAC_STATE_DIR=folder).items():
        assert (line in text.splitlines()) == name.endswith(".service")
    assert line not in unit().splitlines()


@pytest.mark.parametrize(
    "folder", ["/srv/a b", "/srv/%i", "/srv/a\nExecStart=/bin/sh", "/srv/'x'", "/srv/$HOME"]
)
def test_a_path_that_would_mean_something_else_in_a_unit_is_refused(folder: str) -> None:
    with pytest.raises(AgentError, match="cannot stand in a unit"):
        unit(VONGGAC_STATE_DIR=folder)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze to ask")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, written(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if "vonggac" in line] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze to ask")
@pytest.mark.usefixtures("installed")
def test_systemd_rates_each_unit_as_little_of_a_danger_as_it_did(tmp_path: Path) -> None:
    own = (path for path in written(tmp_path) if path.suffix == ".service")
    shipped = (Path(__file__).parents[3] / "packaging/systemd").glob("*.service")
    found = {}
    for path in (*own, *shipped):
        words = ("systemd-analyze", "security", "--offline=yes", "--no-pager", str(path))
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if "offline" in done.stderr:
            pytest.skip("this systemd-analyze (before 250) rates only what runs")
        level = re.search(r"exposure level for (\S+): ([0-9.]+)", done.stdout)
        assert level, done
        found[level[1]] = float(level[2])
    assert {name: level for name, level in found.items() if level > EXPOSURE_AT_MOST[name]} == {}
    assert found.keys() == EXPOSURE_AT_MOST.keys()


@given(st.floats(60, 86_400), st.floats(0, 0.999))
def test_looks_are_an_interval_apart_give_or_take_a_tenth(interval: float, luck: float) -> None:
    assert 0.9 * interval <= next_look_in(interval, luck) <= 1.1 * interval


@given(st.integers(0, 100_000), st.floats(60, 86_400), st.floats(0, 0.999))
def test_sending_is_tried_again_within_an_interval(failures: int, interval: float, luck: float) -> None:
    assert 0 <= retry_in(failures, interval, luck) <= interval


def test_waiting_grows_to_the_interval_and_is_random_all_the_way_down() -> None:
    assert [retry_in(n, 900, 1.0) for n in (1, 2, 3, 4, 5, 6)] == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    assert retry_in(5, 900, 0.0) == 0.0


def test_without_systemd_there_is_nobody_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    assert not notify("READY=1")


def test_the_release_named_in_reports_is_the_distributions() -> None:
    assert version("vonggac-agent") == VERSION


def test_looks_that_could_not_be_kept_are_counted_in_place(tmp_path: Path) -> None:
    assert skipped.count(tmp_path) == 0
    skipped.prepare(tmp_path)
    inode = (tmp_path / skipped.FILE).stat()
    assert [skipped.add(tmp_path, 1) for _ in range(12)][-1] == 12
    assert skipped.add(tmp_path, -12) == 0
    assert skipped.add(tmp_path, -1) == 0
    after = (tmp_path / skipped.FILE).stat()
    assert (after.st_ino, after.st_size) == (inode.st_ino, inode.st_size)


def test_every_failpoint_is_reached_somewhere_and_killed_at_by_a_test() -> None:
    root = Path(__file__).parents[3]
    source = "".join(p.read_text() for p in (root / "agent/src/vonggac_agent").glob("*.py"))
    for point in Failpoint:
        assert f"Failpoint.{point.name}" in source
    assert len(Failpoint) >= 30
    assert 'parametrize("point", OF_A_ROUND)' in (root / "tests/flow/test_agent_killed.py").read_text()
