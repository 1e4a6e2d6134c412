"""The page on the policy. It is about no unit, so it is the same for everybody who is signed in."""

from __future__ import annotations

from datetime import datetime

import msgspec

from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.policy import expiries
from vonggac_collector.policy_views import Book, PolicyPage, SignedRole
from vonggac_collector.rulebooks import trial_of


def policy_page(tx: Transaction, now: datetime) -> PolicyPage:
    """As of now."""
    published, trial = tx.rulebooks.published(now), trial_of(tx, now)
    return PolicyPage(
        as_of=now,
        in_force=_book(tx, *published[-1]) if published else None,
        tried=None if trial is None else _book(tx, trial.rulebook, trial.at),
        share=0 if trial is None else trial.share,
        units=0 if trial is None else len(msgspec.json.decode(trial.units, type=list[str])),
        signed=[SignedRole(role, at, at <= now) for role, at in expiries(tx.policy.all()).items()],
    )


def _book(tx: Transaction, digest: str, since: datetime) -> Book:
    row = tx.rulebooks.get(digest)
    return Book(digest, "" if row is None else row.version, since)
