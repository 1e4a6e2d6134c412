"""What gives way in the spool: what was received, then what is superseded.

At a bound the newest report takes the place of those right before it, which it supersedes (ADR 0020). What was offered
to a collector stays, and so does the oldest that was not received, which may have been: so the collector's chain ends
in the report before the first that was dropped, and goes on after them. The newest also takes the place of one that
the collector said it will never take, for which all that follows would wait. Each works in the transaction it is given.
"""

from __future__ import annotations

from typing import Final

import msgspec

from vonggac_contract.limits import KIB
from vonggac_contract.report import Dropped

from .errors import SpoolFull
from .seal import Chain
from .spool_rows import Execute, Link, count, tail_of

KEPT_ENVELOPES: Final = 50
"""Receipted envelopes kept, so that a collector that was restored from a backup can ask for them again."""
KEPT_LINKS: Final = 2000
"""Receipted links whose digest and receipt are kept."""
SPARE_BYTES: Final = 64 * KIB
"""Room that a report leaves for receipts and counters below the size limit."""
UNHEARD: Final = "looks_unheard"
"""The note that counts looks since the last receipt."""
DROPPED: Final = "posture_dropped_reports_total"
"""The note that counts reports that were dropped."""
OFFERED: Final = "offered"
"""The reason of an unsent link that a collector may have."""
NEVER: Final = (["413", "too-large"], ["422", "malformed"], ["422", "content-mismatch"])
"""Refusals by which a collector says that it neither has this report nor ever takes it. Not 413 without a code, which
something before the collector says, and not `unknown-schema`, which a newer collector does not say."""


def make_room(execute: Execute, chain: Chain, size: int, *, max_bytes: int, max_looks: int | None) -> bool:
    """Room for a report of `size` bytes; whether reports were dropped for it. Raises SpoolFull."""

    def lacks() -> bool:
        return _used(execute) + size + SPARE_BYTES > max_bytes

    if lacks():
        execute("UPDATE link SET envelope = NULL WHERE state = 'received'")
    old = max_looks is not None and _unheard(execute) > max_looks
    dropped = 0
    while (lacks() or (old and not dropped)) and _drop_newest(execute, chain):
        dropped += 1
    if lacks():
        raise SpoolFull(
            "the spool holds {used} of {limit} bytes, all of it unsent", used=_used(execute), limit=max_bytes
        )
    if dropped:
        count(execute, DROPPED, dropped)
    return dropped > 0


def drop_untaken(execute: Execute, chain: Chain) -> None:
    """Let go of the newest links if the collector never takes them: what follows such a link would wait for ever.

    The link before is kept, as its digest is named; so the first of an epoch stays.
    """
    while (tail := tail_of(execute, chain)) is not None and tail.state == "refused":
        if tail.reason.split()[:2] not in NEVER or not _drop(execute, tail):
            return
        count(execute, DROPPED)


def dropped_before(before: Link | None, sequence: int) -> Dropped | msgspec.UnsetType:
    """What report `sequence` has to own up to if `before` is the link that is kept before it."""
    if before is None or before.sequence == sequence - 1:
        return msgspec.UNSET
    return Dropped(before.sequence + 1, sequence - 1, before.digest)


def prune(execute: Execute) -> None:
    """Let go of what was received and is no longer needed."""
    execute(
        "UPDATE link SET envelope = NULL WHERE state = 'received' AND envelope IS NOT NULL AND number < (SELECT"
        " min(number) FROM (SELECT number FROM link WHERE state = 'received' ORDER BY number DESC LIMIT ?))",
        (KEPT_ENVELOPES,),
    )
    # The newest link stays whatever its state: the next one names its digest.
    execute(
        "DELETE FROM link WHERE state = 'received' AND number <"
        " (SELECT min(number) FROM (SELECT number FROM link ORDER BY number DESC LIMIT ?))",
        (KEPT_LINKS,),
    )


def _drop_newest(execute: Execute, chain: Chain) -> bool:
    """Drop the newest link, unless it was offered or received, or is the oldest of those that were not received."""
    found = execute(
        "DELETE FROM link WHERE number = (SELECT number FROM link WHERE agent_id = ? AND epoch = ?"
        " ORDER BY sequence DESC LIMIT 1) AND (state = 'refused' OR state = 'unsent' AND reason = '')"
        " AND sequence > (SELECT min(sequence) FROM link WHERE agent_id = ? AND epoch = ? AND state <> 'received')"
        " RETURNING number",
        (*chain, *chain),
    )
    return bool(found)


def _drop(execute: Execute, link: Link) -> bool:
    """Drop it if there is one before it."""
    place = (*link.chain, link.sequence)
    return bool(
        execute(
            "DELETE FROM link WHERE agent_id = ? AND epoch = ? AND sequence = ? AND EXISTS (SELECT 1 FROM link"
            " WHERE agent_id = ? AND epoch = ? AND sequence < ?) RETURNING number",
            (*place, *place),
        )
    )


def _unheard(execute: Execute) -> int:
    found = execute("SELECT value FROM note WHERE name = ?", (UNHEARD,))
    return int(found[0][0]) if found else 0


def _used(execute: Execute) -> int:
    ((pages, free, size),) = execute(
        "SELECT page_count, freelist_count, page_size"
        " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
    )
    return int((pages - free) * size)
