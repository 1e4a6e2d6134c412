"""Enrolment tokens are not to be guessed, read in the ledger or told apart by how a wrong one is refused."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.collector.conftest import KEY, NOW, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import PREFIX, enrol
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger

pytestmark = [pytest.mark.hostile, pytest.mark.authz]


def test_each_token_has_192_bits_of_its_own() -> None:
    plant(ledger := MemoryLedger())
    tokens = [Desk(ledger).token() for _ in range(200)]
    secrets = [base64.urlsafe_b64decode(t.removeprefix(PREFIX)) for t in tokens]
    assert {len(s) for s in secrets} == {24}
    # Every bit is 1 in some half of them: nothing of a token is a counter, a time or its unit.
    for bit in range(192):
        assert 50 < sum(int.from_bytes(s, "big") >> bit & 1 for s in secrets) < 150


def test_no_file_of_the_ledger_holds_a_token_that_enrols(sql_ledger: Ledger, tmp_path: Path) -> None:
    plant(sql_ledger)
    desk = Desk(sql_ledger)
    token = desk.token()
    desk.enrol(Machine(), token)
    files = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    assert any(hashlib.sha256(token.encode()).hexdigest().encode() in raw for raw in files)
    for secret in (token, token.removeprefix(PREFIX)):
        assert not [raw for raw in files if secret.encode() in raw]


def test_a_token_that_is_nearly_right_is_refused_as_any_other_and_leaves_the_right_one_its_uses() -> None:
    plant(ledger := MemoryLedger())
    desk = Desk(ledger)
    token = desk.token(uses=1)
    machine = Machine()
    near = [
        token[:-1], token + "A", token.upper(), token.swapcase(), " " + token, token + "\n", token.removeprefix(PREFIX),
        token[:-1] + ("A" if token[-1] != "A" else "B"), "*" * len(token), "%" * len(token), "' OR 1=1 --" + " " * 20,
        hashlib.sha256(token.encode()).hexdigest(),
    ]  # fmt: skip
    answers = {desk_answer(desk, machine, text) for text in near}
    assert len(answers) == 1, "every wrong token is refused in the same words"
    assert next(iter(answers))[0] == 401
    desk.enrol(machine, token)


def desk_answer(desk: Desk, machine: Machine, token: str) -> tuple[int, bytes]:
    raw = machine.request(token, NOW)
    answer = enrol(desk.ledger, raw, now=NOW + timedelta(seconds=1), collector_key=KEY, peer="test")
    return answer.status, answer.body()
