"""Whether a machine that waits is let in: somebody compares its key with what the machine prints, and decides."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from . import audit
from .applying import REFUSED
from .auth import Caller
from .auth.caller import require
from .auth.scope import require_unit
from .enrolment import add_machine
from .enrolment_views import ApplicantRow
from .errors import Invalid, NotFound, Refused
from .ledger.applicants import Applicant, ApplicantState
from .ledger.interface import Ledger, Transaction
from .ledger.rows import Token
from .revocation import reason_of
from .views import UnitLink

APPROVED: Final = "enrolment-approved"
"""The action of the audit row, whose subject is the key's id; of a refusal it is `applying.REFUSED`."""


def approve(ledger: Ledger, caller: Caller, keyid: str, reason: str, now: datetime) -> str:
    """Enrol the machine; returns its host's id. Raises Forbidden, NotFound, Invalid (decided, expired, revoked)."""
    require(caller, "decide")
    with ledger.write() as tx:
        found, token = _waiting(tx, caller, keyid, now)
        why = reason_of(reason) if reason.strip() else ""
        if token.revoked:
            raise Invalid(f"key {keyid[:16]}…: its token was revoked")
        if tx.agents.holder(keyid) is not None:
            raise Invalid(f"key {keyid[:16]}…: is enrolled already")
        audit.record(tx, now, caller.name, APPROVED, keyid, why)
        try:
            host = add_machine(tx, found, keyid, token, now)
        except Refused as e:
            raise Invalid(f"key {keyid[:16]}…: its token is for a host that is in another unit now") from e
        _decide(tx, found, "approved", caller, now, why, host)
    return host


def refuse(ledger: Ledger, caller: Caller, keyid: str, reason: str, now: datetime) -> None:
    """Turn the machine away for good; the reason is told it. Raises Forbidden, NotFound, Invalid."""
    require(caller, "decide")
    with ledger.write() as tx:
        found, _ = _waiting(tx, caller, keyid, now)
        why = reason_of(reason)
        _decide(tx, found, "refused", caller, now, why, None)
        audit.record(tx, now, caller.name, REFUSED, keyid, why)


def applicant_row(row: Applicant, token: Token | None, unit: UnitLink, now: datetime) -> ApplicantRow:
    """A machine that waits, or waited, as people see it."""
    over = row.state == "waiting" and row.expires_at <= now
    return ApplicantRow(
        keyid=row.keyid,
        unit=unit,
        system=(token.system if token is not None else None) or "",
        host=row.host or (token.host if token is not None else None) or "",
        hostname=row.hostname,
        machine_id=row.machine_id,
        platform=row.platform,
        agent_version=row.agent_version,
        address=row.address,
        requested_at=row.requested_at,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        state="expired" if over else row.state,
        decided_by=row.decided_by or "",
        decided_at=row.decided_at,
        reason=row.reason,
    )


def _waiting(tx: Transaction, caller: Caller, keyid: str, now: datetime) -> tuple[Applicant, Token]:
    found = tx.applicants.get(keyid)
    token = None if found is None else tx.tokens.get(found.token)
    if found is None or token is None:
        raise NotFound
    require_unit(tx.tree.units(now), caller, found.unit)
    if found.state != "waiting" or found.expires_at <= now:
        raise Invalid(
            f"key {keyid[:16]}…: was decided already, or waited too long",
            hint="With a new token the machine asks anew; `vonggac-collector enrolment list --all` shows decisions.",
        )
    return found, token


def _decide(
    tx: Transaction,
    found: Applicant,
    state: ApplicantState,
    caller: Caller,
    now: datetime,
    reason: str,
    host: str | None,
) -> None:
    if not tx.applicants.decide(found.keyid, state, caller.name[:120], now, reason, host):
        raise Invalid(f"key {found.keyid[:16]}…: somebody else has just decided")
