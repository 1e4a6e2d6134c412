"""Commands about who is let in: machines that wait are listed, approved and refused; a host's key is revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.unit.collector.conftest import KEY
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector import cli
from vonggac_collector.cli import running
from vonggac_collector.enrolment import enrol
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_contract.enrolment import fingerprint
from vonggac_contract.envelope import keyid_of

Run = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Run) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(folder))
    monkeypatch.setattr(running, "default_rulebook_bytes", a_rulebook)
    run(capsys, "init", "--password-file", str(tmp_path / "password"))
    run(capsys, "unit", "add", "--code", "so-y-te", "--name-vi", "Sở Y tế")
    return folder


def run(capsys: Run, *argv: str, code: int = 0) -> str:
    assert cli.main(list(argv)) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def ask(folder: Path, machine: Machine, token: str) -> int:
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db")
    now = datetime.now(UTC)
    answer = enrol(ledger, machine.request(token, now), now=now, collector_key=KEY, peer="10.0.0.7")
    ledger.close()
    return answer.status


def test_machines_that_wait_are_shown_with_what_to_compare_and_decided(state: Path, capsys: Run) -> None:
    made = run(capsys, "token", "create", "--agency", "so-y-te", "--uses", "3", "--approval", "--json")
    token = msgspec.json.decode(made)["token"]
    one, two = Machine("may-\x1b[31m1", seed=2), Machine("may-2", seed=3)
    assert [ask(state, m, token) for m in (one, two)] == [202, 202]
    first, second = (keyid_of(m.public_key) for m in (one, two))
    shown = run(capsys, "enrolment", "list")
    for line in fingerprint(first):
        assert line in shown
    assert "10.0.0.7" in shown
    assert "\x1b" not in shown
    assert shown.endswith("2 machines wait\n")
    assert "names none of the machines" in run(capsys, "enrolment", "approve", "f" * 32, code=1)
    short = run(capsys, "enrolment", "approve", first[:8], code=1)
    assert "too short\n  Give at least the first line of the fingerprint" in short
    assert "approved" in run(capsys, "enrolment", "approve", " ".join(fingerprint(first)))
    assert "reason" in run(capsys, "enrolment", "refuse", fingerprint(second)[0], "--reason", "  ", code=1)
    run(capsys, "enrolment", "refuse", fingerprint(second)[0], "--reason", "not one of ours")
    assert [ask(state, m, token) for m in (one, two)] == [200, 403]
    assert msgspec.json.decode(run(capsys, "enrolment", "list", "--json")) == []
    decided = msgspec.json.decode(run(capsys, "enrolment", "list", "--all", "--json"))
    assert {(d["hostname"], d["state"]) for d in decided} == {
        (one.hostname, "approved"),
        ("may-2", "refused"),
    }


def test_a_hosts_key_is_revoked_with_a_reason(state: Path, capsys: Run) -> None:
    token = msgspec.json.decode(run(capsys, "token", "create", "--agency", "so-y-te", "--json"))["token"]
    assert ask(state, Machine(seed=2), token) == 200
    (host,) = msgspec.json.decode(run(capsys, "host", "list", "--json"))
    assert "revoked" in run(capsys, "host", "revoke", host["id"], "--reason", "stolen")
    for command in (
        ("host", "revoke", "nix", "--reason", "x"),
        ("fork", "decide", "nix", "clone", "--reason", "x"),
    ):
        assert f"there is no host nix\n  `vonggac-collector {command[0]} list`" in run(
            capsys, *command, code=1
        )
    none = run(capsys, "fork", "decide", host["id"], "clone", "--reason", "x", code=1)
    assert "no fork waits for a decision\n  `vonggac-collector fork list`" in none
    assert "revoked already" in run(capsys, "host", "revoke", host["id"], "--reason", "stolen", code=1)
    run(capsys, "ledger", "verify")
