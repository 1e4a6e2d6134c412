"""From the collector's and the machine's hands into an auditor's: the commands, and what the auditor's says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import generate_latest
from tests.unit.collector.conftest import KEY, NOW, Desk, plant, sqlite_ledger
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_checkpoints import PUBLIC, send

from vonggac_collector import cli
from vonggac_collector.checkpoints import take_checkpoint
from vonggac_collector.cli import proofs
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.metrics import Metrics
from vonggac_collector.state import make_state
from vonggac_contract.proof import proof_from_bytes, public_keys_from_pem
from vonggac_rules import cli as rules

Said = pytest.CaptureFixture[str]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Five reports of one, three of them under a checkpoint that was kept, all under the newest."""
    make_state(tmp_path)
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("VONGGAC_LISTEN", raising=False)
    monkeypatch.setattr(proofs, "load_key", lambda _: KEY)
    ledger = sqlite_ledger(tmp_path)
    plant(ledger)
    desk = Desk(ledger)
    machine = desk.enrol(Machine())
    send(desk, machine, 3)
    take_checkpoint(ledger, KEY, NOW)
    assert cli.main(["ledger", "checkpoint", "--out", str(tmp_path / "kept.json")]) == 0
    send(desk, machine, 2)
    take_checkpoint(ledger, KEY, NOW + timedelta(hours=1))
    ledger.close()
    return machine


def test_an_auditor_proves_a_report_offline_with_public_keys(
    machine: Machine, tmp_path: Path, capsys: Said
) -> None:
    kept, proof = str(tmp_path / "kept.json"), str(tmp_path / "proof.json")
    for name, more in (("collector", ()), ("agent", ("--agent", machine.agent_id))):
        assert cli.main(["keys", *more]) == 0
        (tmp_path / f"{name}.pem").write_text(capsys.readouterr().out)
    assert public_keys_from_pem((tmp_path / "collector.pem").read_bytes()) == [PUBLIC]
    assert public_keys_from_pem((tmp_path / "agent.pem").read_bytes()) == [machine.public_key]
    named = ["--agent", machine.agent_id, "--sequence", "4"]
    assert cli.main(["ledger", "prove", *named, "--since", kept, "--out", proof]) == 0
    checked = [
        "verify-proof",
        proof,
        "--collector-key",
        str(tmp_path / "collector.pem"),
        "--checkpoint",
        kept,
    ]
    capsys.readouterr()
    assert rules.main([*checked, "--agent-key", str(tmp_path / "agent.pem"), "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert f"Machine {machine.agent_id} sealed report 4 of epoch 1 with its own key." in said
    assert f"received report 4 of epoch 1 of machine {machine.agent_id}" in said
    assert "number 3 of the record, counted from 0, under a checkpoint of 5 reports" in said
    assert "The 3 reports of the earlier checkpoint are its beginning" in said
    assert rules.main(checked) == 0
    said = capsys.readouterr().out
    assert "Máy nào đã niêm phong thì chưa được kiểm" in said
    assert "mốc của 5 báo cáo" in said
    # By its digest, on standard output.
    digest = proof_from_bytes(Path(proof).read_bytes()).digest
    assert digest is not None
    assert cli.main(["ledger", "prove", digest]) == 0
    assert proof_from_bytes(capsys.readouterr().out.encode()).digest == digest
    # The wrong key, another machine's, or a changed file: 1, and what fails.
    assert rules.main([*checked[:3], str(tmp_path / "agent.pem")]) == 1
    said = capsys.readouterr().err
    assert "không chứng minh được: biên nhận: không có chữ ký của khóa" in said
    assert "Đây có đúng là khóa của máy chủ thu thập" in said
    for lang, told in (("en", "not proved: report: sealed by key"), ("vi", "báo cáo: do khóa")):
        assert rules.main([*checked, "--agent-key", str(tmp_path / "collector.pem"), "--lang", lang]) == 1
        said = capsys.readouterr().err
        assert told in said
        assert "vonggac-collector keys --agent ID" in said
    changed = msgspec.json.decode(Path(proof).read_bytes())
    changed["leaf"]["number"] = 2
    Path(proof).write_bytes(msgspec.json.encode(changed))
    assert rules.main([*checked, "--lang", "en"]) == 1
    assert "not proved: leaf: the leaf's path leads to another root" in capsys.readouterr().err
    assert rules.main([*checked[:3], str(tmp_path / "nothing.pem")]) == 2


@pytest.mark.hostile
def test_what_names_no_report_is_refused(machine: Machine, capsys: Said) -> None:
    digest = "0" * 64
    for given, told in (
        ((), "name the report"),
        (("--agent", machine.agent_id), "name the report"),
        ((digest, "--agent", machine.agent_id, "--sequence", "1"), "name the report"),
        (("xyz",), "64 hexadecimal digits"),
        ((digest,), "is no report here"),
        (("--agent", machine.agent_id, "--sequence", "6"), "is no report here"),
    ):
        assert cli.main(["ledger", "prove", *given]) == 1
        assert told in capsys.readouterr().err
    assert cli.main(["keys", "--agent", "nobody"]) == 1
    assert "no agent is called nobody\n  `vonggac-collector host list`" in capsys.readouterr().err


def test_whoever_asks_before_the_next_checkpoint_is_told_to_wait(
    machine: Machine, tmp_path: Path, capsys: Said
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    send(Desk(ledger), machine)
    ledger.close()
    assert cli.main(["ledger", "prove", "--agent", machine.agent_id, "--sequence", "6"]) == 1
    assert "is not under a checkpoint; " in (said := capsys.readouterr().err)
    assert "\n  Wait for the next checkpoint, up to an hour" in said


def test_how_old_the_newest_checkpoint_is_is_a_gauge_with_an_alert(desk: Desk, tmp_path: Path) -> None:
    metrics = Metrics(desk.ledger, lambda: NOW + timedelta(seconds=7), tmp_path)
    assert "vonggac_checkpoint_age_seconds " not in generate_latest(metrics.registry).decode()
    take_checkpoint(desk.ledger, KEY, NOW)
    assert "vonggac_checkpoint_age_seconds 7.0" in generate_latest(metrics.registry).decode()
    alerts = Path(__file__).parents[3] / "packaging" / "prometheus" / "vonggac.rules.yaml"
    assert "max(vonggac_checkpoint_age_seconds) > 7200" in alerts.read_text(encoding="utf-8")
