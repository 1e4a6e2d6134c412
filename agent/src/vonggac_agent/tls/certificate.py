"""Reads X.509 certificates into the declared fact, and decides whether one names a machine. Pure.

Sources: RFC 5280; RFC 4514 (names as text); RFC 9525 section 6 (which names match; the common name never does).
"""

from __future__ import annotations

import hashlib
import ipaddress
import warnings
from collections.abc import Iterable
from typing import Any, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from vonggac_contract.facts.network import Certificate

from ..untrusted import as_text, bounded

MAX_NAMES = 1000
KeyType = Literal["rsa", "ec", "ed25519", "ed448", "dsa", "other"]


def read(der: bytes) -> Certificate:
    """The certificate in `der`. Raises ValueError if it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of certificates that break a rule and are read all the same
        try:
            certificate = x509.load_der_x509_certificate(der)
            key_type, key_bits = _key(certificate)
            return Certificate(
                subject=bounded(as_text(certificate.subject.rfc4514_string())),
                issuer=bounded(as_text(certificate.issuer.rfc4514_string())),
                names=_names(certificate),
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                key_type=key_type,
                key_bits=key_bits,
                signature=_signature(certificate),
                self_signed=_signs_itself(certificate),
                sha256=hashlib.sha256(der).hexdigest(),
            )
        except (UnsupportedAlgorithm, TypeError, OverflowError, x509.InvalidVersion) as error:
            raise ValueError(f"a certificate that cannot be read: {error}") from error


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    except x509.DuplicateExtension as error:
        raise ValueError("an extension stands twice in a certificate") from error
    found = [str(name.value) for name in extension.value if isinstance(name, x509.DNSName | x509.IPAddress)]
    return [bounded(as_text(name)) for name in found[:MAX_NAMES]]


def _key(certificate: x509.Certificate) -> tuple[KeyType, int]:
    try:
        key: Any = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "other", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.curve.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", 256  # RFC 8032 section 5.1
    if isinstance(key, ed448.Ed448PublicKey):
        return "ed448", 456  # RFC 8032 section 5.2
    return ("dsa", key.key_size) if isinstance(key, dsa.DSAPublicKey) else ("other", 0)


def _signature(certificate: x509.Certificate) -> str:
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    if digest is not None:
        return digest.name
    oid = certificate.signature_algorithm_oid
    known = {x509.SignatureAlgorithmOID.ED25519: "ed25519", x509.SignatureAlgorithmOID.ED448: "ed448"}
    return known.get(oid, oid.dotted_string)


def _signs_itself(certificate: x509.Certificate) -> bool:
    """A signature that this library cannot check (MD5, old curves) counts by the names alone."""
    if certificate.issuer != certificate.subject:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError):
        return False
    except (UnsupportedAlgorithm, TypeError):
        return True
    return True


def matches(names: Iterable[str], hosts: Iterable[str]) -> bool:
    """One of the certificate's `names` names one of `hosts` (host names and addresses)."""
    presented = list(names)
    return any(_matches(name, host) for host in hosts for name in presented)


def _matches(name: str, host: str) -> bool:
    """RFC 9525 section 6.3: labels compare without case; `*` stands for the whole first label and nothing else."""
    address = _address(host)
    if address is not None or _address(name) is not None:
        return address == _address(name)
    presented = name.lower().removesuffix(".").split(".")
    wanted = host.lower().removesuffix(".").split(".")
    if not all(wanted) or len(presented) != len(wanted):
        return False
    if presented[0] == "*":
        return len(presented) > 2 and presented[1:] == wanted[1:]
    return presented == wanted


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
