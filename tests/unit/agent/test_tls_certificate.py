"""Certificates are read as they are, weak and broken ones too, and match a name by RFC 9525."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from vonggac_agent.tls import certificate

BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def made(
    key: Key, *, subject: str = "a", issuer: str = "a", signer: Key | None = None, names: bool = True
) -> bytes:
    builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), 7, BEGIN, END)
    if names:
        alternative = [x509.DNSName("www.example.vn"), x509.IPAddress(ip_address("10.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    by = signer or key
    digest = None if isinstance(by, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(by, digest).public_bytes(serialization.Encoding.DER)


RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
EC = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    ("key", "kind", "bits", "signature"),
    [(RSA, "rsa", 1024, "sha256"), (EC, "ec", 384, "sha256"), (ED, "ed25519", 256, "ed25519")],
)
def test_key_signature_names_and_dates_are_told(key: Key, kind: str, bits: int, signature: str) -> None:
    told = certificate.read(made(key))
    assert (told.key_type, told.key_bits, told.signature) == (kind, bits, signature)
    assert (told.subject, told.issuer, told.self_signed) == ("CN=a", "CN=a", True)
    assert told.names == ["www.example.vn", "10.0.0.1"]
    assert (told.not_before, told.not_after) == (BEGIN, END)
    assert len(told.sha256) == 64


def test_equal_names_with_another_signer_are_no_self_signature() -> None:
    assert not certificate.read(made(EC, signer=ec.generate_private_key(ec.SECP384R1()))).self_signed
    assert not certificate.read(made(EC, issuer="b")).self_signed


def test_a_certificate_without_names_has_none_even_if_its_subject_has() -> None:
    told = certificate.read(made(EC, subject="www.example.vn", issuer="www.example.vn", names=False))
    assert told.names == []
    assert not certificate.matches(told.names, ["www.example.vn"])


def test_hostile_subjects_stay_as_they_are_but_bounded() -> None:
    told = certificate.read(made(EC, subject="\u202e<script>\x1b[31m", issuer="x" * 64))
    assert "\u202e<script>\x1b[31m" in told.subject.replace("\\", "")


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_broken_bytes_are_refused_by_value_error_alone(raw: bytes, place: int, value: int) -> None:
    good = bytearray(DER)
    good[place % len(good)] = value
    for der in (raw, bytes(good), bytes(good[: place % len(good)])):
        try:
            certificate.read(der)
        except ValueError:
            continue


DER = made(EC)


@pytest.mark.parametrize(
    ("presented", "wanted", "match"),
    [
        ("a.example.vn", "a.example.vn", True),
        ("A.Example.VN", "a.example.vn.", True),
        ("*.example.vn", "a.example.vn", True),
        ("*.example.vn", "b.a.example.vn", False),
        ("*.example.vn", "example.vn", False),
        ("a*.example.vn", "ab.example.vn", False),
        ("*.*.vn", "a.example.vn", False),
        ("*.vn", "example.vn", False),
        ("*", "a", False),
        ("a", "a", True),
        ("a.example.vn", "b.example.vn", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::1", "0:0::1", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("*.0.0.1", "10.0.0.1", False),
        ("", "", False),
    ],
)
def test_a_name_matches_as_rfc_9525_says(presented: str, wanted: str, match: bool) -> None:
    assert certificate.matches([presented], [wanted]) is match
