"""Reads OpenSSH public keys: their kind and length, and the options before them in authorized_keys. Pure.

The key's own bytes are looked at and go no further. Formats: sshd(8) "AUTHORIZED_KEYS FILE FORMAT", RFC 4253 section
6.6, RFC 5656 section 3.1, RFC 8709 section 4; PROTOCOL.certkeys and PROTOCOL.u2f of OpenSSH.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from ...formats import words

MAX_LINE: Final = 32 * 1024
"""Characters of one line that are looked at; an RSA key of 16,384 bits takes 2,800."""
_NAMES: Final = {
    "ssh-rsa": "rsa",
    "ssh-dss": "dsa",
    "ssh-ed25519": "ed25519",
    "ssh-ed448": "ed448",
    "ecdsa-sha2-nistp256": "ecdsa",
    "ecdsa-sha2-nistp384": "ecdsa",
    "ecdsa-sha2-nistp521": "ecdsa",
    "sk-ssh-ed25519@openssh.com": "sk-ed25519",
    "sk-ecdsa-sha2-nistp256@openssh.com": "sk-ecdsa",
}
_FIXED: Final = {"ed25519": 256, "sk-ed25519": 256, "sk-ecdsa": 256, "ed448": 456}
_CERTIFICATE: Final = "-cert-v01@openssh.com"
_KEY: Final = re.compile(r"([a-z0-9][a-z0-9@.-]{2,60})[ \t]+([A-Za-z0-9+/]{16,21848}={0,2})(?=[ \t]|$)")
_OPTION: Final = re.compile(r'([A-Za-z0-9-]{1,64})(?:="((?:[^"\\]|\\.)*)"?)?')


class PublicKey(NamedTuple):
    """Kind (rsa, ecdsa, sk-ed25519, …), length in bits, names of its options in lower case."""

    type: str
    bits: int
    options: tuple[str, ...]


def parse_line(line: str) -> PublicKey | None:
    """The key of one line of authorized_keys or of a `.pub` file; None for a comment or what sshd would pass over."""
    text = line[:MAX_LINE].strip(" \t\r")
    if not text or text.startswith("#"):
        return None
    found = _key(text)
    if found is not None:
        return PublicKey(*found, ())
    place = _after_options(text)
    found = _key(text[place:].lstrip(" \t"))
    if found is None:
        return None
    return PublicKey(*found, tuple(match[1].lower() for match in _OPTION.finditer(text[:place])))


def _after_options(text: str) -> int:
    """Where the first blank outside of quotation marks is; the length of `text` if there is none."""
    return next((place for place, sign in words.bare(text)[0] if sign in " \t"), len(text))


def _key(text: str) -> tuple[str, int] | None:
    match = _KEY.match(text)
    if match is None:
        return None
    name = match[1].removesuffix(_CERTIFICATE) if match[1].endswith(_CERTIFICATE) else match[1]
    kind = _NAMES.get(name) or _NAMES.get(f"{name}@openssh.com")
    try:
        blob = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return None
    parts = _parts(blob)
    if kind is None or not parts or parts[0] != match[1].encode():
        return None
    return kind, _bits(kind, name, parts[2:] if match[1].endswith(_CERTIFICATE) else parts[1:])


def _parts(blob: bytes) -> list[bytes]:
    """The first strings of a key, RFC 4251 section 5: each a 32-bit length and that many bytes."""
    parts: list[bytes] = []
    place = 0
    while place + 4 <= len(blob) and len(parts) < 6:
        length = int.from_bytes(blob[place : place + 4])
        if place + 4 + length > len(blob):
            break
        parts.append(blob[place + 4 : place + 4 + length])
        place += 4 + length
    return parts


def _bits(kind: str, name: str, numbers: list[bytes]) -> int:
    """RSA: length of n, the second number; DSA: of p, the first; 0 if it is not there."""
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == "ecdsa":
        return int(name[-3:])
    place = 1 if kind == "rsa" else 0
    return int.from_bytes(numbers[place]).bit_length() if len(numbers) > place else 0
