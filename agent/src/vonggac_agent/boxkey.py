"""The collector's key for boxes, kept as the collector signed it: asked for once a day, or brought on a medium.

Boxes are closed with it by `carry`. An older word of the collector's never takes the place of a newer one.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB
from vonggac_contract.media import BoxKeyNotice, open_box_key

from .errors import AgentError, BadAnswer
from .link import Transport
from .safety import write_whole

FILE: Final = "box-key.json"
PATH: Final = "/agent/v1/boxkey"
MAX_BYTES: Final = 8 * KIB
"""One is some 3 kB."""
ASKED_AGAIN: Final = timedelta(days=1)


def kept(folder: Path, collector_key: bytes) -> BoxKeyNotice | None:
    """The key in force; None if there is none by this collector."""
    try:
        with (folder / FILE).open("rb") as stream:
            return open_box_key(envelope_from_bytes(stream.read(MAX_BYTES + 1)), collector_key)
    except (FileNotFoundError, ContractError):
        return None


def required(folder: Path, collector_key: bytes) -> BoxKeyNotice:
    """The same. Raises AgentError, which says how it comes, if there is none."""
    notice = kept(folder, collector_key)
    if notice is None:
        raise AgentError(
            "the collector's key for boxes is not here yet",
            hint="It comes with the next sending, or on a medium: `vonggac-collector media export DIR` there, "
            "`vonggac-agent import DIR` here.",
        )
    return notice


def keep(folder: Path, collector_key: bytes, raw: bytes) -> bool:
    """Keep what the collector signed, unless one at least as new is kept; whether it is new. Raises ContractError."""
    notice, before = open_box_key(envelope_from_bytes(raw), collector_key), kept(folder, collector_key)
    if before is not None and before.made_at > notice.made_at:
        return False
    write_whole(folder / FILE, raw)
    return before is None or before.keyid != notice.keyid


def fetch(folder: Path, collector_key: bytes, transport: Transport, now: datetime) -> None:
    """Ask for it, if that was not done today. Raises Unreachable.

    Whatever else is answered (a collector of an earlier release has none), what is here stays in force.
    """
    if kept(folder, collector_key) is not None:
        age = now - datetime.fromtimestamp((folder / FILE).stat().st_mtime, UTC)
        if timedelta(0) <= age < ASKED_AGAIN:
            return
    with suppress(BadAnswer, ContractError):
        answer = transport.ask("GET", PATH, limit=MAX_BYTES)
        if answer.status == 200:
            keep(folder, collector_key, answer.body)
