"""Boxes that only one key opens: HPKE as wire.md says it, held against a second reader made of its parts."""

from __future__ import annotations

import hashlib
import hmac
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vonggac_contract.box import (
    MAX_BOX_BYTES,
    MAX_BOX_CONTENT,
    OVERHEAD,
    PUBLIC_BYTES,
    BoxKey,
    close_box,
    keyid_of_box,
)
from vonggac_contract.errors import BadBox, ContractError, Malformed, TooLarge

GOLDEN = Path(__file__).parents[2] / "fixtures" / "wire" / "box.v1.hex"
SEED = b"k" * 32
KEY = BoxKey(SEED)
OTHER = BoxKey(b"o" * 32)
CONTENT = b"m\xc3\xa1y-ch\xe1\xbb\xa7: 3 l\xe1\xbb\x97 h\xe1\xbb\x95ng"


def opened_by_parts(box: bytes, seed: bytes) -> bytes:
    """A second reader: X-Wing's combiner (draft-connolly-cfrg-xwing-kem, section 5.3) and the key schedule of
    RFC 9180, section 5.1, base mode, for one message.
    """
    wide = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(wide[:64])
    x25519 = X25519PrivateKey.from_private_bytes(wide[64:])
    head, c_mlkem, c_x25519, sealed = box[:47], box[47:1135], box[1135:1167], box[1167:]
    own = x25519.public_key().public_bytes_raw()
    both = mlkem.decapsulate(c_mlkem) + x25519.exchange(X25519PublicKey.from_public_bytes(c_x25519))
    shared = hashlib.sha3_256(both + c_x25519 + own + b"\\.//^\\").digest()
    suite = b"HPKE" + struct.pack(">HHH", 0x647A, 0x0001, 0x0002)

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
        return hmac.digest(
            secret, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info + b"\1", "sha256"
        )[:length]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", head)
    secret = extract(shared, b"secret", b"")
    nonce = expand(secret, b"base_nonce", context, 12)
    return AESGCM(expand(secret, b"key", context, 32)).decrypt(nonce, sealed, b"")


def test_what_is_closed_for_a_key_it_opens_and_a_reader_made_of_the_parts_opens_it_too() -> None:
    box = close_box(CONTENT, KEY.public)
    assert KEY.open(box) == CONTENT
    assert opened_by_parts(box, SEED) == CONTENT
    assert len(box) == len(CONTENT) + OVERHEAD
    assert box.startswith(b"vonggac-box-v1\n" + hashlib.sha256(KEY.public).digest())


def test_two_boxes_of_one_content_have_nothing_in_common_behind_the_head() -> None:
    one, two = close_box(CONTENT, KEY.public), close_box(CONTENT, KEY.public)
    assert one[:47] == two[:47]
    assert sum(a == b for a, b in zip(one[47:], two[47:], strict=True)) < 40


def test_the_golden_box_opens() -> None:
    box = bytes.fromhex(GOLDEN.read_text())
    assert KEY.open(box) == opened_by_parts(box, SEED) == CONTENT


@pytest.mark.hostile
def test_no_changed_byte_of_a_box_opens() -> None:
    box = close_box(CONTENT, KEY.public)
    for at in (*range(47), *range(47, len(box), 23), len(box) - 1):
        changed = box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :]
        with pytest.raises((BadBox, Malformed), match=r"."):
            KEY.open(changed)


@pytest.mark.hostile
def test_a_box_cut_short_longer_or_for_another_key_does_not_open() -> None:
    box = close_box(CONTENT, KEY.public)
    for other in (b"", box[:46], box[: OVERHEAD - 1], box[:OVERHEAD], box[:-1], box + b"\0"):
        with pytest.raises(ContractError, match=r"no sealed box|changed"):
            KEY.open(other)
    with pytest.raises(BadBox, match=f"is for key {KEY.keyid[:16]}"):
        OTHER.open(box)
    with pytest.raises(BadBox, match="changed"):
        OTHER.open(box[:15] + bytes.fromhex(OTHER.keyid) + box[47:])


@pytest.mark.hostile
def test_sizes_are_bounded_before_anything_is_opened() -> None:
    assert len(close_box(b"x" * MAX_BOX_CONTENT, KEY.public)) == MAX_BOX_BYTES
    with pytest.raises(TooLarge, match="at most"):
        close_box(b"x" * (MAX_BOX_CONTENT + 1), KEY.public)
    with pytest.raises(TooLarge, match="at most"):
        keyid_of_box(b"vonggac-box-v1\n" + b"x" * MAX_BOX_BYTES)


@pytest.mark.hostile
def test_what_is_no_key_closes_nothing() -> None:
    for public in (b"", KEY.public[:-1], KEY.public + b"\0", b"\xff" * PUBLIC_BYTES):
        with pytest.raises(Malformed, match="public key for boxes"):
            close_box(CONTENT, public)
    with pytest.raises(Malformed, match="32 bytes"):
        BoxKey(b"short")


if __name__ == "__main__":
    if GOLDEN.exists():
        raise SystemExit(f"{GOLDEN} is of a released version and is not written again")
    GOLDEN.write_text(close_box(CONTENT, KEY.public).hex() + "\n")
