"""Rulebooks that hosts are judged by: publishing one, and having them loaded. The engine itself is `vonggac_rules`.

A row's bytes judge nobody unless their SHA-256 is the digest that they are asked for by.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from vonggac_contract.errors import ContractError
from vonggac_rules import repository
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES, Rulebook, UnknownProfile, load_again, load_rulebook

from . import audit
from .errors import Invalid, LedgerDamaged, NotFound
from .ingest.judgement import LEVELS
from .instants import FAR, written
from .ledger.interface import Ledger, Transaction
from .ledger.policy import Trial
from .ledger.rows import PublishedRulebook
from .trials import said_of
from .unit_tree import UnitTree

PUBLISHED: Final = "rulebook-published"
TRIED: Final = "rulebook-tried"
TRIAL: Final = "rulebook-trial"
"""The actions in the audit log; the subject is the digest. The second is of a rulebook's first trial, the third of each
word about who takes part."""
_NEAREST: Final = {level: sorted(LEVELS, key=lambda other: (abs(other - level), -other)) for level in LEVELS}


def publish(ledger: Ledger, raw: bytes, *, now: datetime, actor: str) -> Rulebook:
    """Judge every host by this compiled rulebook from `now` on. Publishing the same one twice changes nothing.

    Raises ContractError for bytes that are no rulebook, Invalid for one without profiles, or that the policy repository
    does not vouch for (`policy.vouch`): no machine would take it.
    """
    book = load_rulebook(raw)
    row = _row(book, raw, now)
    with ledger.write() as tx:
        _require_voucher(tx, book.digest)
        before = tx.rulebooks.get(book.digest)
        if before is None:
            tx.rulebooks.add(row)
        elif before.published_at == FAR:
            tx.rulebooks.publish(book.digest, now)
        else:
            return book
        audit.record(tx, now, actor, PUBLISHED, book.digest, _said_of(row))
        tx.outbox.add("rulebook", [book.digest], now)
    return book


def _row(book: Rulebook, raw: bytes, at: datetime) -> PublishedRulebook:
    return PublishedRulebook(
        book.digest, book.version, at, msgspec.json.encode(_levels(book)), zlib.compress(raw)
    )


def _require_voucher(tx: Transaction, digest: str) -> None:
    """Until the transaction ends the repository stays as it is. Raises Invalid."""
    tx.policy.hold()
    if not repository.vouches(tx.policy.all(), digest):
        raise Invalid(f"rulebook {digest}: the policy repository does not vouch for it (docs/policy.md)")


def try_out(
    ledger: Ledger, raw: bytes, share: int | None, units: Sequence[str], *, now: datetime, actor: str
) -> Rulebook:
    """Judge some by this rulebook before all others: `share` of a hundred machines, and those of `units` and beneath.

    In place of the trial before; of the one of the same rulebook stays what is not said anew, and its share does not
    shrink: who tries it would go back without a word. `publish` makes it the rulebook of all. Raises ContractError for
    bytes that are no rulebook, NotFound for a unit that is not there, Invalid for a share beyond 0 to 99 or a smaller
    one, a trial by nobody, a rulebook that is in force already or that the policy repository does not vouch for.
    """
    book = load_rulebook(raw)
    if not 0 <= (share or 0) < 100:
        raise Invalid(f"share: {share} is not between 0 and 99; `rulebook publish` takes all")
    row = _row(book, raw, FAR)
    with ledger.write() as tx:
        _require_voucher(tx, book.digest)
        if not tx.rulebooks.published(now):
            raise Invalid("rulebook: there is none in force yet; publish this one")
        before = tx.rulebooks.get(book.digest)
        if before is not None and before.published_at != FAR:
            raise Invalid(f"rulebook {book.digest}: was published to all already")
        share, taken = _who(tx, book.digest, share, _beneath(tx, units, now), now)
        if before is None:
            tx.rulebooks.add(row)
            audit.record(tx, now, actor, TRIED, book.digest, _said_of(row))
        _note_trial(tx, book.digest, share, taken, now, actor)
        tx.outbox.add("rulebook", [book.digest], now)
    return book


def _who(
    tx: Transaction, digest: str, share: int | None, units: list[str], now: datetime
) -> tuple[int, list[str]]:
    """Share and units: those said, else those of the trial of the same rulebook."""
    trial = trial_of(tx, now)
    if trial is not None and trial.rulebook == digest:
        share = trial.share if share is None else share
        if share < trial.share:
            raise Invalid(
                f"share: {trial.share} of a hundred machines try it, {share} are fewer; to begin anew with fewer: "
                "vonggac-collector rulebook end-trial, and try again"
            )
        units = units or trial.codes
    if not share and not units:
        raise Invalid("share, unit: nobody would try it; give one of them")
    return share or 0, units


def end_trial(ledger: Ledger, *, now: datetime, actor: str) -> None:
    """Judge those who tried a rulebook by the one of all others again. Raises NotFound if nobody tries any."""
    with ledger.write() as tx:
        trial = trial_of(tx, now)
        if trial is None:
            raise NotFound
        _note_trial(tx, trial.rulebook, 0, [], now, actor)


def trial_of(tx: Transaction, now: datetime) -> Trial | None:
    """The trial that is on."""
    newest = next(reversed(tx.rulebooks.trials(now)), None)
    if newest is None or not newest.on:
        return None
    row = tx.rulebooks.get(newest.rulebook)
    return newest if row is not None and row.published_at == FAR else None


def _note_trial(
    tx: Transaction, digest: str, share: int, units: Sequence[str], now: datetime, actor: str
) -> None:
    number = max((t.number for t in tx.rulebooks.trials(FAR)), default=0) + 1
    trial = Trial(number, now, digest, share, msgspec.json.encode(units))
    tx.rulebooks.try_out(trial)
    audit.record(tx, now, actor, TRIAL, digest, said_of(trial))


def _beneath(tx: Transaction, units: Sequence[str], now: datetime) -> list[str]:
    """The units and those beneath them now."""
    tree = UnitTree(tx.tree.units(now))
    if any(code not in tree.units for code in units):
        raise NotFound
    return sorted({beneath for code in units for beneath in tree.subtree(code)})


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
        return f"was published at {written(said[0])}, {said[1]}, says the audit log, its row says otherwise"
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
