"""How long reports are kept, and the job that lets go of what is older.

Reports lie on shelves, by month of receipt and level of their host's system. A shelf that was kept long enough goes as
a whole, after what is still needed or named by a legal hold was moved to a shelf of its own. Nothing else in the
collector deletes a report. A process that dies at it leaves work that is done again without harm.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Final

import msgspec
import structlog

from . import audit
from .background import OnDuty
from .errors import Busy, IndexFailed, StoreFailed
from .holds import Windows, is_named, windows
from .index.interface import Index
from .ledger.interface import Duty, Ledger, Transaction
from .ledger.keeping import HELD, PAST, Cut
from .levels import Levels
from .score.values import LEVELS

Months = Mapping[int, int]
"""Whole months by level."""
DROPPING: Final = "shelf-dropping"
DROPPED: Final = "shelf-dropped"
"""Actions in the audit log: what lies on the shelf counts as gone; nothing lies there any more."""
FORGOTTEN: Final = "heartbeats-forgotten"
"""Likewise, of the level that is its subject: heartbeats of before the moment that is its detail may be gone."""
_SHELF: Final = re.compile(r"(\d{4})-(\d{2})-L([1-5])")
_PAST: Final = re.compile(PAST.format("([1-5])"))
_PAGE: Final = 500
"""Envelopes in one transaction: some 10 MB, so that whoever writes on SQLite waits for some milliseconds."""
_EVERY: Final = timedelta(days=1)
_AGAIN_S: Final = 300.0
_LOG: Final = structlog.get_logger("vonggac.retention")


class Dropped(msgspec.Struct, frozen=True):
    """A shelf that was let go, or would be. `held`: how many of its envelopes stay, on a shelf of their own."""

    shelf: str
    envelopes: int
    looks: int
    changes: int
    held: int


class Retained(msgspec.Struct, frozen=True):
    """What the job did, or would do. `kept_since`: by level, the first moment of which everything is kept."""

    kept_since: dict[int, datetime]
    dropped: list[Dropped]
    heartbeats: int


def load_months(setting: str = "") -> dict[int, int]:
    """The months that reports are kept, by level: those of `keep_months`, or data/retention.csv (see its README)."""
    if setting:
        return dict(zip(LEVELS, map(int, setting.split(",")), strict=True))
    text = resources.files("vonggac_collector").joinpath("data/retention.csv").read_text("utf-8")
    return {int(row["level"]): int(row["months"]) for row in csv.DictReader(text.splitlines())}


def kept_since(now: datetime, months: int) -> datetime:
    """The beginning of the month (UTC) that lies `months` whole months before this one began."""
    number = max(now.year * 12 + now.month - 1 - months, 12)
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def level_of(shelf: str, months: Months, now: datetime) -> int | None:
    """The level of a shelf that was kept long enough; None for any other."""
    past = _PAST.fullmatch(shelf)
    if past is not None:
        return int(past[1])
    found = _SHELF.fullmatch(shelf)
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:
        return None
    level = int(found[3])
    began = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
    return level if began < kept_since(now, months[level]) else None


def whole_since(tx: Transaction) -> datetime | None:
    """The first moment of which nothing was let go: scores of moments before it would be those of what is left."""
    newest, after = "", 0
    while rows := tx.trail.walk(after, _PAGE):
        newest = max(
            [newest, *(r.subject for r in rows if r.action == DROPPED and _SHELF.fullmatch(r.subject))]
        )
        after = rows[-1].number
    return month_after(newest)


def month_after(shelf: str) -> datetime | None:
    """When the month after that of a shelf began; None for one that is of no month."""
    if not _SHELF.fullmatch(shelf):
        return None
    year, month = int(shelf[:4]), int(shelf[5:7])
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def expired(shelves: Iterable[str], months: Months, now: datetime) -> list[tuple[str, int]]:
    """The shelves that were kept long enough, oldest first, with their levels."""
    found = [(shelf, level_of(shelf, months, now)) for shelf in shelves]
    return sorted((shelf, level) for shelf, level in found if level is not None)


def retain(
    ledger: Ledger, months: Months, *, now: datetime, actor: str, index: Index | None = None
) -> Retained:
    """Let go of what was kept long enough, and make the shelves that are needed next.

    The index lets go of the events of months of which no level keeps anything. Raises Busy, StoreFailed, IndexFailed.
    """
    with ledger.write() as tx:
        tx.keeping.make_shelves(now)
    for level in LEVELS:
        _let_go_of_held(ledger, level, kept_since(now, months[level]), now)
    with ledger.read() as tx:
        shelves = expired(tx.keeping.shelves(), months, now)
    dropped = [_drop(ledger, shelf, level, months, now, actor) for shelf, level in shelves]
    # Where a shelf is made before it is used, one that nothing ever lay on goes as well: nothing to tell of.
    dropped = [d for d in dropped if d.envelopes or d.held]
    heartbeats = _forget_heartbeats(ledger, months, now, actor)
    longest = kept_since(now, max(months.values()))
    with ledger.write() as tx:
        tx.keeping.forget_letters(longest)
        tx.people.close_expired(now)
    if index is not None:
        index.forget_events(f"{longest:%Y.%m}")
    return Retained({level: kept_since(now, months[level]) for level in LEVELS}, dropped, heartbeats)


def foresee(ledger: Ledger, months: Months, now: datetime) -> Retained:
    """What `retain` would drop, of shelves by month; nothing is changed. Heartbeats are not counted."""
    found = []
    with ledger.read() as tx:
        for shelf, level in expired(tx.keeping.shelves(), months, now):
            size = tx.keeping.size(shelf)
            held = _would_stay(tx, shelf, kept_since(now, months[level]), windows(tx, now))
            found.append(Dropped(shelf, size.envelopes - held, size.looks, size.changes, held))
    told = [d for d in found if d.envelopes or d.held]
    return Retained({level: kept_since(now, months[level]) for level in LEVELS}, told, 0)


def _would_stay(tx: Transaction, shelf: str, since: datetime, named: Windows) -> int:
    needed, after = tx.keeping.needed(shelf, since), ""
    found = len(needed)
    while named and (page := tx.keeping.page(shelf, after, _PAGE)):
        found += sum(k.digest not in needed and is_named(named.get(k.agent, ()), k.received_at) for k in page)
        after = page[-1].digest
    return found


def cuts_digest(cuts: Iterable[Cut]) -> str:
    """SHA-256 over the record of cuts in its order: so the audit log vouches for it."""
    made = hashlib.sha256()
    for cut in cuts:
        made.update(f"{cut.agent} {cut.epoch} {cut.sequence} {cut.digest}\n".encode())
    return made.hexdigest()


def all_cuts(tx: Transaction) -> Iterator[Cut]:
    """Every cut, in order."""
    after = ("", 0, 0)
    while page := tx.keeping.cuts(after, _PAGE):
        yield from page
        after = (page[-1].agent, page[-1].epoch, page[-1].sequence)


def _hold_back(ledger: Ledger, shelf: str, level: int, since: datetime, named: Windows) -> int:
    """Move what is needed or named to where it is held; says how many envelopes that were."""
    to, after, moved = HELD.format(level), "", 0
    with ledger.read() as tx:
        needed = sorted(tx.keeping.needed(shelf, since))
    for start in range(0, len(needed), _PAGE):
        with ledger.write() as tx:
            tx.keeping.move(shelf, to, needed[start : start + _PAGE])
    while named:
        with ledger.write() as tx:
            page = tx.keeping.page(shelf, after, _PAGE)
            names = [k.digest for k in page if is_named(named.get(k.agent, ()), k.received_at)]
            tx.keeping.move(shelf, to, names)
        moved += len(names)
        if len(page) < _PAGE:
            break
        after = page[-1].digest
    return len(needed) + moved


def _let_go_of_held(ledger: Ledger, level: int, since: datetime, now: datetime) -> None:
    """Move what is no longer needed nor named to the shelf that goes next."""
    shelf, after = HELD.format(level), ""
    with ledger.read() as tx:
        needed, named = tx.keeping.needed(shelf, since), windows(tx, now)
    while True:
        with ledger.write() as tx:
            page = tx.keeping.page(shelf, after, _PAGE)
            gone = [
                k.digest
                for k in page
                if k.digest not in needed and not is_named(named.get(k.agent, ()), k.received_at)
            ]
            tx.keeping.move(shelf, PAST.format(level), gone)
        if len(page) < _PAGE:
            return
        after = page[-1].digest


def _drop(ledger: Ledger, shelf: str, level: int, months: Months, now: datetime, actor: str) -> Dropped:
    """One shelf. What was decided on is looked at again under a lock, and done again if a hold came meanwhile."""
    held = 0
    while True:
        with ledger.read() as tx:
            named = windows(tx, now)
        held += _hold_back(ledger, shelf, level, kept_since(now, months[level]), named)
        with ledger.read() as tx:
            ends, size = tx.keeping.ends(shelf), tx.keeping.size(shelf)
        with ledger.write() as tx:
            tx.keeping.freeze()
            if windows(tx, now) != named:
                continue
            tx.keeping.cut(shelf, ends)
            if size.envelopes == held == 0:
                tx.keeping.drop(shelf, "", _PAGE)
                return Dropped(shelf, 0, 0, 0, 0)
            said = {**msgspec.structs.asdict(size), "held": held, "cuts": cuts_digest(all_cuts(tx))}
            audit.record(tx, now, actor, DROPPING, shelf, msgspec.json.encode(said).decode())
            after = tx.keeping.drop(shelf, "", _PAGE)
            if after is None:
                audit.record(tx, now, actor, DROPPED, shelf)
        break
    while after is not None:
        with ledger.write() as tx:
            after = tx.keeping.drop(shelf, after, _PAGE)
            if after is None:
                audit.record(tx, now, actor, DROPPED, shelf)
    return Dropped(shelf, size.envelopes, size.looks, size.changes, held)


def _forget_heartbeats(ledger: Ledger, months: Months, now: datetime, actor: str) -> int:
    """By the level that each host's system has now; returns how many rows that were.

    A row of the audit log says so, of each level, in the transaction that does it first.
    """
    with ledger.read() as tx:
        levels, named = _levels(tx, now), windows(tx, now)
    alike: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for agent, level in levels.items():
        alike.setdefault((level, tuple(h.id for h in named.get(agent, ()))), []).append(agent)
    forgotten, told = 0, set[int]()
    for (level, _), agents in alike.items():
        since = kept_since(now, months[level])
        for start in range(0, len(agents), _PAGE):
            with ledger.write() as tx:
                gone = tx.keeping.forget_heartbeats(
                    agents[start : start + _PAGE], since, named.get(agents[0], ())
                )
                if gone and level not in told:
                    audit.record(tx, now, actor, FORGOTTEN, f"L{level}", since.isoformat())
            if gone:
                told.add(level)
                forgotten += gone
    return forgotten


def _levels(tx: Transaction, now: datetime) -> dict[str, int]:
    levels = Levels(tx.tree.systems(now))
    return {p.host: levels.of(p) for p in tx.tree.placements(now)}


class Keeper(OnDuty):
    """A thread that lets go once a day, while no other worker does. What is busy or failing waits some minutes."""

    failed = "retention failed, will be tried again"
    tried_again = (Busy, StoreFailed, IndexFailed)

    def __init__(self, ledger: Ledger, index: Index, months: Months, now: Callable[[], datetime]) -> None:
        super().__init__("retention", ledger, "retention")
        self._index = index
        self._months = months
        self._now = now
        self._due: datetime | None = None

    def turn(self, duty: Duty) -> None:
        """Let go, if a day has passed."""
        now = self._now()
        if (self._due is None or now >= self._due) and duty.held():
            self._retain(now)
            self._due = now + _EVERY

    def pause_s(self, took_s: float) -> float:
        """Some minutes."""
        return _AGAIN_S

    def _retain(self, now: datetime) -> None:
        done = retain(self._ledger, self._months, now=now, actor="worker", index=self._index)
        for shelf in done.dropped:
            _LOG.info("a shelf was let go", **msgspec.structs.asdict(shelf))
