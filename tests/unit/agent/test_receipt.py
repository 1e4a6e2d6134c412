"""A receipt leaves the machine as a proof file that whoever has the public keys checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.agent.test_ship import ship
from tests.unit.agent.twin import AGENT, Machine

from vonggac_agent import spool_room
from vonggac_agent.cli import main
from vonggac_contract.envelope import keyid_of
from vonggac_contract.proof import check_proof, proof_from_bytes, public_keys_from_pem
from vonggac_rules import cli as rules

Said = pytest.CaptureFixture[str]


@pytest.fixture
def state(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    monkeypatch.setenv("LC_ALL", "C")
    return machine


def test_an_auditor_takes_the_machines_word_for_delivery_from_a_file(
    state: Machine, tmp_path: Path, capsys: Said
) -> None:
    links = [state.report(name) for name in "abc"]
    ship(state)
    files = {name: str(tmp_path / name) for name in ("receipt", "collector.pem", "agent.pem")}
    assert main(["receipt", "--sequence", "2", "--out", files["receipt"]]) == 0
    for more, name in ((["--collector"], "collector.pem"), ([], "agent.pem")):
        assert main(["keys", *more]) == 0
        Path(files[name]).write_text(capsys.readouterr().out)
    assert public_keys_from_pem(Path(files["collector.pem"]).read_bytes()) == [state.collector.public]
    # As the collector prints it, so that the two can be compared.
    assert (
        Path(files["collector.pem"])
        .read_text()
        .startswith(f"# {keyid_of(state.collector.public)}\n-----BEGIN ")
    )
    checked = [files["receipt"], "--collector-key", files["collector.pem"], "--agent-key", files["agent.pem"]]
    assert rules.main(["verify-proof", *checked, "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert f"Report {links[1].digest}." in said
    assert f"Machine {AGENT} sealed report 2 of epoch 1 with its own key." in said
    assert f"received report 2 of epoch 1 of machine {AGENT}" in said
    assert main(["receipt"]) == 0
    newest = proof_from_bytes(capsys.readouterr().out.encode())
    assert newest.digest == links[2].digest


def test_the_receipt_outlives_the_report(
    state: Machine, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_room, "KEPT_ENVELOPES", 1)
    for name in "ab":
        state.report(name)
        ship(state)
    assert main(["receipt", "--sequence", "1"]) == 0
    proof = proof_from_bytes(capsys.readouterr().out.encode())
    assert proof.envelope is None
    proved = check_proof(proof, state.collector.public)
    assert proved.receipt is not None
    assert proved.receipt.sequence == 1


def test_without_a_receipt_it_says_what_is_kept(state: Machine, capsys: Said) -> None:
    for given in ([], ["--sequence", "1"], ["--sequence", "7", "--epoch", "3"]):
        assert main(["receipt", *given]) == 2
        assert "no receipt for report" in capsys.readouterr().err
        state.report()
    assert main(["receipt", "--lang", "vi"]) == 2
    assert "ở đây không giữ biên nhận nào" in capsys.readouterr().err
