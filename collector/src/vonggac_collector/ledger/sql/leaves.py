"""The order of committed reports, and its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from ..leaves import Leaf, Member, Signed
from ..tables import agents, checkpoints, envelopes, leaves, tiles
from .postgres import hold
from .prepared import Prepared, upsert
from .tree import chunks, plain

_MEMBER: Final = sa.select(*(envelopes.c[f] for f in Member.__struct_fields__)).where(
    envelopes.c.state == "committed"
)
_ADD: Final = Prepared(leaves.insert())
_PUT_TILE: Final = upsert(tiles)
_LAST: Final = (
    sa.select(leaves.c.epoch, leaves.c.sequence)
    .where(leaves.c.agent == sa.bindparam("agent"))
    .order_by(leaves.c.epoch.desc(), leaves.c.sequence.desc())
    .limit(1)
)
_AFTER: Final = (
    _MEMBER.where(
        envelopes.c.agent == sa.bindparam("agent"),
        sa.tuple_(envelopes.c.epoch, envelopes.c.sequence)
        > sa.tuple_(sa.bindparam("epoch"), sa.bindparam("sequence")),
    )
    .order_by(envelopes.c.epoch, envelopes.c.sequence)
    .limit(sa.bindparam("most"))
)


class SqlLeaves:
    """See leaves.Leaves."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def hold(self) -> None:
        hold(self._connection, "leaves")

    def size(self) -> int:
        newest = self._connection.execute(sa.select(sa.func.max(leaves.c.number))).scalar()
        return 0 if newest is None else int(newest) + 1

    def behind(self, after: str, limit: int) -> list[str]:
        head = (
            sa.select(leaves.c.number)
            .where(
                leaves.c.agent == agents.c.id,
                leaves.c.epoch == agents.c.epoch,
                leaves.c.sequence == agents.c.head_sequence,
            )
            .exists()
        )
        empty = (agents.c.head_sequence == 0) & (agents.c.epoch == 1)
        query = sa.select(agents.c.id).where(agents.c.id > after, ~empty, ~head)
        return list(self._connection.execute(query.order_by(agents.c.id).limit(limit)).scalars())

    def without(self, agent: str, limit: int) -> list[Member]:
        last = self._connection.execute(_LAST, {"agent": agent}).first()
        epoch, sequence = (0, 0) if last is None else last
        place = {"agent": agent, "epoch": epoch, "sequence": sequence, "most": limit}
        return [Member(*r) for r in self._connection.execute(_AFTER, place)]

    def add(self, leaves: Sequence[Leaf]) -> None:
        _ADD.run_each(self._connection, ({**plain(x), "digest": bytes.fromhex(x.digest)} for x in leaves))

    def by_digest(self, digest: str) -> Leaf | None:
        return self._one(leaves.c.digest == bytes.fromhex(digest))

    def at(self, agent: str, epoch: int, sequence: int) -> Leaf | None:
        return self._one(leaves.c.agent == agent, leaves.c.epoch == epoch, leaves.c.sequence == sequence)

    def _one(self, *where: sa.ColumnElement[bool]) -> Leaf | None:
        return next(iter(self._leaves(sa.select(leaves).where(*where))), None)

    def walk(self, after: int, limit: int) -> list[Leaf]:
        query = sa.select(leaves).where(leaves.c.number > after).order_by(leaves.c.number)
        return self._leaves(query.limit(limit))

    def of_agents(self, agents: Sequence[str]) -> list[Leaf]:
        found = [x for q in chunks(sa.select(leaves), leaves.c.agent, agents) for x in self._leaves(q)]
        return sorted(found, key=lambda x: (x.agent, x.epoch, x.sequence))

    def _leaves(self, query: sa.Select[Any]) -> list[Leaf]:
        found = self._connection.execute(query)
        return [Leaf(r.number, r.agent, r.epoch, r.sequence, r.digest.hex()) for r in found]

    def members(self, agents: Sequence[str]) -> list[Member]:
        queries = chunks(_MEMBER, envelopes.c.agent, agents)
        found = [Member(*r) for q in queries for r in self._connection.execute(q)]
        return sorted(found, key=lambda m: (m.agent, m.epoch, m.sequence))

    def tile(self, level: int, number: int) -> bytes:
        query = sa.select(tiles.c.hashes).where(tiles.c.level == level, tiles.c.number == number)
        return bytes(self._connection.execute(query).scalar() or b"")

    def put_tiles(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        several = ({"level": n, "number": m, "hashes": hashes} for (n, m), hashes in sorted(tiles.items()))
        _PUT_TILE.run_each(self._connection, several)

    def sign(self, checkpoint: Signed) -> None:
        self._connection.execute(checkpoints.insert(), plain(checkpoint))

    def newest(self) -> Signed | None:
        query = sa.select(checkpoints).order_by(checkpoints.c.number.desc()).limit(1)
        return next((Signed(*r) for r in self._connection.execute(query)), None)

    def checkpoints(self, after: int, limit: int) -> list[Signed]:
        query = sa.select(checkpoints).where(checkpoints.c.number > after).order_by(checkpoints.c.number)
        return [Signed(*r) for r in self._connection.execute(query.limit(limit))]
