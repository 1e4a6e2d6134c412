"""Why a proof file proves nothing is said in Vietnamese too, whatever fails, and with advice that fits."""

from __future__ import annotations

import ast
import inspect
import unicodedata
from collections.abc import Iterator

import pytest

from vonggac_contract import merkle, proof
from vonggac_contract.errors import BadProof, BadSignature, ContractError
from vonggac_rules.unproved import HINTS, PARTS, SENTENCES, unproved

PROOFS = [ast.parse(inspect.getsource(module)) for module in (proof, merkle)]


def literal(node: ast.expr) -> Iterator[str]:
    """Each text that an error is given, {} where a value stands."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (*literal(node.body), *literal(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)


def test_every_failure_of_a_proof_has_its_vietnamese() -> None:
    said = {
        text
        for tree in PROOFS
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BadProof"
        for text in literal(node.args[0])
    }
    assert len(said) > 15
    assert said - set(SENTENCES) == set()
    for vietnamese in (*SENTENCES.values(), *PARTS.values(), *HINTS.values()):
        assert unicodedata.is_normalized("NFC", vietnamese)
    for text, vietnamese in SENTENCES.items():
        assert text.count("{}") == vietnamese.count("{}")


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (BadSignature("receipt: no signature by key 0123456789abcdef…"),
         "biên nhận: không có chữ ký của khóa 0123456789abcdef…", "của máy chủ thu thập đã ra tệp này"),
        (BadSignature("report: sealed by key 01…, which is not in the file of the machine's keys"),
         "báo cáo: do khóa 01… niêm phong, khóa này không có trong tệp khóa của máy", "collector keys --agent ID"),
        (BadSignature("report: the signature by key 01… does not fit the payload"),
         "báo cáo: chữ ký của khóa 01… không khớp nội dung", "đã bị sửa"),
        (BadProof("leaf: there is no leaf 7 among 5"), "vị trí trong sổ: không có vị trí 7 trong 5 báo cáo",
         "Hãy xin lại"),
        (BadProof("the file's checkpoint is older than the kept one", hint="Ask for a newer proof."),
         "mốc trong tệp cũ hơn mốc đã giữ", "Hãy xin bằng chứng mới hơn"),
        (BadProof("odd {0} text: {x}"), "odd {0} text: {x}", "Hãy xin lại"),
    ],
)  # fmt: skip
def test_a_failure_is_said_with_what_it_is_about_and_what_to_do(
    error: ContractError, said: str, hint: str
) -> None:
    spoken, advice = unproved(error, "vi")
    assert spoken == said
    assert hint in advice
    assert unproved(error, "en")[0] == str(error)


def test_no_hint_about_an_enrolment_is_given_to_an_auditor() -> None:
    assert "enrolled" in BadSignature.hint
    for about in ("report", "receipt", "checkpoint", "kept checkpoint"):
        assert "enrolled" not in unproved(BadSignature(f"{about}: no signature by key 01…"), "en")[1]
