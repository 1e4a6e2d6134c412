"""Sessions on the server's side: the browser holds a random secret, the ledger its hash."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from vonggac_collector import audit
from vonggac_collector.errors import Busy, Refused, StoreFailed
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import Session

from .caller import ROLES, Caller
from .passwords import fits
from .throttle import Throttle

LASTS: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=2)
_TOUCH: Final = timedelta(minutes=1)
_BYTES: Final = 32


def secret_hash(secret: str) -> str:
    """What the ledger holds of a session's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def sign_in(ledger: Ledger, throttle: Throttle, name: str, password: str, *, now: datetime, peer: str) -> str:
    """Begin a session; returns its secret.

    Raises Refused: `throttled`, or `login-refused` alike for an unknown name, a wrong password, a closed account.
    """
    account = name.strip().casefold()[:120]
    if not throttle.begin(account, peer, now):
        raise Refused("throttled", "too many attempts")
    with ledger.read() as tx:
        user = tx.people.by_name(account)
    if not fits(password, user.password if user is not None and user.active else None) or user is None:
        raise Refused("login-refused", "name and password do not fit")
    throttle.succeeded(account, peer)
    secret = secrets.token_urlsafe(_BYTES)
    session = Session(secret_hash(secret), user.id, secrets.token_urlsafe(_BYTES), now, now, now + LASTS)
    with ledger.write() as tx:
        tx.people.close_expired(now)
        tx.people.open_session(session)
        audit.record(tx, now, user.name, "signed-in", user.id, f"from {peer}")
    return secret


def find(ledger: Ledger, secret: str, now: datetime) -> tuple[Session, Caller] | None:
    """The session and whose it is, if it is still good; role and unit as they are now."""
    with ledger.read() as tx:
        found = tx.people.session(secret_hash(secret))
    if found is None:
        return None
    session, user = found
    role = next((r for r in ROLES if r == user.role), None)
    if not user.active or role is None or now >= session.expires_at or now - session.seen_at >= IDLE:
        return None
    if now - session.seen_at >= _TOUCH:
        # On a full disk, or while another writer holds on, pages are read all the same; the next request tries again.
        with suppress(Busy, StoreFailed), ledger.write() as tx:
            tx.people.touch(session.hash, now)
    return session, Caller(user.id, user.name, role, user.unit)


def sign_out(ledger: Ledger, secret: str, *, now: datetime) -> None:
    """End the session."""
    with ledger.write() as tx:
        found = tx.people.session(secret_hash(secret))
        if found is not None:
            tx.people.close_session(found[0].hash)
            audit.record(tx, now, found[1].name, "signed-out", found[1].id)
