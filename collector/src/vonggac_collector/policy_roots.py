"""Which roots of the policy repository this collector accepted: a file in the state folder has the SHA-256 of each.

Metadata is in the ledger, but whom new machines trust is not for the ledger alone to say: who has only the database
could put a repository of his own there, or none. What the ledger's roots may do is go on, as TUF lets them: each signed
by the keys of the one before.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vonggac_contract.errors import ContractError
from vonggac_rules import repository

from .errors import Refused, SettingsError
from .ledger.interface import Transaction
from .state import replace_secret

FILE: Final = "policy-roots.sha256"
"""One SHA-256 a line in hexadecimal digits, the first root's first. It is no secret, but nobody else may write it."""
_LINES: Final = re.compile(r"(?:[0-9a-f]{64}\n){1,1000}")
_MOST: Final = 65_000
"""Bytes of as many roots as `policy import` takes files."""
_OTHERS_WRITE: Final = 0o022


class ForeignPolicy(Refused):
    """The ledger's policy repository is not the one that this collector accepted: nobody is told of it."""

    def __init__(self, why: str) -> None:
        super().__init__("policy-foreign", why)


def accepted(folder: Path) -> list[str]:
    """The SHA-256 of each root, in their order; none if none was accepted yet. Raises SettingsError."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            mode, content = os.fstat(file.fileno()).st_mode, file.read(_MOST + 1)
    except FileNotFoundError:
        return []
    except OSError as e:
        raise SettingsError(f"{path}: {e.strerror}") from e
    if mode & _OTHERS_WRITE:
        raise SettingsError(f"{path}: others may write it; run `chmod 600` on it")
    text = content.decode("ascii", "replace")
    if not _LINES.fullmatch(text):
        raise SettingsError(
            f"{path}: holds no SHA-256 in each line; copy it from another collector, or a backup"
        )
    return text.split()


def note(folder: Path, roots: Sequence[bytes]) -> None:
    """From now on these are accepted; on the disk when it returns. Raises SettingsError."""
    if not roots or accepted(folder) == digests_of(roots):
        return
    try:
        replace_secret(folder / FILE, _lines(roots))
    except OSError as e:
        raise SettingsError(f"{folder / FILE}: {e.strerror}") from e


def check(known: Sequence[str], roots: Sequence[bytes]) -> None:
    """Whether the roots are those accepted (`known`), or go on from them. Pure. Raises ForeignPolicy."""
    digests = digests_of(roots)
    if digests[: len(known)] != [*known]:
        if precede(known, roots):
            what = f"there are {len(roots)} of the {len(known)} roots that this collector accepted"
        else:
            what = "these roots are not those that this collector accepted"
        raise ForeignPolicy(what)
    if known and len(digests) > len(known):
        try:
            repository.checked_roots(roots)
        except ContractError as e:
            raise ForeignPolicy(
                f"these roots do not follow from those that this collector accepted: {e}"
            ) from e


def precede(known: Sequence[str], roots: Sequence[bytes]) -> bool:
    """Whether the roots are only the first of those accepted, or none: of an older backup, or rows went. Pure."""
    return digests_of(roots) == [*known[: len(roots)]]


def foreign(known: Sequence[str], roots: Sequence[bytes]) -> bool:
    """Whether the roots neither lead to those accepted nor go on from them. Pure."""
    try:
        check(known, roots)
    except ForeignPolicy:
        return not precede(known, roots)
    return False


def digests_of(roots: Sequence[bytes]) -> list[str]:
    """The SHA-256 of each."""
    return [hashlib.sha256(raw).hexdigest() for raw in roots]


def digest_of(roots: Sequence[bytes]) -> str:
    """The SHA-256 of the file that accepts these; the audit log says it."""
    return hashlib.sha256(_lines(roots)).hexdigest()


def _lines(roots: Sequence[bytes]) -> bytes:
    return "".join(f"{digest}\n" for digest in digests_of(roots)).encode()


def roots_in(tx: Transaction, folder: Path | None) -> list[bytes]:
    """The ledger's roots, in their order, as far as they are those that the state folder's file accepts.

    `folder`: None asks nobody. Raises ForeignPolicy, SettingsError.
    """
    roots: list[bytes] = []
    while (raw := tx.policy.file(f"{len(roots) + 1}.root.json")) is not None:
        roots.append(raw)
    if folder is not None:
        check(accepted(folder), roots)
    return roots


def is_foreign(tx: Transaction, folder: Path | None) -> bool:
    """Whether nobody is told of the ledger's repository, or nobody can say. `folder`: as for `roots_in`."""
    try:
        roots_in(tx, folder)
    except (ForeignPolicy, SettingsError):
        return True
    return False
