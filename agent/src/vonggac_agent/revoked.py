"""That this machine's key was revoked: kept so that nothing more is sent, until an enrolment gives it another key."""

from __future__ import annotations

from datetime import datetime

import msgspec

from .identity import Identity
from .spool import Spool

_NOTE = "revoked"


class Revoked(msgspec.Struct, frozen=True):
    """Of which key, since when by this machine's clock, and in the collector's words."""

    keyid: str
    at: datetime
    why: str


def note(spool: Spool, who: Identity, why: str, now: datetime) -> None:
    """From now on nothing is sent that this key sealed."""
    spool.write_notes(**{_NOTE: msgspec.json.encode(Revoked(who.keyid, now, why)).decode()})


def read(spool: Spool, who: Identity) -> Revoked | None:
    """What is noted of the key in force; None if it is good, as far as is known."""
    text = spool.note(_NOTE)
    found = msgspec.json.decode(text, type=Revoked) if text else None
    return found if found is not None and found.keyid == who.keyid else None
