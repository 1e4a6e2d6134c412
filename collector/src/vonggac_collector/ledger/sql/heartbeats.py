"""Heartbeats: one row an agent and day, the late ones by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa

from .. import rows, tables
from ..tables import from_microseconds, heartbeats, late_heartbeats
from .prepared import Prepared
from .tree import chunks, plain

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
_LATER: Final = heartbeats.alias()
_RECENT: Final = (
    sa.select(heartbeats.c.agent, heartbeats.c.day, heartbeats.c.mask)
    .select_from(heartbeats)
    .join(
        tables.agents,
        (heartbeats.c.agent == tables.agents.c.id)
        & heartbeats.c.day.in_(
            sa.select(_LATER.c.day)
            .where(_LATER.c.agent == tables.agents.c.id, _LATER.c.day <= sa.bindparam("until"))
            .order_by(_LATER.c.day.desc())
            .limit(_DAYS_BACK)
            .correlate(tables.agents)
        ),
    )
)
"""One step down an index for each agent: a window over all days would read years of them."""


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

    def recent(self, until: date, agents: Sequence[str] | None = None) -> list[tuple[str, date, bytes]]:
        parts = chunks(_RECENT, tables.agents.c.id, agents)
        return [(r[0], r[1], r[2]) for q in parts for r in self._connection.execute(q, {"until": until})]

    def newest_late(self, as_of: datetime, agents: Sequence[str] | None = None) -> dict[str, datetime]:
        query = (
            sa.select(late_heartbeats.c.agent, sa.func.max(late_heartbeats.c.looked_at).label("looked_at"))
            .where(late_heartbeats.c.received_at <= as_of)
            .group_by(late_heartbeats.c.agent)
        )
        parts = chunks(query, late_heartbeats.c.agent, agents)
        return {r.agent: r.looked_at for q in parts for r in self._connection.execute(q)}

    def newest(self, agent: str, as_of: datetime) -> datetime | None:
        times = [
            self._connection.execute(
                sa.select(sa.func.max(t.c.looked_at)).where(t.c.agent == agent, t.c.received_at <= as_of)
            ).scalar()
            for t in (heartbeats, late_heartbeats)
        ]
        return max((t for t in times if t is not None), default=None)
