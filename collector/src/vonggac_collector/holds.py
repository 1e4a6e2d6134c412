"""Legal holds: what retention must leave, whose it is, and who said so. What becomes of it is left to `retention`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Final

from . import audit
from .auth.scope import subtree
from .errors import Invalid
from .ledger.interface import Ledger, Transaction
from .ledger.keeping import Hold, HoldKind
from .ledger.rows import Unit

MAX_REASON: Final = 500
ADDED: Final = "hold-added"
RELEASED: Final = "hold-released"
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""A hold from here on names everything that is kept."""
Windows = Mapping[str, Sequence[Hold]]
"""The holds that name a host, by host."""


def add_hold(
    ledger: Ledger,
    kind: HoldKind,
    subject: str,
    reason: str,
    *,
    since: datetime = BEGINNING,
    until: datetime | None = None,
    now: datetime,
    actor: str,
) -> Hold:
    """From now on nothing of the subject's hosts that was received from `since` until before `until` is dropped.

    Raises Invalid for a subject that is not there, no reason, or an end before the beginning.
    """
    reason = _reason(reason)
    if until is not None and until <= since:
        raise Invalid("until: must be later than since")
    row = Hold(str(uuid.uuid4()), kind, subject, reason, since, until, actor, now)
    with ledger.write() as tx:
        if not _is_there(tx, kind, subject, now):
            raise Invalid(f"there is no {kind} {subject!r}")
        tx.keeping.freeze()
        tx.keeping.add_hold(row)
        audit.record(tx, now, actor, ADDED, row.id, _noted(row))
    return row


def release_hold(ledger: Ledger, identifier: str, reason: str, *, now: datetime, actor: str) -> None:
    """The hold names nothing from now on. Raises Invalid if there is none, or it was released, or no reason given."""
    reason = _reason(reason)
    with ledger.write() as tx:
        tx.keeping.freeze()
        found = next((h for h in tx.keeping.holds() if h.id == identifier), None)
        if found is None or found.released_at is not None:
            raise Invalid(
                f"hold {identifier!r}: " + ("there is none" if found is None else "is released already")
            )
        tx.keeping.release_hold(identifier, now, actor, reason)
        audit.record(tx, now, actor, RELEASED, identifier, reason)


def windows(tx: Transaction, now: datetime) -> dict[str, list[Hold]]:
    """Of each host that a hold in force names, those holds.

    A host that was anywhere in the subject at any time of the hold is named, wherever it was before or is now.
    """
    units = tx.tree.units(now)
    found: dict[str, list[Hold]] = {}
    for hold in tx.keeping.holds():
        if hold.released_at is None:
            placed = () if hold.kind == "host" else tx.keeping.placed(hold.since, hold.until)
            for host in named_hosts(hold, units, placed):
                found.setdefault(host, []).append(hold)
    return found


def named_hosts(hold: Hold, units: Sequence[Unit], placed: Iterable[tuple[str, str, str | None]]) -> set[str]:
    """The hosts that the hold names. `placed`: host, unit and system of placements valid at any time of it."""
    if hold.kind == "host":
        return {hold.subject}
    if hold.kind == "system":
        return {host for host, _, system in placed if system == hold.subject}
    inside = {unit.code for unit in subtree(units, hold.subject)}
    return {host for host, unit, _ in placed if unit in inside}


def is_named(holds: Iterable[Hold], received_at: datetime) -> bool:
    """Whether one of a host's holds names what was received then."""
    return any(h.since <= received_at and (h.until is None or received_at < h.until) for h in holds)


def odd_holds(tx: Transaction, added: Mapping[str, str], released: Set[str]) -> dict[str, str]:
    """What is wrong with holds, by id. `added`, `released`: what the audit log says of them, by id."""
    here = {hold.id: hold for hold in tx.keeping.holds()}
    odd = dict.fromkeys(added.keys() - here, "was added, says the audit log, and is not there")
    for hold in here.values():
        if hold.id not in added:
            odd[hold.id] = "is not added by any row of the audit log"
        elif added[hold.id] != _noted(hold) or (hold.released_at is not None) != (hold.id in released):
            odd[hold.id] = "is not what the audit log says of it"
    return odd


def _noted(hold: Hold) -> str:
    """What an audit row says of a hold that was added; the times as an interval of ISO 8601."""
    until = ".." if hold.until is None else hold.until.astimezone(UTC).isoformat()
    since = hold.since.astimezone(UTC).isoformat()
    return f"{hold.kind} {hold.subject}, received {since}/{until}: {hold.reason}"


def _reason(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= MAX_REASON:
        raise Invalid(f"reason: has 1 to {MAX_REASON} characters")
    return text


def _is_there(tx: Transaction, kind: HoldKind, subject: str, now: datetime) -> bool:
    if kind == "unit":
        return any(u.code == subject for u in tx.tree.units(now))
    if kind == "system":
        return any(s.id == subject for s in tx.tree.systems(now))
    return any(h.id == subject for h in tx.tree.hosts(now))
