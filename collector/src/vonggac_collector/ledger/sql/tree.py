"""Units, systems, hosts and their placements; rulebooks; daily scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from .. import rows
from ..policy import Trial
from ..tables import agents, hosts, placements, rulebooks, scores_daily, system_levels, systems, trials, units
from .prepared import upsert

_IN_CHUNK: Final = 500
"""Values in one IN list: well under SQLite's and PostgreSQL's limits."""


_PLACEMENT: Final = (
    placements.c.host,
    placements.c.unit,
    placements.c.system,
    placements.c.criticality,
    placements.c.profile,
    placements.c.since,
)
_SYSTEM: Final = (
    systems.c.id,
    systems.c.unit,
    systems.c.name_vi,
    systems.c.name_en,
    system_levels.c.level,
    systems.c.sample,
    systems.c.created_at,
)
_LOCATED: Final = sa.select(*hosts.c, *_PLACEMENT).join(placements, placements.c.host == hosts.c.id)


def _valid(table: sa.Table, as_of: datetime) -> sa.ColumnElement[bool]:
    return (table.c.since <= as_of) & (table.c.until.is_(None) | (table.c.until > as_of))


def under(unit: str) -> sa.Select[tuple[str]]:
    """The code of the unit and those of all units beneath it."""
    found = sa.select(units.c.code).where(units.c.code == unit).cte("beneath", recursive=True)
    found = found.union_all(sa.select(units.c.code).join(found, units.c.parent == found.c.code))
    return sa.select(found.c.code)


def plain(row: msgspec.Struct) -> dict[str, Any]:
    """A row's values by column."""
    return msgspec.structs.asdict(row)


class SqlTree:
    """See interface.Tree."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add_unit(self, unit: rows.Unit) -> None:
        self._connection.execute(units.insert(), plain(unit))

    def add_system(self, system: rows.System) -> None:
        values = plain(system)
        level = values.pop("level")
        self._connection.execute(systems.insert(), values)
        self.set_level(system.id, level, system.created_at)

    def set_level(self, system: str, level: int, since: datetime) -> None:
        # A level that was in force for no time at all is replaced, not ended.
        self._connection.execute(
            system_levels.delete().where(system_levels.c.system == system, system_levels.c.since == since)
        )
        self._connection.execute(
            system_levels.update()
            .where(system_levels.c.system == system, system_levels.c.until.is_(None))
            .values(until=since)
        )
        self._connection.execute(system_levels.insert(), {"system": system, "since": since, "level": level})

    def add_host(self, host: rows.Host) -> None:
        self._connection.execute(hosts.insert(), plain(host))

    def describe_host(self, host: str, hostname: str, os: str) -> None:
        self._connection.execute(hosts.update().where(hosts.c.id == host).values(hostname=hostname, os=os))

    def place(self, placement: rows.Placement) -> None:
        self._connection.execute(
            placements.delete().where(
                placements.c.host == placement.host, placements.c.since == placement.since
            )
        )
        self._connection.execute(
            placements.update()
            .where(placements.c.host == placement.host, placements.c.until.is_(None))
            .values(until=placement.since)
        )
        self._connection.execute(placements.insert(), plain(placement))

    def units(self, as_of: datetime) -> list[rows.Unit]:
        found = [
            rows.Unit(*r)
            for r in self._connection.execute(sa.select(units).where(units.c.created_at <= as_of))
        ]
        return parents_first(found)

    def is_sample(self, unit: str) -> bool:
        return bool(self._connection.execute(sa.select(units.c.sample).where(units.c.code == unit)).scalar())

    def unit_count(self, as_of: datetime) -> int:
        query = sa.select(sa.func.count()).select_from(units).where(units.c.created_at <= as_of)
        return self._connection.execute(query).scalar_one()

    def systems(self, as_of: datetime, units: Sequence[str] | None = None) -> list[rows.System]:
        query = (
            sa.select(*_SYSTEM)
            .join(system_levels, system_levels.c.system == systems.c.id)
            .where(_valid(system_levels, as_of))
            .order_by(systems.c.id)
        )
        parts = chunks(query, systems.c.unit, units)
        found = [rows.System(*r) for q in parts for r in self._connection.execute(q)]
        return sorted(found, key=lambda s: s.id)

    def hosts(self, as_of: datetime) -> list[rows.Host]:
        query = sa.select(hosts).where(hosts.c.expected_since <= as_of).order_by(hosts.c.id)
        return [rows.Host(*r) for r in self._connection.execute(query)]

    def host_count(self, as_of: datetime) -> int:
        query = sa.select(sa.func.count()).select_from(hosts).where(hosts.c.expected_since <= as_of)
        return self._connection.execute(query).scalar_one()

    def newest_hosts(
        self, above: str, since: datetime, as_of: datetime, limit: int
    ) -> list[tuple[rows.Host, rows.Placement]]:
        query = (
            _LOCATED.where(
                hosts.c.expected_since.between(since, as_of),
                _valid(placements, as_of),
                placements.c.unit.in_(under(above)),
            )
            .order_by(hosts.c.expected_since.desc(), hosts.c.id)
            .limit(limit)
        )
        return [_located(r) for r in self._connection.execute(query)]

    def placements(self, as_of: datetime, units: Sequence[str] | None = None) -> list[rows.Placement]:
        query = sa.select(*_PLACEMENT).where(_valid(placements, as_of))
        parts = chunks(query, placements.c.unit, units)
        return [rows.Placement(*r) for q in parts for r in self._connection.execute(q)]

    def located(self, hosts: Sequence[str], as_of: datetime) -> dict[str, tuple[rows.Host, rows.Placement]]:
        found = {}
        for start in range(0, len(hosts), _IN_CHUNK):
            wanted = placements.c.host.in_(hosts[start : start + _IN_CHUNK])
            for row in self._connection.execute(_LOCATED.where(wanted, _valid(placements, as_of))):
                found[row[0]] = _located(row)
        return found

    def moved(self, since: datetime, as_of: datetime) -> list[rows.Placement]:
        before = placements.alias()
        earlier = sa.exists().where(before.c.host == placements.c.host, before.c.since < placements.c.since)
        query = sa.select(*_PLACEMENT).where(_valid(placements, as_of), placements.c.since >= since, earlier)
        return [rows.Placement(*r) for r in self._connection.execute(query)]

    def placed_ever(self) -> list[tuple[rows.Placement, datetime | None]]:
        query = sa.select(*_PLACEMENT, placements.c.until).order_by(placements.c.host, placements.c.since)
        return [(rows.Placement(*r[:-1]), r[-1]) for r in self._connection.execute(query)]

    def levels_ever(self) -> list[tuple[rows.System, datetime, datetime | None]]:
        query = (
            sa.select(*_SYSTEM, system_levels.c.since, system_levels.c.until)
            .join(system_levels, system_levels.c.system == systems.c.id)
            .order_by(systems.c.id, system_levels.c.since)
        )
        return [(rows.System(*r[:-2]), r[-2], r[-1]) for r in self._connection.execute(query)]


def _located(row: Sequence[Any]) -> tuple[rows.Host, rows.Placement]:
    width = len(row) - len(_PLACEMENT)
    return rows.Host(*row[:width]), rows.Placement(*row[width:])


def chunks(
    query: sa.Select[Any], column: sa.ColumnElement[Any], values: Sequence[str] | None
) -> Iterator[sa.Select[Any]]:
    """The query for rows with one of the values, a few hundred at a time; as it is for None."""
    if values is None:
        yield query
        return
    for start in range(0, len(values), _IN_CHUNK):
        yield query.where(column.in_(values[start : start + _IN_CHUNK]))


def each_agent(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    where: sa.ColumnElement[bool],
    order: Sequence[sa.ColumnElement[Any]],
    limit: int,
    some: Sequence[str] | None,
) -> Iterator[Sequence[Any]]:
    """These columns of the first rows of each of the agents, or of all.

    On PostgreSQL a few steps down an index for each: a window would read the table's years. SQLite has no LATERAL.
    """
    columns = [table.c[n] for n in names]
    for part in [None] if some is None else [some[n : n + _IN_CHUNK] for n in range(0, len(some), _IN_CHUNK)]:
        if connection.dialect.name == "postgresql":
            theirs = sa.select(*columns).where(table.c.agent == agents.c.id, where).order_by(*order)
            found = theirs.limit(limit).correlate(agents).lateral()
            query = sa.select(*found.c).select_from(agents).join(found, sa.true())
            query = query if part is None else query.where(agents.c.id.in_(part))
        else:
            place = sa.func.row_number().over(partition_by=table.c.agent, order_by=order)
            every = sa.select(*columns, place.label("place")).where(where)
            ranked = (every if part is None else every.where(table.c.agent.in_(part))).subquery()
            query = sa.select(*list(ranked.c)[:-1]).where(ranked.c.place <= limit)
        yield from connection.execute(query)


def parents_first(found: Iterable[rows.Unit]) -> list[rows.Unit]:
    """Units ordered by depth, then code; those without a known parent are left out, but for roots."""
    children: dict[str | None, list[rows.Unit]] = {}
    for unit in found:
        children.setdefault(unit.parent, []).append(unit)
    ordered: list[rows.Unit] = []
    level = sorted(children.get(None, []), key=lambda u: u.code)
    while level:
        ordered += level
        level = sorted((c for u in level for c in children.get(u.code, [])), key=lambda u: u.code)
    return ordered


class SqlRulebooks:
    """See interface.Rulebooks."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, book: rows.PublishedRulebook) -> None:
        self._connection.execute(rulebooks.insert(), plain(book))

    def get(self, digest: str) -> rows.PublishedRulebook | None:
        row = self._connection.execute(
            sa.select(
                rulebooks.c.digest,
                rulebooks.c.version,
                rulebooks.c.published_at,
                rulebooks.c.levels,
                rulebooks.c.raw,
            ).where(rulebooks.c.digest == digest)
        ).first()
        return None if row is None else rows.PublishedRulebook(*row)

    def published(self, as_of: datetime) -> list[tuple[str, datetime]]:
        query = (
            sa.select(rulebooks.c.digest, rulebooks.c.published_at)
            .where(rulebooks.c.published_at <= as_of)
            .order_by(rulebooks.c.published_at, rulebooks.c.digest)
        )
        return [(r.digest, r.published_at) for r in self._connection.execute(query)]

    def publish(self, digest: str, at: datetime) -> None:
        self._connection.execute(
            rulebooks.update().where(rulebooks.c.digest == digest).values(published_at=at)
        )

    def try_out(self, trial: Trial) -> None:
        self._connection.execute(trials.insert(), plain(trial))

    def trials(self, as_of: datetime) -> list[Trial]:
        query = sa.select(trials).where(trials.c.at <= as_of).order_by(trials.c.number)
        return [Trial(*r) for r in self._connection.execute(query)]


_PUT_SCORE: Final = upsert(scores_daily)


class SqlScores:
    """See interface.Scores."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def put(self, scores: Iterable[rows.DailyScore]) -> None:
        _PUT_SCORE.run_each(self._connection, map(plain, scores))

    def series(
        self, kind: str, ids: Sequence[str], since: date, until: date
    ) -> dict[str, dict[date, int | None]]:
        found: dict[str, dict[date, int | None]] = {i: {} for i in ids}
        for start in range(0, len(ids), _IN_CHUNK):
            query = sa.select(scores_daily.c.id, scores_daily.c.day, scores_daily.c.score).where(
                scores_daily.c.kind == kind,
                scores_daily.c.id.in_(ids[start : start + _IN_CHUNK]),
                scores_daily.c.day.between(since, until),
            )
            for identifier, day, score in self._connection.execute(query):
                found[identifier][day] = score
        return found

    def day(self, day: date, units: Sequence[str] | None = None) -> list[rows.DailyScore]:
        query = sa.select(scores_daily).where(scores_daily.c.day == day)
        if units is not None:
            query = query.where(scores_daily.c.kind == "unit")
        parts = chunks(query, scores_daily.c.id, units)
        return [rows.DailyScore(*r) for q in parts for r in self._connection.execute(q)]

    def newest_day(self) -> date | None:
        return self._connection.execute(sa.select(sa.func.max(scores_daily.c.day))).scalar()

    def versions(self) -> dict[date, tuple[int, int]]:
        day, of = scores_daily.c.day, scores_daily.c.parameters
        query = sa.select(day, sa.func.min(of), sa.func.max(of)).group_by(day).order_by(day)
        return {on: (lowest, highest) for on, lowest, highest in self._connection.execute(query)}
