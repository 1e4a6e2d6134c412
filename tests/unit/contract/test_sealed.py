"""A request in a box and its signed answer: for that very request, of that very body, or nothing."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.errors import BadSignature, ContractError, Malformed, TooLarge
from vonggac_contract.sealed import (
    Asked,
    answer_from_bytes,
    answer_to_bytes,
    request_from_content,
    request_to_content,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
BOX = b"vonggac-box-v1\n and so on"


@pytest.mark.parametrize("body", [b"", b"{}", b"a\nb\n", b"\x00" * 99])
def test_what_is_asked_and_answered_comes_out_as_it_went_in(body: bytes) -> None:
    asked = Asked("POST", "/agent/v1/envelopes")
    assert request_from_content(request_to_content(asked, body)) == (asked, body)
    raw = answer_to_bytes(BOX, 503, body, KEY, retry_after=7)
    said, answer = answer_from_bytes(raw, BOX, PUBLIC)
    assert (said.status, said.retry_after, answer) == (503, 7, body)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/tokens", "/login", "/metrics", "agent/v1/enrol", "/agent/v1/", "/agent/v1/../../api/v1/users",
        "/agent/v1/policy/../../login", "/agent/v1/enrol?x=1", "/agent/v1/enrol\n", "/agent/v1/rulebooks/%2e",
        "/agent/v1/a/b/c/d", "//agent/v1/enrol",
    ],
)  # fmt: skip
def test_nothing_is_asked_but_what_is_there_for_machines(path: str) -> None:
    line = b'{"method":"GET","path":"' + path.encode("unicode_escape") + b'"}\n'
    with pytest.raises(Malformed, match=r"."):
        request_from_content(line)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "line", [b"", b"{}", b'{"method":"PUT","path":"/agent/v1/enrol"}\n', b"[" * 9_999 + b"\n"]
)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises((Malformed, TooLarge), match=r"."):
        request_from_content(line)


@pytest.mark.hostile
def test_no_changed_byte_of_an_answer_is_believed() -> None:
    raw = answer_to_bytes(BOX, 200, b"the receipt", KEY)
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(ContractError, match=r"."):
            answer_from_bytes(changed, BOX, PUBLIC)
    for other in (raw[:-1], raw + b"x", raw.partition(b"\n")[0], b"", b"x" * 9_999 + raw):
        with pytest.raises(ContractError, match=r"."):
            answer_from_bytes(other, BOX, PUBLIC)


@pytest.mark.hostile
def test_an_answer_to_another_request_or_by_another_key_is_none() -> None:
    with pytest.raises(Malformed, match="another request"):
        answer_from_bytes(answer_to_bytes(b"another box", 200, b"", KEY), BOX, PUBLIC)
    thief = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    with pytest.raises(BadSignature, match="no signature by key"):
        answer_from_bytes(answer_to_bytes(BOX, 200, b"", thief), BOX, PUBLIC)
