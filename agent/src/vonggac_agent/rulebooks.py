"""The rulebook and the profile in force: the collector's word from the last receipt, or what this release carries.

Where the machine has a pin (`policy`), the word counts only for a rulebook that the policy repository vouches for. Kept
in the state folder, each rulebook under its digest. Fetching one is the work of `following`, without a pin of `ship`;
reading it, of `vonggac_rules`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from vonggac_contract.decode import decode_as
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB
from vonggac_contract.report import Digest
from vonggac_rules.builtin import default_rulebook_bytes
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES, Rulebook, load_again, load_rulebook

from . import policy
from .failpoints import Failpoint, reach
from .safety import sync_folder, write_whole

FILE: Final = "judged-by.json"
DEFAULT_LEVEL: Final = 3
"""The level whose profile a machine is shown by as long as no collector has said otherwise."""


class JudgedBy(msgspec.Struct, frozen=True):
    """What the collector said the host is judged by, and when."""

    profile: str
    rulebook: Digest
    said_at: datetime


def judged_by(folder: Path) -> JudgedBy | None:
    """The collector's last word; None if there is none that can be read."""
    raw = _read(folder / FILE, 4 * KIB)
    if raw is None:
        return None
    try:
        return decode_as(raw, JudgedBy, maximum=4 * KIB)
    except ContractError:
        return None


def note_judged_by(folder: Path, said: JudgedBy) -> None:
    """Keep the collector's word, if it differs from the one kept."""
    before = judged_by(folder)
    if before is None or (before.profile, before.rulebook) != (said.profile, said.rulebook):
        write_whole(folder / FILE, msgspec.json.encode(said))


def kept(folder: Path, digest: str) -> bytes | None:
    """The bytes of a kept rulebook; None if it is not here or not what its name says."""
    raw = _read(_path(folder, digest), MAX_RULEBOOK_BYTES)
    return raw if raw is not None and hashlib.sha256(raw).hexdigest() == digest else None


def is_at_hand(folder: Path, digest: str) -> bool:
    """Whether the rulebook is kept, or is the one of this release."""
    return kept(folder, digest) is not None or hashlib.sha256(default_rulebook_bytes()).hexdigest() == digest


def keep(folder: Path, digest: str, raw: bytes) -> None:
    """Keep a rulebook whose digest was checked and that can be read; forget all but this and the one in force.

    Raises ContractError if it is no rulebook, ValueError if it has another digest.
    """
    put(folder, digest, raw)
    reach(Failpoint.RULEBOOK_KEPT)
    said = judged_by(folder)
    forget_all_but(folder, digest, said.rulebook if said else digest)


def put(folder: Path, digest: str, raw: bytes) -> None:
    """Keep a rulebook beside the others. Raises as `keep`."""
    if hashlib.sha256(raw).hexdigest() != digest:
        raise ValueError("the rulebook is not the one the receipt names")
    load_rulebook(raw)
    write_whole(_path(folder, digest), raw)


def forget_all_but(folder: Path, *digests: str) -> None:
    """Remove every other kept rulebook."""
    wanted = {_path(folder, digest) for digest in digests}
    for old in folder.glob("rulebook-*.json"):
        if old not in wanted:
            old.unlink()
    sync_folder(folder)


def in_force(folder: Path | None) -> tuple[Rulebook, str, str]:
    """The rulebook, the profile, and a notice for the report if it is not what the collector named.

    Without a state folder, or before the collector said anything: this release's rulebook and its profile of
    DEFAULT_LEVEL. With a pin: the last one that was vouched for, whatever the collector names. Raises NoRulebook, or
    what `load_again` raises for a damaged installation.
    """
    said = judged_by(folder) if folder is not None else None
    if folder is None or said is None:
        book = load_again(default_rulebook_bytes())
        return book, book.profile_for_level(DEFAULT_LEVEL).id, ""
    standing = policy.read(folder)
    digest = said.rulebook if standing is None else standing.good
    book = load_again(kept(folder, digest) or default_rulebook_bytes())
    if said.profile not in book.profiles:
        profile = book.profile_for_level(DEFAULT_LEVEL).id
        return (
            book,
            profile,
            f"profile {said.profile} is not in rulebook {book.digest[:16]}; looked by {profile}",
        )
    if book.digest != said.rulebook:
        return (
            book,
            said.profile,
            f"rulebook {said.rulebook[:16]} is not in force here; looked by {book.digest[:16]}",
        )
    return book, said.profile, ""


def _path(folder: Path, digest: str) -> Path:
    return folder / f"rulebook-{digest}.json"


def _read(path: Path, limit: int) -> bytes | None:
    try:
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except FileNotFoundError:
        return None
    return raw if len(raw) <= limit else None
