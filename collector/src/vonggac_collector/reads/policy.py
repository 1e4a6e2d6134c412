"""The page on the policy. Who runs and tries what is told of the reader's units; the rest is the same for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from vonggac_collector.auth import Caller
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import PublishedRulebook
from vonggac_collector.policy import expiries, own_keys
from vonggac_collector.policy_roots import is_foreign
from vonggac_collector.policy_views import Book, PolicyPage, RulebookState, Running, SignedRole
from vonggac_collector.rulebooks import trial_of
from vonggac_collector.unit_tree import UnitTree

from .sight import link

MAX_TOPS: Final = 100
"""Units that are named; of more the page tells the number."""


def policy_page(
    tx: Transaction, tree: UnitTree, caller: Caller, state: Path | None, now: datetime
) -> PolicyPage:
    """As of now. `state`: the folder that says which roots were accepted, and may hold keys; None: nobody says."""
    published, trial = tx.rulebooks.published(now), trial_of(tx, now)
    sight = {*tree.subtree(caller.unit)} & tree.units.keys()
    trying = [] if trial is None else [code for code in trial.codes if code in sight]
    whole = len(sight) == len(tree.units)
    machines = None if whole else [p.host for p in tx.tree.placements(now, sorted(sight))]
    foreign = is_foreign(tx, state)
    return PolicyPage(
        as_of=now,
        in_force=_book(tx, *published[-1]) if published else None,
        tried=None if trial is None else _book(tx, trial.rulebook, trial.at),
        share=0 if trial is None else trial.share,
        units=len(trying),
        signed=[SignedRole(role, at, at <= now) for role, at in _expiries(tx, foreign=foreign).items()],
        tops=[link(tree.units[code]) for code in tree.tops(trying)[:MAX_TOPS]],
        running=_running(tx, machines, published[-1][0] if published else "", now),
        own_keys=[] if state is None else own_keys(state),
        foreign=foreign,
    )


def _expiries(tx: Transaction, *, foreign: bool) -> dict[str, datetime]:
    """What a repository says that is not ours counts for nothing, and need not even be whole."""
    return {} if foreign else expiries(tx.policy.all())


def _running(tx: Transaction, machines: Sequence[str] | None, in_force: str, now: datetime) -> list[Running]:
    """What most of the machines run first."""
    number = tx.chain.running(now, machines)
    rows = {digest: tx.rulebooks.get(digest) for digest in number}
    return [
        Running(
            digest, "" if row is None else row.version, state_of(digest, row, in_force, now), number[digest]
        )
        for digest, row in sorted(rows.items(), key=lambda item: (-number[item[0]], item[0]))
    ]


def state_of(digest: str, row: PublishedRulebook | None, in_force: str, now: datetime) -> RulebookState:
    """Whether whoever runs a rulebook should. `row`: its own; `in_force`: the digest of the one that is, or ""."""
    if row is None:
        return "unknown"
    if digest == in_force:
        return "in-force"
    return "earlier" if row.published_at <= now else "tried"


def _book(tx: Transaction, digest: str, since: datetime) -> Book:
    row = tx.rulebooks.get(digest)
    return Book(digest, "" if row is None else row.version, since)
