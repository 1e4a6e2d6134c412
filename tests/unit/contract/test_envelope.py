"""Sealing and verifying: beside another implementation and under mutation; published vectors are in `test_vectors`."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac_contract import limits
from vonggac_contract.decode import unpack_gzip
from vonggac_contract.envelope import (
    HEARTBEAT,
    KINDS,
    PROBLEM_MEDIA,
    REPORT,
    TAKEN_MEDIA,
    Envelope,
    Signature,
    envelope_from_bytes,
    envelope_to_bytes,
    keyid_of,
    pack,
    pre_authentication_encoding,
    seal,
    verify,
)
from vonggac_contract.errors import BadSignature, ContractError, Malformed, TooLarge, UnknownSchema

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


def test_another_implementation_verifies_what_was_sealed_here() -> None:
    from securesystemslib.dsse import Envelope as Theirs
    from securesystemslib.signer._key import SSlibKey

    envelope = seal(REPORT, b"payload \xff bytes", KEY)
    theirs = Theirs.from_dict(json.loads(envelope_to_bytes(envelope)))
    key = SSlibKey(keyid_of(PUBLIC), "ed25519", "ed25519", {"public": PUBLIC.hex()})
    assert list(theirs.verify([key], 1)) == [key.keyid]
    assert theirs.pae() == pre_authentication_encoding(REPORT, b"payload \xff bytes")


@given(st.binary(max_size=300), st.sampled_from(sorted(KINDS)))
def test_what_was_sealed_reads_back_and_verifies(payload: bytes, kind: str) -> None:
    envelope = seal(kind, payload, KEY)
    again = envelope_from_bytes(envelope_to_bytes(envelope))
    assert again == envelope
    assert again.digest == envelope.digest
    verify(again, PUBLIC)


@settings(max_examples=400)
@given(st.data())
@pytest.mark.hostile
def test_no_changed_byte_of_the_wire_form_verifies(data: st.DataObject) -> None:
    raw = bytearray(envelope_to_bytes(seal(REPORT, b"some payload", KEY)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = envelope_from_bytes(bytes(raw))
        verify(changed, PUBLIC)
    except ContractError:
        return
    # What still verifies is the same statement: white space and the like around it may differ, nothing in it.
    assert changed.payload == b"some payload"
    assert changed.payload_type == REPORT


@pytest.mark.hostile
@pytest.mark.parametrize("payload", [limits.MAX_JSON_STRING_BYTES, limits.MAX_WIRE_BYTES * 3 // 4 - 198])
@pytest.mark.parametrize("begin", [b"", b" "])
def test_a_payload_is_as_long_as_the_body_has_room_for(payload: int, begin: bytes) -> None:
    raw = begin + envelope_to_bytes(sealed := seal(REPORT, b"x" * payload, KEY))
    room = b" " * (limits.MAX_WIRE_BYTES - len(raw))
    assert len(raw) + 4 > limits.MAX_WIRE_BYTES or payload == limits.MAX_JSON_STRING_BYTES
    for padding in (b"", room[1:], room):
        assert envelope_from_bytes(raw + padding) == sealed
    with pytest.raises(TooLarge, match="bytes"):
        envelope_from_bytes(raw + room + b" ")


@pytest.mark.parametrize("raw", [b"a" * limits.MAX_UNPACKED_BYTES, bytes(range(97, 123)) * 40_000])
def test_what_was_packed_unpacks_within_the_ratio_however_often_it_repeats_itself(raw: bytes) -> None:
    packed = pack(raw)
    assert unpack_gzip(packed) == raw
    assert len(packed) < limits.MAX_JSON_STRING_BYTES


@pytest.mark.hostile
def test_a_signature_over_another_type_or_by_another_key_does_not_verify() -> None:
    sealed = seal(REPORT, b"x", KEY)
    confused = msgspec.structs.replace(sealed, payload_type="application/vnd.vonggac.receipt.v1+json")
    with pytest.raises(BadSignature, match="does not fit"):
        verify(confused, PUBLIC)
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(BadSignature, match="no signature by key"):
        verify(sealed, other)
    claimed = Envelope(sealed.payload, REPORT, (Signature(keyid_of(other), sealed.signatures[0].sig),))
    with pytest.raises(BadSignature, match="does not fit"):
        verify(claimed, other)


def _wire(**changes: Any) -> bytes:
    value = json.loads(envelope_to_bytes(seal(REPORT, b"x", KEY))) | changes
    return json.dumps({k: v for k, v in value.items() if v is not ...}).encode()


SIGNATURE = json.loads(envelope_to_bytes(seal(REPORT, b"x", KEY)))["signatures"][0]


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"[]", Malformed),
        (b"null", Malformed),
        (_wire(payload=...), Malformed),
        (_wire(payload=7), Malformed),
        (_wire(payload="eA"), Malformed),
        (_wire(payload="eB=="), Malformed),
        (_wire(payload="e A=="), Malformed),
        (_wire(extra=1), Malformed),
        (_wire(payloadType="application/json"), UnknownSchema),
        (_wire(payloadType="application/vnd.vonggac.report.v2+json.gz"), UnknownSchema),
        (_wire(signatures=[]), BadSignature),
        (_wire(signatures=None), Malformed),
        (_wire(signatures=[SIGNATURE] * (limits.MAX_SIGNATURES + 1)), TooLarge),
        (_wire(signatures=[SIGNATURE | {"keyid": "00"}]), Malformed),
        (_wire(signatures=[SIGNATURE | {"keyid": SIGNATURE["keyid"].upper()}]), Malformed),
        (_wire(signatures=[SIGNATURE | {"sig": base64.b64encode(b"short").decode()}]), Malformed),
        (_wire(signatures=[SIGNATURE | {"cert": "x"}]), Malformed),
    ],
)
def test_an_envelope_of_another_shape_is_refused_by_name(raw: bytes, error: type[ContractError]) -> None:
    with pytest.raises(error, match=r"."):
        envelope_from_bytes(raw)


def test_as_many_signatures_as_the_limit_are_taken() -> None:
    assert len(envelope_from_bytes(_wire(signatures=[SIGNATURE] * limits.MAX_SIGNATURES)).signatures) == 4


def test_the_page_of_the_wire_names_every_media_type() -> None:
    page = (Path(__file__).parents[3] / "docs/wire.md").read_text(encoding="utf-8")
    for media_type in KINDS | TAKEN_MEDIA | {PROBLEM_MEDIA}:
        assert f"`{media_type}`" in page


ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
PRIME = 2**255 - 19
WEAK = [
    (y | sign << 255).to_bytes(32, "little")
    for y in (
        0,
        1,
        PRIME - 1,
        PRIME,
        PRIME + 1,
        int.from_bytes(ORDER_8, "little"),
        PRIME - int.from_bytes(ORDER_8, "little"),
    )
    for sign in (0, 1)
]


@pytest.mark.hostile
@pytest.mark.parametrize("key", WEAK, ids=bytes.hex)
def test_no_signature_counts_under_a_key_that_anybody_can_sign_for(key: bytes) -> None:
    fits = 0
    for number in range(40):
        payload = b"%d" % number
        signed = pre_authentication_encoding(HEARTBEAT, payload)
        for point in WEAK:
            signature = point + bytes(32)
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
            except InvalidSignature:
                continue
            fits += 1
            with pytest.raises(BadSignature, match="anybody"):
                verify(Envelope(payload, HEARTBEAT, (Signature(keyid_of(key), signature),)), key)
    assert fits, "the library refuses this key by itself now: the project's own list may go"
