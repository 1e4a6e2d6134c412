"""Legal holds, and shelves that are let go. What may go is decided in `retention`; this room moves and drops it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from vonggac_collector.errors import Busy

from ..keeping import REPORTS_DROPPED, Cut, Hold, Kept, ShelfSize
from ..tables import (
    agents,
    changes,
    cuts,
    dead_letters,
    envelopes,
    heartbeats,
    late_heartbeats,
    legal_holds,
    looks,
    placements,
)
from . import shelves
from .heartbeats import _DAYS_BACK
from .postgres import LOCK_TIMEOUT, hold, without_timeouts
from .prepared import Prepared
from .tree import _IN_CHUNK, plain

_LOCK_MS: Final = (300,) * 6 + (1_000,) * 6 + (3_000,) * 3
"""How long all others may stand behind a lock that is not had yet, each time; less than they wait for one."""
_WAITED: Final = ("55P03", "40P01")
"""Lock timeout; deadlock."""
_OF_CHANGES: Final = "WHERE agent = :agent AND epoch = :epoch AND sequence = :sequence AND shelf = :shelf"
_MOVE_CHANGES: Final = Prepared(sa.text(f"UPDATE changes SET shelf = :to {_OF_CHANGES}"))  # noqa: S608  fixed text
_DROP_CHANGES: Final = Prepared(sa.text(f"DELETE FROM changes {_OF_CHANGES}"))  # noqa: S608
_PUT_CUT: Final = Prepared(
    sa.text(
        "INSERT INTO cuts (agent, epoch, sequence, digest) VALUES (:agent, :epoch, :sequence, :digest)"
        " ON CONFLICT (agent, epoch, sequence) DO NOTHING"
    )
)


def _over_dropped(after: sa.FromClause, before: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a flagged look comes right after a place (of a look or a cut), over reports that the machine dropped."""

    def between(kind: sa.FromClause) -> sa.Exists:
        it = kind.alias("between")
        return (
            sa.select(it.c.digest)
            .where(
                it.c.agent == after.c.agent,
                it.c.epoch == after.c.epoch,
                it.c.sequence > before.c.sequence,
                it.c.sequence < after.c.sequence,
            )
            .correlate_except(it)
            .exists()
        )

    return sa.and_(
        after.c.flags.like(f"%{REPORTS_DROPPED}%"),
        after.c.agent == before.c.agent,
        after.c.epoch == before.c.epoch,
        after.c.sequence > before.c.sequence + 1,
        ~between(looks),
        ~between(cuts),
    )


class SqlKeeping:
    """See interface.Keeping."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._partitioned = connection.dialect.name == "postgresql"

    def freeze(self) -> None:
        hold(self._connection, "legal holds")

    def add_hold(self, row: Hold) -> None:
        self._connection.execute(legal_holds.insert(), plain(row))

    def release_hold(self, identifier: str, at: datetime, by: str, reason: str) -> None:
        self._connection.execute(
            legal_holds.update()
            .where(legal_holds.c.id == identifier)
            .values(released_at=at, released_by=by, release_reason=reason)
        )

    def holds(self) -> list[Hold]:
        query = sa.select(legal_holds).order_by(legal_holds.c.at, legal_holds.c.id)
        return [Hold(*r) for r in self._connection.execute(query)]

    def placed(self, since: datetime, until: datetime | None) -> list[tuple[str, str, str | None]]:
        query = sa.select(placements.c.host, placements.c.unit, placements.c.system).where(
            placements.c.until.is_(None) | (placements.c.until > since)
        )
        if until is not None:
            query = query.where(placements.c.since < until)
        return [(r.host, r.unit, r.system) for r in self._connection.execute(query)]

    def make_shelves(self, now: datetime) -> None:
        hold(self._connection, "shelves")
        shelves.make(self._connection, shelves.coming(now))

    def shelves(self) -> list[str]:
        if not self._partitioned:
            return sorted(r[0] for r in self._connection.execute(sa.select(envelopes.c.shelf).distinct()))
        other = self._connection.exec_driver_sql("SELECT DISTINCT shelf FROM envelopes_other")
        return sorted({*shelves.made(self._connection), *(str(r[0]) for r in other)})

    def size(self, shelf: str) -> ShelfSize:
        return ShelfSize(
            *(
                self._connection.execute(
                    sa.select(sa.func.count()).select_from(t).where(t.c.shelf == shelf)
                ).scalar_one()
                for t in (envelopes, looks, changes)
            )
        )

    def page(self, shelf: str, after: str, limit: int) -> list[Kept]:
        query = (
            sa.select(envelopes.c.digest, envelopes.c.agent, envelopes.c.received_at)
            .where(envelopes.c.shelf == shelf, envelopes.c.digest > after)
            .order_by(envelopes.c.digest)
            .limit(limit)
        )
        return [Kept(*r) for r in self._connection.execute(query)]

    def needed(self, shelf: str, since: datetime) -> set[str]:
        place = sa.func.row_number().over(
            partition_by=looks.c.agent, order_by=(looks.c.epoch.desc(), looks.c.sequence.desc())
        )
        there = (
            sa.select(looks.c.digest, looks.c.agent, looks.c.epoch, looks.c.sequence, place.label("place"))
            .where(looks.c.shelf == shelf, looks.c.committed_at < since)
            .subquery()
        )
        newer = (
            sa.select(looks.c.digest)
            .where(
                looks.c.agent == there.c.agent,
                looks.c.committed_at < since,
                looks.c.shelf != shelf,
                sa.tuple_(looks.c.epoch, looks.c.sequence) > sa.tuple_(there.c.epoch, there.c.sequence),
            )
            .exists()
        )
        here = envelopes.c.shelf == shelf
        of_agent = sa.select(envelopes.c.digest).join(agents, agents.c.id == envelopes.c.agent)
        query = sa.union_all(
            sa.select(there.c.digest).where(there.c.place == 1, ~newer),
            sa.select(looks.c.digest).where(looks.c.shelf == shelf, looks.c.committed_at >= since),
            sa.select(envelopes.c.digest)
            .join(agents, agents.c.head_digest == envelopes.c.digest)
            .where(here),
            of_agent.where(here, envelopes.c.epoch == agents.c.epoch, envelopes.c.state != "committed"),
        )
        return {r[0] for r in self._connection.execute(query)}

    def move(self, shelf: str, to: str, digests: Sequence[str]) -> None:
        for start in range(0, len(digests), _IN_CHUNK):
            chunk = digests[start : start + _IN_CHUNK]
            links = self._links(shelf, chunk)
            _MOVE_CHANGES.run_each(self._connection, (link | {"to": to} for link in links))
            for table in (envelopes, looks):
                self._connection.execute(
                    table.update().where(table.c.shelf == shelf, table.c.digest.in_(chunk)).values(shelf=to)
                )

    def ends(self, shelf: str) -> list[Cut]:
        after = looks.alias("next")
        follows = (
            (after.c.agent == looks.c.agent)
            & (after.c.epoch == looks.c.epoch)
            & (after.c.sequence == looks.c.sequence + 1)
        )
        on_shelf = sa.select(after.c.digest).where(follows, after.c.shelf == shelf).exists()
        elsewhere = sa.select(after.c.digest).where(follows, after.c.shelf != shelf).exists()
        place = sa.select(looks.c.agent, looks.c.epoch, looks.c.sequence, looks.c.digest)
        query = sa.union(
            place.where(looks.c.shelf == shelf, ~on_shelf, elsewhere),
            place.where(_over_dropped(after, looks), looks.c.shelf == shelf, after.c.shelf != shelf),
        )
        return [Cut(*r) for r in self._connection.execute(query)]

    def cut(self, shelf: str, ends: Sequence[Cut]) -> None:
        after = (
            sa.select(looks.c.digest)
            .where(
                looks.c.agent == cuts.c.agent,
                looks.c.epoch == cuts.c.epoch,
                looks.c.sequence == cuts.c.sequence + 1,
                looks.c.shelf == shelf,
            )
            .exists()
        )
        dropped = looks.alias("next")
        over = (
            sa.select(dropped.c.digest).where(_over_dropped(dropped, cuts), dropped.c.shelf == shelf).exists()
        )
        self._connection.execute(cuts.delete().where(after | over))
        _PUT_CUT.run_each(self._connection, map(plain, ends))

    def cuts(self, after: tuple[str, int, int], limit: int) -> list[Cut]:
        key = sa.tuple_(cuts.c.agent, cuts.c.epoch, cuts.c.sequence)
        query = sa.select(cuts).where(key > after).order_by(*cuts.primary_key.columns).limit(limit)
        return [Cut(*r) for r in self._connection.execute(query)]

    def drop(self, shelf: str, after: str, limit: int) -> str | None:
        if self._partitioned and shelf in shelves.made(self._connection):
            self._lock()
            shelves.drop(self._connection, shelf)
            return None
        digests = [k.digest for k in self.page(shelf, after, limit)]
        for start in range(0, len(digests), _IN_CHUNK):
            chunk = digests[start : start + _IN_CHUNK]
            _DROP_CHANGES.run_each(self._connection, self._links(shelf, chunk))
            for table in (looks, envelopes):
                self._connection.execute(
                    table.delete().where(table.c.shelf == shelf, table.c.digest.in_(chunk))
                )
        return digests[-1] if len(digests) == limit else None

    def forget_heartbeats(self, agents: Sequence[str], since: datetime, named: Sequence[Hold]) -> int:
        day, late = heartbeats.alias("newer_day"), late_heartbeats.alias("newer")
        newer_days = (
            sa.select(sa.func.count())
            .where(day.c.agent == heartbeats.c.agent, day.c.day > heartbeats.c.day, day.c.day < since.date())
            .scalar_subquery()
        )
        newer = (
            sa.select(late.c.counter)
            .where(
                late.c.agent == late_heartbeats.c.agent,
                late.c.received_at < since,
                sa.tuple_(late.c.looked_at, late.c.epoch, late.c.counter)
                > sa.tuple_(late_heartbeats.c.looked_at, late_heartbeats.c.epoch, late_heartbeats.c.counter),
            )
            .exists()
        )
        forgotten = 0
        for table, old in (
            (heartbeats, (heartbeats.c.day < since.date()) & (newer_days >= _DAYS_BACK)),
            (late_heartbeats, (late_heartbeats.c.received_at < since) & newer),
        ):
            for h in named:
                inside = table.c.received_at >= h.since
                old &= ~(inside if h.until is None else inside & (table.c.received_at < h.until))
            for start in range(0, len(agents), _IN_CHUNK):
                chunk = agents[start : start + _IN_CHUNK]
                forgotten += self._connection.execute(
                    table.delete().where(table.c.agent.in_(chunk), old)
                ).rowcount
        return forgotten

    def forget_letters(self, before: datetime) -> int:
        return self._connection.execute(dead_letters.delete().where(dead_letters.c.at < before)).rowcount

    def _links(self, shelf: str, digests: Sequence[str]) -> list[dict[str, object]]:
        query = sa.select(looks.c.agent, looks.c.epoch, looks.c.sequence, looks.c.shelf).where(
            looks.c.shelf == shelf, looks.c.digest.in_(digests)
        )
        return [dict(r) for r in self._connection.execute(query).mappings()]

    def _lock(self) -> None:
        """All of what dropping a partition locks, its foreign keys' table too, in the order in which ingest does."""
        without_timeouts(self._connection)
        for milliseconds in _LOCK_MS:
            self._connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
            try:
                with self._connection.begin_nested():
                    self._connection.exec_driver_sql(
                        "LOCK TABLE agents, envelopes, looks, changes IN ACCESS EXCLUSIVE MODE"
                    )
                # Whoever appends to the audit log next may be waited for as usual.
                self._connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                return
            except DBAPIError as e:
                if getattr(e.orig, "sqlstate", None) not in _WAITED:
                    raise
            time.sleep(milliseconds / 1_000)
        raise Busy("the shelf is being read or written all the time")
