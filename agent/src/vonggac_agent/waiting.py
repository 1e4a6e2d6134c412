"""An enrolment that waits for somebody to approve it: what was asked, to ask it again, and how it ended.

It is kept from the first answer that says so until the identity is in force; the token goes as soon as it is decided.
Asking is the work of `enrol`; when it is asked again is decided by `supervisor`, as when sending failed.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from vonggac_contract.decode import decode_as
from vonggac_contract.enrolment import fingerprint
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import MIB
from vonggac_contract.report import Digest

from .errors import StateDamaged
from .safety import sync_folder, write_whole

FILE: Final = "waiting.json"
SCHEMA: Final = 1


class Waiting(msgspec.Struct, frozen=True):
    """`hostname` and `machine_id` as the collector was told; `until`: then it gives up. `refused`: why, once it was."""

    schema: int
    collector: str
    ca: str
    token: str
    keyid: Digest
    hostname: str
    machine_id: str
    since: datetime
    asked_at: datetime
    until: datetime | None = None
    refused: str = ""


class Answer(msgspec.Struct, frozen=True):
    """The collector's 202."""

    status: str
    keyid: Digest
    until: datetime


def read(folder: Path) -> Waiting | None:
    """What waits, or was refused; None if nothing does. Raises StateDamaged."""
    path = folder / FILE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found = decode_as(raw, Waiting, maximum=2 * MIB)
    except ContractError as error:
        raise StateDamaged("{path}: {error}", path=path, error=error) from error
    return found if found.schema == SCHEMA else None


def keep(folder: Path, waiting: Waiting) -> None:
    """Keep it, in place of what waited before."""
    write_whole(folder / FILE, msgspec.json.encode(waiting))


def forget(folder: Path) -> None:
    """Nothing waits any more."""
    if (folder / FILE).exists():
        (folder / FILE).unlink()
        sync_folder(folder)


def told(waiting: Waiting) -> dict[str, Any]:
    """As `status` tells it."""
    return {
        "collector": waiting.collector,
        "keyid": waiting.keyid,
        "fingerprint": " ".join(fingerprint(waiting.keyid)),
        "hostname": waiting.hostname,
        "machine_id": waiting.machine_id,
        "since": waiting.since,
        "asked_at": waiting.asked_at,
        "until": waiting.until,
        "refused": waiting.refused,
    }
