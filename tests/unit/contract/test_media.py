"""What is carried on media: names that only we make, manifests, and the notice of the key for boxes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from vonggac_contract.box import MAX_BOX_BYTES, MAX_BOX_CONTENT, OVERHEAD, BoxKey
from vonggac_contract.envelope import EXPORT, REPORT, seal
from vonggac_contract.errors import BadSignature, ContractError, Malformed, UnknownSchema
from vonggac_contract.media import (
    MAX_PARTS,
    BoxKeyNotice,
    Export,
    Part,
    box_key_name,
    exports_among,
    manifest_name,
    open_box_key,
    open_export,
    packed,
    part_name,
    receipts_name,
    rulebook_name,
    seal_box_key,
    seal_export,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
AGENT = "0b8a6a2e-6a52-4c8e-9c1e-0d2f5a7b9c11"
NAME = "0123456789abcdef-fedcba9876543210"
MANIFEST = Export(1, AGENT, 1, NAME, NOW, 4, (Part(OVERHEAD + 7, "d" * 64),))
NOTICE = BoxKeyNotice(1, NOW, BoxKey(b"k" * 32).public)


def test_a_manifest_and_a_notice_open_with_the_key_that_sealed_them() -> None:
    assert open_export(seal_export(MANIFEST, KEY), PUBLIC) == MANIFEST
    assert open_box_key(seal_box_key(NOTICE, KEY), PUBLIC) == NOTICE
    assert NOTICE.keyid == BoxKey(b"k" * 32).keyid


@pytest.mark.hostile
def test_a_manifest_or_notice_by_another_key_or_of_another_kind_is_not_read() -> None:
    with pytest.raises(BadSignature, match="no signature by key"):
        open_export(seal_export(MANIFEST, OTHER), PUBLIC)
    with pytest.raises(BadSignature, match="no signature by key"):
        open_box_key(seal_box_key(NOTICE, OTHER), PUBLIC)
    with pytest.raises(Malformed, match="no manifest"):
        open_export(seal(REPORT, msgspec.json.encode(MANIFEST), KEY), PUBLIC)
    with pytest.raises(Malformed, match="no key for boxes"):
        open_box_key(seal_export(MANIFEST, KEY), PUBLIC)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "change",
    [
        {"agent_id": "../" * 12},
        {"epoch": 0},
        {"name": "../../etc/passwd"},
        {"name": NAME + "\n"},
        {"first": -1},
        {"parts": [{"size": OVERHEAD - 1, "digest": "d" * 64}]},
        {"parts": [{"size": MAX_BOX_BYTES + 1, "digest": "d" * 64}]},
        {"parts": [{"size": OVERHEAD, "digest": "D" * 64}]},
        {"parts": [{"size": OVERHEAD, "digest": "d" * 64, "name": "/etc/passwd"}]},
        {"parts": [{"size": OVERHEAD, "digest": "d" * 64}] * (MAX_PARTS + 1)},
        {"schema": 2},
    ],
)
def test_a_manifest_that_says_what_none_says_is_refused(change: dict[str, Any]) -> None:
    value = msgspec.to_builtins(MANIFEST) | change
    with pytest.raises(ContractError, match=r"."):
        open_export(seal(EXPORT, msgspec.json.encode(value), KEY), PUBLIC)


@pytest.mark.hostile
def test_a_notice_of_no_key_or_of_a_later_schema_is_refused() -> None:
    for notice in (
        msgspec.structs.replace(NOTICE, public_key=b"short"),
        msgspec.structs.replace(NOTICE, made_at=NOW.replace(tzinfo=None)),
    ):
        with pytest.raises(Malformed, match="1,216 bytes"):
            open_box_key(seal_box_key(notice, KEY), PUBLIC)
    with pytest.raises(UnknownSchema, match="schema 2"):
        open_box_key(seal_box_key(msgspec.structs.replace(NOTICE, schema=2), KEY), PUBLIC)


def test_exports_are_told_by_the_names_of_their_files_alone() -> None:
    names = [manifest_name(NAME), part_name(NAME, 1), part_name(NAME, 1000)]
    assert exports_among(names) == {NAME: (True, 2)}
    assert exports_among(names[1:]) == {NAME: (False, 2)}
    others = (receipts_name(AGENT), rulebook_name("d" * 64), box_key_name("e" * 64), names[1] + ".new")
    assert exports_among([*others, names[0].upper(), f"../{names[0]}", names[0] + "\n"]) == {}
    assert all(len(name) < 100 and set(name) <= set("vonggacmanifestreceiptsrulebookboxkey-.0123456789abcdef")
               for name in (*names, *others[:3]))  # fmt: skip


@given(st.lists(st.integers(1, 3 * MAX_BOX_CONTENT // 8), max_size=12))
def test_parts_hold_every_envelope_once_in_order_and_fit_into_a_box(sizes: list[int]) -> None:
    envelopes = [bytes([n + 65]) * size for n, size in enumerate(sizes)]
    parts = list(packed(envelopes))
    assert [line for part in parts for line in part.split(b"\n")] == envelopes
    assert all(0 < len(part) <= MAX_BOX_CONTENT for part in parts)
    assert len(parts) <= 2 * sum(sizes) / MAX_BOX_CONTENT + 1


def test_the_largest_envelope_fits_alone() -> None:
    assert [len(p) for p in packed([b"x", b"y" * MAX_BOX_CONTENT, b"z"])] == [1, MAX_BOX_CONTENT, 1]
