"""The audit log: append-only, each row's hash covering the row before, so that a changed or missing row shows.

Also the one place where a refusal is counted and written down. Who asked and why it is refused is left to the callers.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from .instants import to_microseconds
from .ledger.interface import Transaction
from .ledger.rows import AuditRow

NO_HASH: Final = "0" * 64
MAX_REFUSALS_AUDITED_PER_HOUR: Final = 1_000
"""Of one code; the project's own figure. More are only counted, so that a flood cannot fill the disk."""
_MAX_TEXT: Final = 200
_MAX_DETAIL: Final = 2_000
_HOUR: Final = 3_600_000_000


def row_hash(
    number: int, at: datetime, actor: str, action: str, subject: str, detail: str, previous: str
) -> str:
    """SHA-256 of the fields as a JSON list, times in microseconds."""
    fields = [number, to_microseconds(at), actor, action, subject, detail, previous]
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()


def record(tx: Transaction, now: datetime, actor: str, action: str, subject: str, detail: str = "") -> None:
    """Append one row at the transaction's end. Texts are stored as sent, cut at 200 (detail 2,000) characters."""
    tx.before_commit(partial(_append, tx, now, actor, action, subject, detail))


def record_refusal(
    tx: Transaction, now: datetime, code: str, *, actor: str, subject: str, detail: str
) -> None:
    """Count a refusal under its code and write it down, at the transaction's end."""

    def count() -> None:
        tx.trail.hold()
        if tx.trail.count(code, to_microseconds(now) // _HOUR) <= MAX_REFUSALS_AUDITED_PER_HOUR:
            _append(tx, now, actor, "refused", subject, f"{code}: {detail}")

    tx.before_commit(count)


def _append(tx: Transaction, now: datetime, actor: str, action: str, subject: str, detail: str) -> None:
    # One row follows from the one before: so all writers wait for each other here, and for nobody after it.
    tx.trail.hold()
    number, previous = tx.trail.head()
    number += 1
    actor, subject, detail = actor[:_MAX_TEXT], subject[:_MAX_TEXT], detail[:_MAX_DETAIL]
    made = row_hash(number, now, actor, action, subject, detail, previous)
    tx.trail.add(AuditRow(number, now, actor, action, subject, detail, previous, made))


def first_damaged(rows: list[AuditRow], number: int, previous: str) -> int | None:
    """The number of the first of `rows` that doesn't follow from the row (`number`, hash `previous`) before them."""
    for row in rows:
        number += 1
        wanted = row_hash(row.number, row.at, row.actor, row.action, row.subject, row.detail, row.previous)
        if row.number != number or row.previous != previous or row.hash != wanted:
            return number
        previous = row.hash
    return None
