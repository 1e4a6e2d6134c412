"""Why a round failed is said to a person in his language, once, with what to do."""

from __future__ import annotations

import inspect
import re
import unicodedata

import msgspec
import pytest
from tests.unit.agent.twin import NOW, Machine

from vonggac_agent import following, policy, revoked
from vonggac_agent.cli import main
from vonggac_agent.reasons import CODES, LINE, POLICY, SENTENCES, Why
from vonggac_collector.errors import PROBLEMS
from vonggac_contract.enrolment import PolicyRoot

Said = pytest.CaptureFixture[str]


def test_every_code_is_the_collectors_and_every_sentence_composed() -> None:
    assert set(CODES) <= set(PROBLEMS)
    for said in (*CODES.values(), *LINE.values(), *POLICY.values(), *SENTENCES.values()):
        assert unicodedata.is_normalized("NFC", said)


@pytest.mark.parametrize(
    ("noted", "spoken"),
    [
        ("409 seq-fork report 2 is another", "đã có báo cáo khác mang cùng số: có bản sao của máy, hoặc máy được khôi "
         "phục từ bản cũ (409 seq-fork)"),
        ("enrolment-refused không phải máy của đơn vị", "người duyệt đã từ chối: không phải máy của đơn vị "
         "(enrolment-refused)"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "không kết nối được: máy chủ thu thập từ chối kết "
         "nối (ConnectionRefusedError)"),
        ("no whole answer within 60 s", "không nhận đủ câu trả lời trong thời hạn"),
        ("418 teapot {x}", "418 teapot {x}"),
    ],
)  # fmt: skip
def test_a_reason_is_known_again_by_its_code_or_beginning(noted: str, spoken: str) -> None:
    assert Why(noted).spoken("vi") == spoken
    assert Why(noted).spoken("en") == str(Why(noted)) == noted


def test_whatever_the_policy_repository_is_not_followed_for_is_said_in_vietnamese(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    named = [re.findall('"(policy-[a-z-]+)[:"]', inspect.getsource(room)) for room in (following, policy)]
    assert {*POLICY} == {code for found in named for code in found} - {following.WORK}
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    for code, spoken in POLICY.items():
        policy.write(machine.folder, policy.Standing(PolicyRoot(1, "0" * 64), trouble=f"{code}: whatever"))
        main(["status", "--lang", "vi"])
        assert f"không theo được kho chính sách: {spoken} ({code}); bộ " in capsys.readouterr().out


def test_status_says_a_reason_once_in_vietnamese_and_what_to_do_about_the_line(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    machine.report()

    def said(trouble: str) -> list[str]:
        last = {"at": NOW, "received": 0, "refused": 0, "trouble": trouble}
        machine.spool.write_notes(last_round=msgspec.json.encode(last).decode())
        main(["status", "--lang", "vi"])
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("!")]

    (line,) = said("ConnectionRefusedError: [Errno 111] Connection refused")
    assert "Errno" not in line
    assert "Kiểm tra địa chỉ, mạng và chứng thư số của máy chủ thu thập" in line
    machine.spool.quarantine(machine.chain, "409 seq-fork report 1 is another", NOW)
    state, held = said("403 agent-quarantined the machine is quarantined")
    assert state.endswith("(409 seq-fork)")
    assert held.startswith("! 1 báo cáo đang được giữ lại")
    revoked.note(machine.spool, machine.identity, "403 key-revoked key is no longer valid", NOW)
    told = said("403 key-revoked key is no longer valid")
    assert sum("key-revoked" in each for each in told) == 1
    assert not any("is no longer" in each for each in told)


def test_a_round_by_hand_says_why_it_did_not_send_and_what_to_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    machine.spool.close()
    assert main(["run", "--once", "--lang", "vi"]) == 75
    error = capsys.readouterr().err
    assert "từ chối kết nối (ConnectionRefusedError)\n  Kiểm tra địa chỉ" in error
