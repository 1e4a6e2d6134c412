"""The people who sign in: making an account, setting a password. What a role may do is said in `auth.caller`."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

from . import audit
from .auth.caller import ROLES
from .auth.passwords import MAX_LENGTH, MIN_LENGTH, hash_password
from .errors import Invalid
from .ledger.interface import Ledger, Transaction
from .ledger.rows import User

MAX_NAME: Final = 120


def add_user(
    ledger: Ledger, name: str, role: str, unit: str, password: str, *, now: datetime, actor: str
) -> User:
    """Make an account that sees the subtree of `unit`. Raises Invalid, naming what does not fit."""
    account = name.strip().casefold()
    if not 1 <= len(account) <= MAX_NAME or not account.isprintable():
        raise Invalid(f"name: 1 to {MAX_NAME} printable characters")
    if role not in ROLES:
        raise Invalid(f"role: {role!r} is none of {', '.join(ROLES)}")
    check_password(password)
    hashed = hash_password(password)
    with ledger.write() as tx:
        if all(u.code != unit for u in tx.tree.units(now)):
            raise Invalid(f"unit: there is no unit {unit!r}")
        if tx.people.by_name(account) is not None:
            raise Invalid(f"name: {account!r} is taken")
        user = User(str(uuid.uuid4()), account, role, unit, hashed, True, now)
        tx.people.add(user)
        audit.record(tx, now, actor, "user-added", account, f"{role} of {unit}")
    return user


def set_password(ledger: Ledger, name: str, password: str, *, now: datetime, actor: str) -> None:
    """Give an account another password, and end its sessions. Raises Invalid."""
    check_password(password)
    hashed = hash_password(password)
    with ledger.write() as tx:
        user = _known(tx, name)
        tx.people.set_password(user.id, hashed)
        audit.record(tx, now, actor, "password-set", user.name)


def check_password(password: str) -> None:
    """Raises Invalid for one that is too short or too long. (ASVS V6.2.1; no rules on kinds of characters, V6.2.5.)"""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(f"password: {MIN_LENGTH} to {MAX_LENGTH} characters")


def _known(tx: Transaction, name: str) -> User:
    user = tx.people.by_name(name.strip().casefold())
    if user is None:
        raise Invalid(f"name: there is no account {name!r}")
    return user
