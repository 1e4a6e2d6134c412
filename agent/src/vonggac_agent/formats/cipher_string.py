"""OpenSSL's cipher strings, openssl-ciphers(1): which words of one let in suites that protect badly.

The suites themselves are not worked out, which depends on how the library was built: it is judged by what it names.
"""

from __future__ import annotations

import re
from typing import Final

_SEPARATORS: Final = re.compile(r"[:, ]+")
WEAK: Final = (
    "RC4", "RC2", "3DES", "DES", "IDEA", "SEED", "NULL", "ENULL", "ANULL", "ADH", "AECDH", "AECDHE", "EXP", "EXPORT",
    "EXPORT40", "EXPORT56", "EXP1024", "LOW", "MD5", "MEDIUM", "COMPLEMENTOFALL", "COMPLEMENTOFDEFAULT", "SSLV2",
    "SSLV3", "PSK",
)  # fmt: skip
"""Words of openssl-ciphers(1) for suites without encryption or authentication, or with broken ones (RFC 9325, 4.1)."""
_SUITES: Final = ("RC4", "RC2", "DES", "IDEA", "SEED", "NULL", "EXP", "MD5", "ADH", "AECDH")
_WIDE: Final = {"ALL": ("ANULL", "LOW", "MEDIUM"), "DEFAULT": (), "HIGH": ("ANULL",)}
"""Words that take in weak ones unless those are struck out; DEFAULT of OpenSSL 1.1 and later has none left."""


def weak(text: str) -> list[str]:
    """Words of `text` that let weak suites in, in order; those struck out by `!` or `-` anywhere do not count."""
    words = [word for word in _SEPARATORS.split(text) if word and not word.startswith("@")]
    struck = {word[1:].upper() for word in words if word[0] in "!-"}
    found: list[str] = []
    for word in words:
        if word[0] in "!-+":
            continue
        parts = word.upper().split("+")
        if set(parts) & struck:
            continue
        if any(part in WEAK or _names_weak_suite(part) for part in parts) or _too_wide(parts, struck):
            found.append(word)
    return found


def _names_weak_suite(name: str) -> bool:
    return "-" in name and bool(set(name.split("-")) & {*_SUITES, "CBC3"})


def _too_wide(parts: list[str], struck: set[str]) -> bool:
    if len(parts) != 1 or parts[0] not in _WIDE:
        return False
    return not set(_WIDE[parts[0]]) <= struck | ({"ANULL"} if struck & {"ADH", "AECDH"} else set())
