"""Rulebooks that hosts are judged by: publishing one, and having them loaded. The engine itself is `vonggac_rules`.

A row's bytes judge nobody unless their SHA-256 is the digest that they are asked for by.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from vonggac_contract.errors import ContractError
from vonggac_rules import repository
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES, Rulebook, UnknownProfile, load_again, load_rulebook

from . import audit
from .errors import Invalid, LedgerDamaged, NotFound
from .ingest.judgement import LEVELS
from .ledger.interface import Ledger, Transaction
from .ledger.rows import PublishedRulebook

PUBLISHED: Final = "rulebook-published"
"""The action in the audit log; its subject is the digest."""
_NEAREST: Final = {level: sorted(LEVELS, key=lambda other: (abs(other - level), -other)) for level in LEVELS}


def publish(ledger: Ledger, raw: bytes, *, now: datetime, actor: str) -> Rulebook:
    """Judge every host by this compiled rulebook from `now` on. Publishing the same one twice changes nothing.

    Raises ContractError for bytes that are no rulebook, Invalid for one without profiles, or that the policy repository
    does not vouch for (`policy.vouch`): no machine would take it.
    """
    book = load_rulebook(raw)
    row = PublishedRulebook(
        book.digest, book.version, now, msgspec.json.encode(_levels(book)), zlib.compress(raw)
    )
    with ledger.write() as tx:
        if not repository.vouches(tx.policy.all(), book.digest):
            raise Invalid(f"rulebook {book.digest}: the policy repository does not vouch for it (docs/policy.md)")
        if tx.rulebooks.get(book.digest) is None:
            tx.rulebooks.add(row)
            audit.record(tx, now, actor, PUBLISHED, book.digest, _said_of(row))
            tx.outbox.add("rulebook", [book.digest], now)
    return book


def _levels(book: Rulebook) -> dict[str, str]:
    """Profile by level; a level without one is judged by the nearest, of two equally near ones by the stricter."""
    found: dict[int, str] = {}
    for level in LEVELS:
        try:
            found[level] = book.profile_for_level(level).id
        except UnknownProfile:
            continue
    if not found:
        raise Invalid("rulebook: it has no profile for any level")
    return {str(level): next(found[near] for near in _NEAREST[level] if near in found) for level in LEVELS}


def unpacked(row: PublishedRulebook) -> bytes:
    """The bytes as published. Raises LedgerDamaged if they are not those of the row's digest."""
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(row.raw, MAX_RULEBOOK_BYTES + 1)
    except zlib.error:
        raw = b""
    if hashlib.sha256(raw).hexdigest() != row.digest:
        raise LedgerDamaged(
            f"rulebook {row.digest} was changed in the ledger: its bytes are not of that digest, and judge nobody; "
            "run `vonggac-collector ledger verify`, and restore a backup"
        )
    return raw


def odd_rulebooks(
    tx: Transaction, said: Mapping[str, tuple[datetime, str]], until: datetime
) -> dict[str, str]:
    """What is wrong with rulebooks, by digest. `said`: when each was published and its version, says the audit log."""
    here = {digest for digest, _ in tx.rulebooks.published(until)}
    odd = dict.fromkeys(said.keys() - here, "was published, says the audit log, and is not there")
    for digest in here:
        row = tx.rulebooks.get(digest)
        what = "" if row is None else _odd(row, said.get(digest))
        if what:
            odd[digest] = what
    return odd


def _odd(row: PublishedRulebook, said: tuple[datetime, str] | None) -> str:
    try:
        book = load_again(unpacked(row))
    except LedgerDamaged:
        return "its bytes are not of that digest"
    except ContractError:
        book = None  # of a schema that this release does not read any more: its bytes are as they were
    if said is None:
        return "was published by no row of the audit log"
    if said != (row.published_at, _said_of(row)):
        return (
            f"was published at {said[0].isoformat()}, {said[1]}, says the audit log, its row says otherwise"
        )
    if book is not None and msgspec.json.decode(row.levels, type=dict[str, str]) != _levels(book):
        return "its profiles by level are not those that follow from its bytes"
    return ""


def _said_of(row: PublishedRulebook) -> str:
    return f"version {row.version}"


class Shelf:
    """Published rulebooks, loaded once. Safe for several threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._loaded: dict[str, Rulebook] = {}
        self._levels: dict[str, dict[int, str]] = {}
        self._lock = threading.Lock()

    def raw(self, digest: str) -> bytes:
        """The bytes as published. Raises NotFound, LedgerDamaged."""
        with self._ledger.read() as tx:
            row = tx.rulebooks.get(digest)
        if row is None:
            raise NotFound
        return unpacked(row)

    def get(self, digest: str) -> Rulebook:
        """Raises NotFound if it was not published here, LedgerDamaged if its bytes were changed since."""
        with self._lock:
            if digest not in self._loaded:
                self._load(digest)
            return self._loaded[digest]

    def profile_for_level(self, digest: str, level: int) -> str:
        """The profile id of that level (1 to 5). Raises NotFound, LedgerDamaged."""
        self.get(digest)
        return self._levels[digest][level]

    def _load(self, digest: str) -> None:
        with self._ledger.read() as tx:
            row = tx.rulebooks.get(digest)
        if row is None:
            raise NotFound
        book = load_rulebook(unpacked(row))
        self._levels[digest] = {int(level): profile for level, profile in _levels(book).items()}
        self._loaded[digest] = book
