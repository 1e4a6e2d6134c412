"""Places where a test build can be killed, so that tests prove what survives a power cut.

Nothing happens unless the environment names a point AND the module `vonggac_test_build`, which no distribution of this
project contains, can be found: the tests bring it along.
"""

from __future__ import annotations

import importlib.util
import os
import signal
from enum import StrEnum


class Failpoint(StrEnum):
    """Every place, in the order in which a round passes them: between two of them something became durable, or will."""

    OPENED = "opened"
    """The folder is this process's; nothing is read or written."""
    SPOOL_MADE = "spool-made"
    """The spool's file is there, and empty."""
    SCHEMA_MADE = "schema-made"
    """Its tables are made; COMMIT was not called."""
    LOOKED = "looked"
    """The report is built; nothing is sealed."""
    NUMBERED = "numbered"
    """The transaction is open and the report's number known."""
    SEALED = "sealed"
    """The envelope is signed; the transaction that numbers it is open."""
    ROOM_MADE = "room-made"
    """What gives way is gone from the open transaction."""
    LINKED = "linked"
    """The row is written; the heartbeat that it replaces still counts."""
    INSERTED = "inserted"
    """Everything is written; COMMIT was not called."""
    COMMITTED = "committed"
    """COMMIT returned."""
    SKIPS_TOLD = "skips-told"
    """What the report told of looks that were not kept is no longer counted."""
    NOTICES_TOLD = "notices-told"
    """Nor is what else it told."""
    BEAT_COUNTED = "beat-counted"
    """The transaction is open and the heartbeat's number known."""
    BEAT_SEALED = "beat-sealed"
    BEAT_INSERTED = "beat-inserted"
    BEAT_COMMITTED = "beat-committed"
    """Of a heartbeat the same as of a report."""
    SKIP_WRITTEN = "skip-written"
    """A look could not be kept: the new count is written, and not synchronised."""
    SKIP_COUNTED = "skip-counted"
    """It is on the disk."""
    SHIPPING = "shipping"
    """Sending is due; nothing is read."""
    TAKEN = "taken"
    """The envelope is read, to be sent."""
    SENT = "sent"
    """The collector answered; nothing of the answer is noted."""
    RECEIPT_READ = "receipt-read"
    """The receipt is verified."""
    RECEIPT_WRITTEN = "receipt-written"
    """It is in its row; the transaction is open."""
    PRUNED = "pruned"
    """What is no longer needed is gone from the open transaction."""
    RECEIPTED = "receipted"
    """The receipt is in the spool."""
    BEAT_RECEIPTED = "beat-receipted"
    """The same of a heartbeat."""
    JUDGED = "judged"
    """What the receipt says about rules is kept."""
    CLOCK_NOTED = "clock-noted"
    """So is how far the clocks differ."""
    REFUSAL_WRITTEN = "refusal-written"
    """A refusal is in its row; the transaction is open."""
    REFUSED = "refused"
    """It is in the spool."""
    ASKED_AGAIN = "asked-again"
    """The collector misses earlier reports; they are read."""
    SENT_AGAIN = "sent-again"
    """One of them was sent."""
    FRESH_WRITTEN = "fresh-written"
    """A file's new bytes are on the disk under another name."""
    FRESH_NAMED = "fresh-named"
    """They have its name; the folder is not synchronised."""
    FRESH_KEPT = "fresh-kept"
    """It is."""
    RULEBOOK_READ = "rulebook-read"
    """A new rulebook is here and nothing of it is kept."""
    RULEBOOK_KEPT = "rulebook-kept"
    """It is kept, beside those before it."""
    ROUND_NOTED = "round-noted"
    """What the round came to is noted."""
    TURN_KEPT = "turn-kept"
    """The new key and the request that names it are on the disk; nothing of it is sent."""
    TURN_ANSWERED = "turn-answered"
    """The collector has answered the request; the key before is in force here."""
    TURNED = "turned"
    """The new identity is in force; the key and the request before are still there."""


def _armed() -> str | None:
    wanted = os.environ.get("VONGGAC_FAILPOINT")
    if wanted is None or importlib.util.find_spec("vonggac_test_build") is None:
        return None
    return wanted


_ARMED = _armed()


def reach(point: Failpoint) -> None:
    """Kill this process as a power cut would, if a test asked for it here."""
    if point == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
