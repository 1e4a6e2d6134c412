"""Heartbeats: one row an agent and day, the late ones by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from vonggac_collector.instants import from_microseconds

from .. import rows
from ..tables import heartbeats, late_heartbeats
from . import together
from .prepared import Prepared, Some
from .tree import chunks, each_agent, plain

_DAY: Final = Some(
    sa.select(heartbeats.c.agent, *[c for c in heartbeats.c if not c.primary_key]).where(
        heartbeats.c.day == sa.bindparam("on")
    ),
    heartbeats.c.agent,
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
        def read(those: list[str]) -> dict[str, rows.HeartbeatDay | None]:
            return {
                of: rows.HeartbeatDay(
                    of, day, mask, epoch, counter, from_microseconds(looked), from_microseconds(received), raw
                )
                for of, mask, epoch, counter, looked, received, raw in _DAY.ask(
                    self._connection, those, on=day
                )
            }

        whole = together.of(self._connection)
        return whole.told(("day", day), agent, read, None, whole.agents)

    def put(self, row: rows.HeartbeatDay, *, first: bool) -> None:
        if first:
            _ADD.later(self._connection, row.agent, 9, [plain(row)])
        else:
            _UPDATE.later(self._connection, row.agent, 10, [plain(row)])
        together.of(self._connection).ahead[("day", row.day), row.agent] = row

    def add_late(self, row: rows.LateHeartbeat) -> None:
        c = late_heartbeats.c
        of_epoch = (c.agent == row.agent) & (c.epoch == row.epoch)
        alike = sa.select(c.looked_at).where(
            of_epoch, (c.counter == row.counter) | (c.looked_at == row.looked_at)
        )
        looks = set(self._connection.execute(alike).scalars())
        if row.looked_at in looks:
            return
        if looks:
            highest = self._connection.execute(sa.select(sa.func.max(c.counter)).where(of_epoch)).scalar_one()
            row = msgspec.structs.replace(row, counter=highest + 1)
        self._connection.execute(late_heartbeats.insert(), plain(row))

    def recent(self, until: date, agents: Sequence[str] | None = None) -> list[tuple[str, date, bytes]]:
        names, known = ("agent", "day", "mask"), heartbeats.c.day <= until
        order = (heartbeats.c.day.desc(),)
        found = each_agent(self._connection, heartbeats, names, known, order, _DAYS_BACK, agents)
        return [(r[0], r[1], r[2]) for r in found]

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

    def days(self, agent: str, limit: int) -> list[rows.HeartbeatDay]:
        query = sa.select(heartbeats).where(heartbeats.c.agent == agent).order_by(heartbeats.c.day.desc())
        return [rows.HeartbeatDay(*r) for r in self._connection.execute(query.limit(limit))]

    def late(self, agent: str, limit: int) -> list[rows.LateHeartbeat]:
        query = sa.select(late_heartbeats).where(late_heartbeats.c.agent == agent)
        newest = query.order_by(late_heartbeats.c.looked_at.desc(), *late_heartbeats.primary_key.columns)
        return [rows.LateHeartbeat(*r) for r in self._connection.execute(newest.limit(limit))]
