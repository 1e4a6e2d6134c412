"""A sealed box: bytes that only the collector can read, whoever carries them.

HPKE in its base mode (RFC 9180) by `cryptography`: KEM MLKEM768-X25519 (0x647a, draft-connolly-cfrg-xwing-kem), KDF
HKDF-SHA256 (0x0001), AEAD AES-256-GCM (0x0002); nothing else, there is no field to choose one. A box says who may open
it and nothing of who closed it: what is inside proves that by a signature of its own (`envelope`).

    "vonggac-box-v1\n"   15 bytes
    key id               32 bytes, SHA-256 of the public key; with the line before the `info` of HPKE
    encapsulated key   1120 bytes
    ciphertext           as long as the content, and 16 bytes
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from .errors import BadBox, Malformed, TooLarge
from .limits import MAX_WIRE_BYTES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, Suite

_LINE: Final = b"vonggac-box-v1\n"
_KEYID_BYTES: Final = 32
_HEAD: Final = len(_LINE) + _KEYID_BYTES
SEED_BYTES: Final = 32
_MLKEM_SEED_BYTES: Final = 64
_MLKEM_BYTES: Final = 1184
PUBLIC_BYTES: Final = _MLKEM_BYTES + 32
OVERHEAD: Final = _HEAD + 1120 + 16
MAX_BOX_CONTENT: Final = MAX_WIRE_BYTES
MAX_BOX_BYTES: Final = MAX_BOX_CONTENT + OVERHEAD


class BoxKey:
    """The collector's key pair for boxes, from the 32 bytes that a private key of the KEM is (its draft, section 5.2).

    `public`: 1,216 bytes, ML-KEM-768's before X25519's; `keyid`: their SHA-256 in hexadecimal.
    """

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

        if len(seed) != SEED_BYTES:
            raise Malformed(f"a key for boxes is made from {SEED_BYTES} bytes, not from {len(seed)}")
        wide = hashlib.shake_256(seed).digest(_MLKEM_SEED_BYTES + 32)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(wide[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(wide[_MLKEM_SEED_BYTES:])
        self._private: MLKEM768X25519PrivateKey = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self.keyid = box_keyid_of(self.public)

    def open(self, box: bytes) -> bytes:
        """What is in the box. Raises TooLarge, Malformed, BadBox (of another key, or changed)."""
        from cryptography.exceptions import InvalidTag

        if keyid_of_box(box) != self.keyid:
            raise BadBox(f"the box is for key {keyid_of_box(box)[:16]}…, this is {self.keyid[:16]}…")
        try:
            return _suite().decrypt(box[_HEAD:], self._private, box[:_HEAD])
        except (InvalidTag, ValueError) as e:
            raise BadBox("the box was changed after it was closed") from e


def close_box(content: bytes, public: bytes) -> bytes:
    """A box that the owner of `public` opens; two boxes of the same content differ. Raises TooLarge, Malformed."""
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
    from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

    if len(content) > MAX_BOX_CONTENT:
        raise TooLarge(f"{len(content)} bytes; a box holds at most {MAX_BOX_CONTENT}")
    if len(public) != PUBLIC_BYTES:
        raise Malformed(f"a public key for boxes has {PUBLIC_BYTES} bytes; this one {len(public)}")
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_BYTES:]),
        )
    except ValueError as e:
        raise Malformed(f"no public key for boxes: {e}") from e
    head = _LINE + bytes.fromhex(box_keyid_of(public))
    return head + _suite().encrypt(content, key, head)


def keyid_of_box(box: bytes) -> str:
    """Which key a box says that it was closed for. Raises TooLarge, Malformed."""
    if len(box) > MAX_BOX_BYTES:
        raise TooLarge(f"{len(box)} bytes; a box has at most {MAX_BOX_BYTES}")
    if len(box) < OVERHEAD or not box.startswith(_LINE):
        raise Malformed("no sealed box: cut short, or of another kind")
    return box[len(_LINE) : _HEAD].hex()


def box_keyid_of(public: bytes) -> str:
    """The key id of a public key for boxes."""
    return hashlib.sha256(public).hexdigest()


def _suite() -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
