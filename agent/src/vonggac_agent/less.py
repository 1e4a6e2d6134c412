"""A changed report as what differs from an earlier one that was received, where that is less to send (ADR 0021).

Never the only way: what is not taken so is sent whole in the same round, and what was not answered, in the next. What
the spool keeps is whole; an earlier report is there as long as it has room for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Final

from vonggac_contract.delta import make_delta
from vonggac_contract.envelope import envelope_from_bytes, envelope_to_bytes

from . import identity
from .spool import Spool
from .spool_rows import Link

WORTH: Final = 0.5
"""Of the whole, at most: a delta that is not taken is sent in vain. The project's own figure."""
REFUSED: Final = "delta_refused"
"""The note when a collector last did not take one, and would not take the next one either."""
UNANSWERED: Final = "delta_unanswered"
"""The note of the digest whose delta had no answer: whatever became of it, the whole report goes next."""
AGAIN: Final = timedelta(days=1)
"""After that it is tried again: an older collector may be a newer one by then. The project's own figure."""
BASE_UNKNOWN: Final = "base-unknown"
"""The code that says something about one report only: it was let go, or the collector was set back."""


class Less:
    """For one round of sending."""

    def __init__(self, folder: Path, spool: Spool, keyid: str, now: Callable[[], datetime]) -> None:
        self._spool = spool
        self._now = now
        # Once a round: a sealed key is opened by another program.
        self._key = cache(lambda: identity.read_key(folder, keyid))

    def delta_for(self, link: Link, raw: bytes) -> bytes | None:
        """The delta's envelope to send instead of `raw`, the link's; None if it is to be sent whole."""
        bases = self._bases(link) if self._may_be_tried(link) else []
        try:
            meant = envelope_from_bytes(raw)
            made = [
                make_delta(meant, envelope_from_bytes(self._spool.envelope(base)), self._key())
                for base in bases
            ]
        except Exception:  # noqa: BLE001  whatever it is, memory and a missing library included: the whole needs none of it
            return None
        sent = min((envelope_to_bytes(delta) for delta in made if delta is not None), key=len, default=raw)
        return sent if len(sent) <= WORTH * len(raw) else None

    def _bases(self, link: Link) -> list[Link]:
        """Reports received that may tell most of it: the newest before it, and for each section that is new since then
        the one that brought what it was before; later ones only name its digest.
        """
        before = self._spool.between(link.chain, 1, link.sequence - 1)
        held = [other for other in before if other.state == "received"]
        if not held:
            return []
        new = [name for name, digest in held[-1].sections.items() if link.sections.get(name) != digest]
        return [
            *{base.sequence: base for base in (held[-1], *(_brought(held, name) for name in new))}.values()
        ]

    def note_refused(self, code: str) -> None:
        """A collector did not take a delta, by this code."""
        if code != BASE_UNKNOWN:
            self._spool.write_notes(**{REFUSED: self._now().isoformat()})

    def note_unanswered(self, link: Link) -> None:
        """A delta had no answer that can be read."""
        self._spool.write_notes(**{UNANSWERED: link.digest})

    def _may_be_tried(self, link: Link) -> bool:
        refused = self._spool.note(REFUSED)
        # A clock that was set back must not keep it from being tried.
        soon = bool(refused) and timedelta(0) <= self._now() - datetime.fromisoformat(refused) < AGAIN
        return not soon and self._spool.note(UNANSWERED) != link.digest


def _brought(held: list[Link], name: str) -> Link:
    """The first of those at the end that have that section alike."""
    digest = held[-1].sections[name]
    return [*takewhile(lambda other: other.sections.get(name) == digest, reversed(held))][-1]
