"""What the worker keeps for pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from ..standings import Head, HostStanding, Round, Standing, StandingKind, order_of
from ..tables import host_standings, standings
from .prepared import Prepared, upsert
from .tree import chunks, plain

_ROUND: Final = "round"
_HEAD: Final = sa.select(*(standings.c[f] for f in Head.__struct_fields__)).where(
    standings.c.kind.in_(("unit", "own", "system"))
)
_HOST: Final = sa.select(*(host_standings.c[f] for f in HostStanding.__struct_fields__))


_PUT: Final = upsert(standings)
_PUT_HOST: Final = upsert(host_standings)
_LOOKED: Final = Prepared(sa.text("UPDATE standings SET looked = :looked WHERE kind = :kind AND id = :id"))
_DROP: Final = Prepared(sa.text("DELETE FROM standings WHERE kind = :kind AND id = :id"))
_DROP_HOST: Final = Prepared(sa.text("DELETE FROM host_standings WHERE host = :host"))


class SqlStandings:
    """See standings.Standings."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def round(self) -> Round | None:
        query = sa.select(standings.c.looked, standings.c.expected).where(standings.c.kind == _ROUND)
        row = self._connection.execute(query).first()
        return None if row is None else Round(*row)

    def end_round(self, of: Round) -> None:
        row = dict.fromkeys((c.name for c in standings.c), 0) | {
            "kind": _ROUND, "id": "", "unit": "", "fingerprint": "", "score": None, "body": b"",
            "expected": of.hosts, "looked": of.as_of,
        }  # fmt: skip
        _PUT.run(self._connection, row)

    def heads(self, ids: Sequence[str] | None = None) -> list[Head]:
        return self._heads(chunks(_HEAD, standings.c.id, ids))

    def systems(self, units: Sequence[str]) -> list[Head]:
        return self._heads(chunks(_HEAD.where(standings.c.kind == "system"), standings.c.unit, units))

    def _heads(self, queries: Iterable[sa.Select[Any]]) -> list[Head]:
        return [Head(*r) for q in queries for r in self._connection.execute(q)]

    def bodies(self, kind: StandingKind, ids: Sequence[str]) -> dict[str, bytes]:
        query = sa.select(standings.c.id, standings.c.body).where(standings.c.kind == kind)
        parts = chunks(query, standings.c.id, ids)
        return {r.id: r.body for q in parts for r in self._connection.execute(q)}

    def put(self, standings: Sequence[Standing]) -> None:
        _PUT.run_each(self._connection, map(plain, standings))

    def looked(self, heads: Sequence[Head]) -> None:
        _LOOKED.run_each(self._connection, map(plain, heads))

    def drop(self, heads: Sequence[Head]) -> None:
        _DROP.run_each(self._connection, map(plain, heads))

    def put_hosts(self, unit: str, hosts: Sequence[HostStanding]) -> None:
        there = sa.select(host_standings.c.host).where(host_standings.c.unit == unit)
        gone = set(self._connection.execute(there).scalars()) - {h.host for h in hosts}
        _DROP_HOST.run_each(self._connection, ({"host": h} for h in sorted(gone)))
        _PUT_HOST.run_each(self._connection, map(_values, hosts))

    def hosts(self, ids: Sequence[str]) -> list[HostStanding]:
        parts = chunks(_HOST, host_standings.c.host, ids)
        return [HostStanding(*r) for q in parts for r in self._connection.execute(q)]

    def find_hosts(self, units: Sequence[str] | None, text: str, limit: int) -> list[HostStanding]:
        query = _HOST.order_by(host_standings.c.place, host_standings.c.hostname, host_standings.c.host)
        if units is not None:
            query = query.where(host_standings.c.unit.in_(units))
        if text:
            query = query.where(
                host_standings.c.folded.contains(text, autoescape=True)
                | host_standings.c.host.startswith(text, autoescape=True)
            )
        return [HostStanding(*r) for r in self._connection.execute(query.limit(limit))]


def _values(host: HostStanding) -> dict[str, Any]:
    return plain(host) | {"place": order_of(host), "folded": host.hostname.casefold()}
