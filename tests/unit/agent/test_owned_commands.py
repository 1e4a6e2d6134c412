"""The owner's list of commands as the agent tells of it: in status, in the report, in the service's unit."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.unit.agent.twin import NOW, Machine, report_of

from vonggac_agent import owned
from vonggac_agent.cli.status import _lines
from vonggac_agent.service import FOR_COMMANDS, UNIT, unit_texts
from vonggac_agent.settings import Settings, load_settings
from vonggac_agent.status import status
from vonggac_contract.report import CommandRun, Report

ENTRY = "raid: {argv: [/usr/sbin/mdadm, --detail, /dev/md0]}\n"


@pytest.fixture
def settings(machine: Machine) -> Settings:
    return load_settings(None, {"VONGGAC_STATE_DIR": str(machine.folder)})[0]


@pytest.fixture
def allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the list of this machine would be."""
    path = tmp_path / "commands.yaml"
    monkeypatch.setattr(owned, "PATH", path)
    return path


def test_status_says_whether_commands_are_on_and_why_not(
    machine: Machine, settings: Settings, allowed: Path
) -> None:
    told = status(settings, NOW)
    assert told["command_facts"] == {"on": False, "entries": [], "refused": None}
    assert "commands that rules may ask: off" in _lines(told, "en")
    allowed.write_text(ENTRY)
    told = status(settings, NOW)
    assert told["command_facts"] == {"on": True, "entries": ["raid"], "refused": None}
    assert "các lệnh mà quy tắc được hỏi: raid" in _lines(told, "vi")
    allowed.chmod(0o666)
    told = status(settings, NOW)
    assert told["command_facts"]["on"] is False
    assert any(problem.startswith("the list of commands is not used: ") for problem in told["problems"])


def test_the_unit_may_become_another_account_only_where_the_owner_allows_commands(
    settings: Settings, allowed: Path
) -> None:
    assert "CAP_SETUID" not in unit_texts(settings, None)[UNIT]
    allowed.write_text(ENTRY)
    assert FOR_COMMANDS in unit_texts(settings, None)[UNIT]


def test_a_report_without_commands_is_written_as_before_there_were_any() -> None:
    report = report_of("may")
    assert b'"commands"' not in msgspec.json.encode(report)
    run = CommandRun("raid", "0" * 64, 0.1, exit_status=0)
    raw = msgspec.json.encode(msgspec.structs.replace(report, commands=[run]))
    assert b'"commands":[{"name":"raid","argv":"' in raw
    assert msgspec.json.decode(raw, type=Report).commands == [run]
