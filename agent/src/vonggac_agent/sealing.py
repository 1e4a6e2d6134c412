"""A key file that only this machine can read: sealed by systemd-creds(1), with its TPM where it has one.

systemd 250 and newer seal with the TPM 2, with a key of the host's own (`/var/lib/systemd/credential.secret`), or with
both, which is what `--with-key=auto` chooses. The secret goes by standard input and output, never by an argument or a
file. What this protects from, and what not, is in docs/adr/0016.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vonggac_contract.facts import CouldNotLook
from vonggac_contract.limits import KIB

from .command import run
from .errors import CannotSeal
from .host import RUN_ENVIRONMENT

PROGRAMS: Final = ("/usr/bin/systemd-creds", "/bin/systemd-creds")
SECONDS: Final = 30.0
"""A TPM takes a second or two; the project's own figure."""
MAX_BYTES: Final = 64 * KIB
TPM: Final = Path("/dev/tpmrm0")


def seal(secret: bytes, name: str) -> bytes:
    """`secret` as only this machine can read it, under that name only. Raises CannotSeal."""
    try:
        return _creds(("encrypt", "--with-key=auto", f"--name={name}", "-", "-"), secret)
    except CouldNotLook as error:
        raise CannotSeal("the key could not be sealed: {error}", error=error.detail) from error


def unseal(sealed: bytes, name: str) -> bytes:
    """What was sealed on this machine under that name. Raises CannotSeal."""
    try:
        return _creds(("decrypt", f"--name={name}", "-", "-"), sealed)
    except CouldNotLook as error:
        raise CannotSeal("the sealed key could not be read: {error}", error=error.detail) from error


def _creds(words: tuple[str, ...], given: bytes) -> bytes:
    program = next((p for p in PROGRAMS if os.access(p, os.X_OK)), PROGRAMS[0])
    return run((program, *words), timeout=SECONDS, limit=MAX_BYTES, environment=RUN_ENVIRONMENT, given=given)
