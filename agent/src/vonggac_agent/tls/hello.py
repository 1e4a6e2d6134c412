"""ClientHellos made by hand and the first answer read, for versions that TLS libraries no longer speak. Pure.

`answer` reads from the start of what a server sent, never beyond `MAX_ANSWER` bytes. Sockets are the work of `ask`.

Sources: RFC 6101 (SSL 3.0), RFC 2246 (TLS 1.0), RFC 4346 (1.1), RFC 5246 (1.2), RFC 8446 (1.3) section 4, RFC 8422
(elliptic curves).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from .suites import EMPTY_RENEGOTIATION_INFO, SUITES

Version = Literal["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
VERSIONS: Final[dict[Version, int]] = {
    "SSLv3": 0x0300,
    "TLSv1": 0x0301,
    "TLSv1.1": 0x0302,
    "TLSv1.2": 0x0303,
    "TLSv1.3": 0x0304,
}
"""Oldest first. TLSv1.3 is never asked by hand: its ServerHello hides its version (RFC 8446 section 4.1.3)."""
MAX_ANSWER: Final = 160 * 1024
"""Bytes of an answer that are read; certificate chains in use are below 20 KiB."""
MAX_MESSAGE: Final = 128 * 1024
"""Bytes of one handshake message; its length field could say 16 MiB."""
_MAX_RECORD: Final = 2**14 + 2048
"""RFC 5246 section 6.2.3: the longest protected record."""
_HANDSHAKE: Final = 22
_ALERT: Final = 21
_CLIENT_HELLO: Final = 1
_SERVER_HELLO: Final = 2
_CERTIFICATE: Final = 11
_SERVER_HELLO_DONE: Final = 14
_GROUPS: Final = (29, 23, 24, 25, 30, 256, 257)
"""x25519, secp256r1, secp384r1, secp521r1, x448, ffdhe2048, ffdhe3072."""
_SIGNATURES: Final = (
    *(0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B),
    *(0x0401, 0x0501, 0x0601, 0x0402, 0x0301, 0x0303, 0x0201, 0x0203, 0x0202, 0x0101),
)
"""ECDSA, EdDSA, RSA-PSS, RSA PKCS #1, DSA; down to SHA-1 and MD5, because weak servers are asked too."""


class NotTls(ValueError):
    """What came is no TLS record."""


class Answer(NamedTuple):
    """What a server said to a hello. `alert` is its number if it refused; `certificates` are DER, its own first."""

    version: Version | None
    suite: int | None
    alert: int | None
    certificates: tuple[bytes, ...]


def client_hello(version: Version, random: bytes) -> bytes:
    """One record with a ClientHello for `version` at most. `random` is 32 bytes. Raises ValueError for another length
    and for TLSv1.3."""
    if len(random) != 32 or version == "TLSv1.3":
        raise ValueError("a hello takes 32 random bytes and a version below TLSv1.3")
    number = VERSIONS[version]
    suites = [*SUITES, EMPTY_RENEGOTIATION_INFO]
    body = struct.pack(">H", number) + random + b"\0"
    body += _vector(b"".join(suite.to_bytes(2, "big") for suite in suites), 2) + b"\1\0"
    if version != "SSLv3":
        body += _vector(_extensions(version), 2)
    message = bytes([_CLIENT_HELLO]) + _vector(body, 3)
    # RFC 5246 appendix E.1: the record of a first hello says 3.1 at most, for servers that look no further
    record_version = min(number, VERSIONS["TLSv1"])
    return struct.pack(">BH", _HANDSHAKE, record_version) + _vector(message, 2)


def _vector(data: bytes, length_bytes: int) -> bytes:
    return len(data).to_bytes(length_bytes, "big") + data


def _extensions(version: Version) -> bytes:
    groups = _vector(b"".join(group.to_bytes(2, "big") for group in _GROUPS), 2)
    found = _extension(10, groups) + _extension(
        11, b"\1\0"
    )  # RFC 8422 sections 5.1.1, 5.1.2: uncompressed points
    if version == "TLSv1.2":
        found += _extension(13, _vector(b"".join(s.to_bytes(2, "big") for s in _SIGNATURES), 2))
    return found


def _extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + _vector(data, 2)


def answer(received: bytes) -> Answer | None:
    """What `received` says; None if more must come first.

    Complete after an alert, the certificates, or the end of the server's hello. Raises NotTls for bytes that are no
    TLS; ValueError for TLS that breaks its own form or the bounds.
    """
    if len(received) > MAX_ANSWER:
        raise ValueError(f"an answer of over {MAX_ANSWER} bytes")
    handshake = bytearray()
    for kind, body in _records(received):
        if kind == _ALERT:
            version, suite, certificates, _ = _messages(bytes(handshake))
            if len(body) < 2:
                raise ValueError("an alert of fewer than two bytes")
            if body[0] == 1 and body[1] != 0:  # RFC 5246 section 7.2: a warning, the handshake goes on
                continue
            return Answer(version, suite, body[1], certificates)
        handshake += body
    version, suite, certificates, done = _messages(bytes(handshake))
    return Answer(version, suite, None, certificates) if done else None


def hello_seen(received: bytes) -> Answer | None:
    """The version and suite of a ServerHello that has come whole, whatever follows it; None if it has not.

    Raises as `answer` does.
    """
    handshake = b"".join(body for kind, body in _records(received[:MAX_ANSWER]) if kind == _HANDSHAKE)
    for kind, body in _whole_messages(handshake):
        if kind == _SERVER_HELLO:
            version, suite = _server_hello(body)
            return Answer(version, suite, None, ())
    return None


def _records(received: bytes) -> Iterator[tuple[int, bytes]]:
    """Whole records of the plain part of a handshake; stops at what is cut short or belongs to no handshake."""
    place = 0
    while place < len(received):
        head = received[place : place + 5]
        _check_head(head)
        if len(head) < 5:
            return
        kind, length = head[0], int.from_bytes(head[3:5], "big")
        body = received[place + 5 : place + 5 + length]
        if len(body) < length:
            return
        yield kind, body
        place += 5 + length


def _check_head(head: bytes) -> None:
    if head[0] not in (_HANDSHAKE, _ALERT) or (len(head) > 1 and head[1] != 3):
        raise NotTls("the first bytes are no TLS record")
    if len(head) == 5:
        length = int.from_bytes(head[3:5], "big")
        if not 0 < length <= _MAX_RECORD or (head[0] == _ALERT and length < 2):
            raise NotTls(f"a record of {length} bytes")


def _whole_messages(handshake: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(handshake):
        length = int.from_bytes(handshake[place + 1 : place + 4], "big")
        if length > MAX_MESSAGE:
            raise ValueError(f"a handshake message of {length} bytes")
        body = handshake[place + 4 : place + 4 + length]
        if len(body) < length:
            return
        yield handshake[place], body
        place += 4 + length


def _messages(handshake: bytes) -> tuple[Version | None, int | None, tuple[bytes, ...], bool]:
    """Version, suite and certificates of what has come, and whether nothing more is wanted."""
    if handshake and handshake[0] != _SERVER_HELLO:
        raise NotTls("a handshake that does not begin with a ServerHello")
    version: Version | None = None
    suite: int | None = None
    for kind, body in _whole_messages(handshake):
        if kind == _SERVER_HELLO:
            version, suite = _server_hello(body)
        elif kind == _CERTIFICATE:
            return version, suite, _certificates(body), True
        elif kind == _SERVER_HELLO_DONE:
            return version, suite, (), True
    return version, suite, (), False


def _server_hello(body: bytes) -> tuple[Version, int]:
    """RFC 5246 section 7.4.1.3: version, 32 random bytes, session id, suite."""
    if len(body) < 35:
        raise ValueError("a ServerHello that is cut short")
    number = int.from_bytes(body[:2], "big")
    version = next((name for name, known in VERSIONS.items() if known == number), None)
    after = 35 + body[34]
    if version is None or len(body) < after + 2:
        raise ValueError("a ServerHello without a known version and a suite")
    return version, int.from_bytes(body[after : after + 2], "big")


def _certificates(body: bytes) -> tuple[bytes, ...]:
    """RFC 5246 section 7.4.2: a list of certificates, each with a length of three bytes."""
    if int.from_bytes(body[:3], "big") != len(body) - 3:
        raise ValueError("a list of certificates with a wrong length")
    found: list[bytes] = []
    place = 3
    while place < len(body):
        length = int.from_bytes(body[place : place + 3], "big")
        certificate = body[place + 3 : place + 3 + length]
        if not certificate or len(certificate) < length:
            raise ValueError("a certificate that is empty or cut short")
        found.append(certificate)
        place += 3 + length
    return tuple(found)
