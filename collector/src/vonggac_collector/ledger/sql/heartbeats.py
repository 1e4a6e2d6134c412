"""Heartbeats: one row an agent and day, the late ones by themselves."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import sqlalchemy as sa

from .. import rows
from ..tables import from_microseconds, heartbeats, late_heartbeats
from .prepared import Prepared
from .tree import plain

_DAY: Final = Prepared(
    sa.select(*[c for c in heartbeats.c if not c.primary_key]).where(
        heartbeats.c.agent == sa.bindparam("agent"), heartbeats.c.day == sa.bindparam("on")
    )
)
_ADD: Final = Prepared(heartbeats.insert())
_SET: Final = ", ".join(f"{c.name} = :{c.name}" for c in heartbeats.c if not c.primary_key)
_UPDATE: Final = Prepared(
    sa.text(f"UPDATE heartbeats SET {_SET} WHERE agent = :agent AND day = :day")  # noqa: S608  names of columns
)
_DAYS_BACK: Final = 3


class SqlHeartbeats:
    """See interface.Heartbeats."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def day(self, agent: str, day: date) -> rows.HeartbeatDay | None:
        row = _DAY.run(self._connection, {"agent": agent, "on": day}).first()
        if row is None:
            return None
        mask, epoch, counter, looked_at, received_at, raw = tuple(row)
        times = from_microseconds(looked_at), from_microseconds(received_at)
        return rows.HeartbeatDay(agent, day, mask, epoch, counter, *times, raw)

    def put(self, row: rows.HeartbeatDay, *, first: bool) -> None:
        (_ADD if first else _UPDATE).run(self._connection, plain(row))

    def add_late(self, row: rows.LateHeartbeat) -> None:
        here = sa.select(late_heartbeats.c.counter).where(
            late_heartbeats.c.agent == row.agent,
            late_heartbeats.c.epoch == row.epoch,
            late_heartbeats.c.counter == row.counter,
        )
        if self._connection.execute(here).first() is None:
            self._connection.execute(late_heartbeats.insert(), plain(row))

    def recent(self, until: date) -> list[tuple[str, date, bytes]]:
        place = sa.func.row_number().over(partition_by=heartbeats.c.agent, order_by=heartbeats.c.day.desc())
        ranked = (
            sa.select(heartbeats.c.agent, heartbeats.c.day, heartbeats.c.mask, place.label("place"))
            .where(heartbeats.c.day <= until)
            .subquery()
        )
        query = sa.select(ranked.c.agent, ranked.c.day, ranked.c.mask).where(ranked.c.place <= _DAYS_BACK)
        return [(r.agent, r.day, r.mask) for r in self._connection.execute(query)]

    def newest_late(self, as_of: datetime) -> dict[str, datetime]:
        query = (
            sa.select(late_heartbeats.c.agent, sa.func.max(late_heartbeats.c.looked_at).label("looked_at"))
            .where(late_heartbeats.c.received_at <= as_of)
            .group_by(late_heartbeats.c.agent)
        )
        return {r.agent: r.looked_at for r in self._connection.execute(query)}

    def newest(self, agent: str, as_of: datetime) -> datetime | None:
        times = [
            self._connection.execute(
                sa.select(sa.func.max(t.c.looked_at)).where(t.c.agent == agent, t.c.received_at <= as_of)
            ).scalar()
            for t in (heartbeats, late_heartbeats)
        ]
        return max((t for t in times if t is not None), default=None)
