"""Passwords: argon2id (RFC 9106), and the same work for a user who does not exist."""

from __future__ import annotations

import secrets
import string
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 200
_HASHER: Final = PasswordHasher()
"""argon2-cffi's default: RFC 9106's low-memory choice, 64 MiB, 3 passes."""
_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Each takes 64 MiB: many at once would be a way to exhaust the collector."""
_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe())
_ALPHABET: Final = "".join(c for c in string.ascii_lowercase + string.digits if c not in "l1o0")


def hash_password(password: str) -> str:
    """The encoded argon2id hash."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def fits(password: str, encoded: str | None) -> bool:
    """Whether the password is the one that was hashed; for None does the same work and says no."""
    with _AT_ONCE:
        try:
            _HASHER.verify(encoded or _NOBODY, password[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
    return encoded is not None


def make_password() -> str:
    """Four groups of five letters and digits, without those that look alike: 100 bits."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)
