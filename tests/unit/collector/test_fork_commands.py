"""`vonggac-collector fork`: what an officer sees and decides without a browser."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.unit.collector.conftest import Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_commands import run, state

from vonggac_collector import cli
from vonggac_collector.ledger.sql.ledger import open_ledger

__all__ = ["state"]
Run = pytest.CaptureFixture[str]


def test_a_fork_is_listed_shown_and_decided(state: Path, capsys: Run) -> None:
    run(capsys, "unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
    token = msgspec.json.decode(run(capsys, "token", "create", "--agency", "so-y-te", "--json"))["token"]
    assert run(capsys, "fork", "list").splitlines() == ["id  name  unit  state"]
    ledger, now = open_ledger(f"sqlite:///{state}/ledger.db"), datetime.now(UTC)
    desk = Desk(ledger)
    machine, copy = desk.enrol(Machine(), token, now), Machine("may-1\x1b[2J")
    copy.__dict__.update(vars(machine) | {"hostname": copy.hostname})
    assert desk.accept(machine.report(now, {1}), now).status == 200
    assert desk.accept(copy.report(now, {2}), now).code == "seq-fork"
    ledger.close()
    (waiting,) = msgspec.json.decode(run(capsys, "fork", "list", "--json"))
    assert waiting == {"id": machine.agent_id, "hostname": "may-1", "unit": "so-y-te", "state": "quarantined"}
    shown = run(capsys, "fork", "show", machine.agent_id)
    assert str(machine.previous)[:32] in shown
    assert str(copy.previous)[:32] in shown
    assert "may-1\\x1b[2J" in shown
    fork = msgspec.json.decode(run(capsys, "fork", "show", machine.agent_id, "--json"))
    assert fork["differs"] == ["hostname", "host"]
    assert cli.main(["fork", "decide", machine.agent_id, "restored", "--reason", " "]) == 1
    decide = ("fork", "decide", machine.agent_id, "restored", "--reason", "bản chụp", "--report")
    assert cli.main([*decide, str(machine.previous)]) == 1
    assert "begins its next epoch" in run(capsys, *decide, str(copy.previous)[:32])
    assert "restored" in run(capsys, "fork", "list")
    assert "revoked" in run(capsys, "fork", "decide", machine.agent_id, "clone", "--reason", "hai máy")
    assert cli.main(["fork", "show", machine.agent_id]) == 1
    assert "faults" in run(capsys, "ledger", "verify", "--json")
