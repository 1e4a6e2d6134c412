"""No envelope says how it is to be verified, so nobody can ask for less: one algorithm, one encoding, one form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vonggac_contract.enrolment import open_request
from vonggac_contract.envelope import (
    ENROLMENT,
    REPORT,
    envelope_from_bytes,
    envelope_to_bytes,
    keyid_of,
    pre_authentication_encoding,
    seal,
    verify,
)
from vonggac_contract.errors import BadSignature, ContractError, Malformed, UnknownSchema
from vonggac_contract.proof import public_keys_from_pem

pytestmark = pytest.mark.hostile
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
PAYLOAD = b"payload"
SIGNED = pre_authentication_encoding(REPORT, PAYLOAD)
CURVE = ec.derive_private_key(7, ec.SECP256R1())


def wire(signature: dict[str, Any], **more: Any) -> bytes:
    given = json.loads(envelope_to_bytes(seal(REPORT, PAYLOAD, KEY)))
    return json.dumps(given | {"signatures": [given["signatures"][0] | signature]} | more).encode()


def refused(raw: bytes) -> type[ContractError]:
    """What reading and verifying it as the collector does raises."""
    with pytest.raises(ContractError) as caught:
        verify(envelope_from_bytes(raw), PUBLIC)
    return caught.type


NAMES = [
    *("alg", "algorithm", "keytype", "scheme", "hash", "typ", "jwk", "jku", "x5c", "x5u", "kid", "cert"),
    *("crit", "b64", "header", "protected", "unprotected", "version", "public_key"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["none", "HS256", "ed25519", None, base64.b64encode(PUBLIC).decode()])
def test_an_envelope_that_says_how_to_verify_it_is_none(name: str, value: str | None) -> None:
    assert refused(wire({name: value})) is Malformed
    assert refused(wire({}, **{name: value})) is Malformed


def _curve(signed: bytes) -> bytes:
    r, s = decode_dss_signature(CURVE.sign(signed, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda s: b"",
    "zeros": lambda s: bytes(64),
    "a digest": lambda s: hashlib.sha512(s).digest(),
    "HMAC with the public key as its secret": lambda s: hmac.digest(PUBLIC, s, "sha512"),
    "HMAC with the key id as its secret": lambda s: hmac.digest(keyid_of(PUBLIC).encode(), s, "sha512"),
    "ECDSA on P-256, as long as ours": _curve,
    "ECDSA as DER": lambda s: CURVE.sign(s, ec.ECDSA(SHA256())),
    "Ed448": lambda s: ed448.Ed448PrivateKey.generate().sign(s),
    "RSA": lambda s: rsa.generate_private_key(65537, 2048).sign(s, PKCS1v15(), SHA256()),
    "Ed25519 over a digest, as Ed25519ph does": lambda s: KEY.sign(hashlib.sha512(s).digest()),
    "Ed25519 over the payload without DSSE": lambda s: KEY.sign(PAYLOAD),
    "Ed25519 over the base64, as JOSE does": lambda s: KEY.sign(base64.b64encode(PAYLOAD)),
    "Ed25519 over another version of DSSE": lambda s: KEY.sign(s.replace(b"DSSEv1", b"DSSEv0")),
    "Ed25519 without lengths": lambda s: KEY.sign(b"DSSEv1 " + REPORT.encode() + b" " + PAYLOAD),
    "Ed25519 with more behind it": lambda s: KEY.sign(s) + b"\0",
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_signature_of_any_other_kind_under_an_enrolled_keys_id_is_refused(name: str) -> None:
    given = base64.b64encode(OTHERS[name](SIGNED)).decode()
    assert refused(wire({"sig": given})) in (Malformed, BadSignature)


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.vonggac.report.v0+json.gz", "application/vnd.vonggac.report.v1+json",
        "application/vnd.vonggac.report.v1+json.zst", "application/json", "application/vnd.in-toto+json", "",
        REPORT + ";v=0", REPORT.upper(), " " + REPORT,
    ],
)  # fmt: skip
def test_an_older_or_other_form_that_the_machine_signed_itself_is_not_known(kind: str) -> None:
    sealed = envelope_to_bytes(seal(kind, PAYLOAD, KEY))
    with pytest.raises(UnknownSchema):
        envelope_from_bytes(sealed)


@pytest.mark.parametrize("size", [0, 31, 33, 57, 65, 294])
def test_a_key_of_another_size_is_not_enrolled(size: int) -> None:
    request = {
        "schema": 1, "token": "t" * 32, "public_key": base64.b64encode(bytes(size)).decode(), "hostname": "h",
        "machine_id": "", "platform": "linux", "agent_version": "0", "requested_at": "2026-11-23T08:15:00Z",
    }  # fmt: skip
    with pytest.raises(Malformed, match="32 bytes"):
        open_request(seal(ENROLMENT, json.dumps(request).encode(), KEY))


@pytest.mark.parametrize("key", [CURVE, ed448.Ed448PrivateKey.generate()], ids=["P-256", "Ed448"])
def test_a_key_of_another_kind_is_no_key_to_verify_a_proof_with(key: Any) -> None:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Malformed, match="no Ed25519 key"):
        public_keys_from_pem(pem)
