"""Rulebooks that hosts are judged by: publishing one, and having them loaded. The engine itself is `vonggac_rules`."""

from __future__ import annotations

import threading
import zlib
from datetime import datetime
from typing import Final

import msgspec

from vonggac_rules.rulebook import Rulebook, UnknownProfile, load_rulebook

from . import audit
from .errors import Invalid, NotFound
from .ingest.judgement import LEVELS
from .ledger.interface import Ledger
from .ledger.rows import PublishedRulebook

_NEAREST: Final = {level: sorted(LEVELS, key=lambda other: (abs(other - level), -other)) for level in LEVELS}


def publish(ledger: Ledger, raw: bytes, *, now: datetime, actor: str) -> Rulebook:
    """Judge every host by this compiled rulebook from `now` on. Publishing the same one twice changes nothing.

    Raises ContractError for bytes that are no rulebook, Invalid for one without profiles.
    """
    book = load_rulebook(raw)
    row = PublishedRulebook(
        book.digest, book.version, now, msgspec.json.encode(_levels(book)), zlib.compress(raw)
    )
    with ledger.write() as tx:
        if tx.rulebooks.get(book.digest) is None:
            tx.rulebooks.add(row)
            audit.record(tx, now, actor, "rulebook-published", book.digest, f"version {book.version}")
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


class Shelf:
    """Published rulebooks, loaded once. Safe for several threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._loaded: dict[str, Rulebook] = {}
        self._levels: dict[str, dict[int, str]] = {}
        self._lock = threading.Lock()

    def raw(self, digest: str) -> bytes:
        """The bytes as published. Raises NotFound."""
        with self._ledger.read() as tx:
            row = tx.rulebooks.get(digest)
        if row is None:
            raise NotFound
        return zlib.decompress(row.raw)

    def get(self, digest: str) -> Rulebook:
        """Raises NotFound if it was not published here."""
        with self._lock:
            if digest not in self._loaded:
                self._load(digest)
            return self._loaded[digest]

    def profile_for_level(self, digest: str, level: int) -> str:
        """The profile id of that level (1 to 5). Raises NotFound."""
        self.get(digest)
        return self._levels[digest][level]

    def _load(self, digest: str) -> None:
        with self._ledger.read() as tx:
            row = tx.rulebooks.get(digest)
        if row is None:
            raise NotFound
        self._loaded[digest] = load_rulebook(zlib.decompress(row.raw))
        self._levels[digest] = {int(k): v for k, v in msgspec.json.decode(row.levels).items()}
