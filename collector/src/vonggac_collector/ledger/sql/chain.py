"""Envelopes, looks and sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from .. import rows
from ..tables import agents as agents_table
from ..tables import envelopes, looks, sections
from . import together
from .prepared import Prepared, Some
from .tree import _IN_CHUNK, chunks, each_agent, plain

_HEAD: Final = sa.select(
    envelopes.c.digest,
    envelopes.c.agent,
    envelopes.c.epoch,
    envelopes.c.sequence,
    envelopes.c.previous,
    envelopes.c.state,
    envelopes.c.keyid,
    envelopes.c.sealed_at,
    envelopes.c.received_at,
    envelopes.c.size,
    envelopes.c.receipt,
)
_FIND: Final = _HEAD.where(envelopes.c.digest == sa.bindparam("digest"))
_AT: Final = _HEAD.where(
    envelopes.c.agent == sa.bindparam("agent"),
    envelopes.c.epoch == sa.bindparam("epoch"),
    envelopes.c.sequence == sa.bindparam("sequence"),
)
_NEWEST: Final = (
    sa.select(looks)
    .where(looks.c.agent == sa.bindparam("agent"), looks.c.committed_at <= sa.bindparam("as_of"))
    .order_by(looks.c.epoch.desc(), looks.c.sequence.desc())
    .limit(1)
)
_RULEBOOK: Final = (
    sa.select(looks.c.rulebook)
    .where(looks.c.agent == agents_table.c.id, looks.c.committed_at <= sa.bindparam("as_of"))
    .order_by(looks.c.epoch.desc(), looks.c.sequence.desc())
    .limit(1)
    .correlate(agents_table)
    .scalar_subquery()
)
"""Of an agent's newest look: a few steps down an index, on either store."""
_BEFORE: Final = (
    sa.select(looks)
    .where(
        looks.c.agent == sa.bindparam("agent"),
        sa.tuple_(looks.c.epoch, looks.c.sequence)
        < sa.tuple_(sa.bindparam("epoch"), sa.bindparam("sequence")),
    )
    .order_by(looks.c.epoch.desc(), looks.c.sequence.desc())
    .limit(1)
)
_FIRST_PENDING: Final = sa.select(sa.func.min(envelopes.c.sequence)).where(
    envelopes.c.agent == sa.bindparam("agent"),
    envelopes.c.epoch == sa.bindparam("epoch"),
    envelopes.c.state == "pending",
)
_HELD: Final = Some(sa.select(sections.c.agent, sections.c.name, sections.c.digest), sections.c.agent)
_ADD: Final = Prepared(envelopes.insert())
_ADD_LOOK: Final = Prepared(looks.insert())
_PUT_SECTION: Final = Prepared(
    sa.text(
        "INSERT INTO sections (agent, name, digest, since, content)"
        " VALUES (:agent, :name, :digest, :since, :content) ON CONFLICT (agent, name)"
        " DO UPDATE SET digest = excluded.digest, since = excluded.since, content = excluded.content"
    )
)


class SqlChain:
    """See interface.Chain."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def find(self, digest: str) -> rows.EnvelopeHead | None:
        row = self._connection.execute(_FIND, {"digest": digest}).first()
        return None if row is None else rows.EnvelopeHead(*row)

    def at(self, agent: str, epoch: int, sequence: int) -> list[rows.EnvelopeHead]:
        found = self._connection.execute(_AT, {"agent": agent, "epoch": epoch, "sequence": sequence})
        return [rows.EnvelopeHead(*r) for r in found]

    def envelope(self, digest: str) -> rows.Envelope | None:
        row = self._connection.execute(sa.select(envelopes).where(envelopes.c.digest == digest)).first()
        return None if row is None else rows.Envelope(*row)

    def first_pending(self, agent: str, epoch: int) -> int | None:
        return self._connection.execute(_FIRST_PENDING, {"agent": agent, "epoch": epoch}).scalar()

    def forks(self, agent: str, epoch: int) -> list[rows.EnvelopeHead]:
        c = envelopes.c
        query = _HEAD.where(c.agent == agent, c.epoch == epoch, c.state == "fork")
        return [rows.EnvelopeHead(*r) for r in self._connection.execute(query)]

    def count(self, agent: str, state: rows.EnvelopeState) -> int:
        query = sa.select(sa.func.count()).where(envelopes.c.agent == agent, envelopes.c.state == state)
        return self._connection.execute(query).scalar_one()

    def add(self, envelope: rows.Envelope) -> None:
        _ADD.later(self._connection, envelope.agent, 1, [plain(envelope)])

    def settle(
        self, digest: str, state: rows.EnvelopeState, committed_at: datetime | None, receipt: bytes | None
    ) -> None:
        self._connection.execute(
            envelopes.update()
            .where(envelopes.c.digest == digest)
            .values(state=state, committed_at=committed_at, receipt=receipt)
        )

    def of_agent(self, agent: str, limit: int) -> list[rows.EnvelopeHead]:
        query = (
            _HEAD.where(envelopes.c.agent == agent)
            .order_by(envelopes.c.epoch.desc(), envelopes.c.sequence.desc(), envelopes.c.received_at.desc())
            .limit(limit)
        )
        return [rows.EnvelopeHead(*r) for r in self._connection.execute(query)]

    def walk(self, agent: str, after: tuple[int, int], limit: int) -> list[rows.Envelope]:
        epoch, sequence = after
        query = (
            sa.select(envelopes)
            .where(
                envelopes.c.agent == agent,
                envelopes.c.state == "committed",
                (envelopes.c.epoch > epoch)
                | ((envelopes.c.epoch == epoch) & (envelopes.c.sequence > sequence)),
            )
            .order_by(envelopes.c.epoch, envelopes.c.sequence)
            .limit(limit)
        )
        return [rows.Envelope(*r) for r in self._connection.execute(query)]

    def walk_all(self, after: tuple[str, int, int, str], limit: int) -> list[rows.Envelope]:
        key = (envelopes.c.agent, envelopes.c.epoch, envelopes.c.sequence, envelopes.c.digest)
        query = (
            sa.select(envelopes)
            .where(envelopes.c.state == "committed", sa.tuple_(*key) > after)
            .order_by(*key)
            .limit(limit)
        )
        return [rows.Envelope(*r) for r in self._connection.execute(query)]

    def total(self) -> int:
        query = sa.select(sa.func.count()).select_from(envelopes).where(envelopes.c.state == "committed")
        return self._connection.execute(query).scalar_one()

    def add_look(self, look: rows.Look) -> None:
        _ADD_LOOK.later(self._connection, look.agent, 2, [plain(look)])

    def look(self, digest: str) -> rows.Look | None:
        row = self._connection.execute(sa.select(looks).where(looks.c.digest == digest)).first()
        return None if row is None else rows.Look(*row)

    def newest_look(self, agent: str, as_of: datetime) -> rows.Look | None:
        row = self._connection.execute(_NEWEST, {"agent": agent, "as_of": as_of}).first()
        return None if row is None else rows.Look(*row)

    def newest_looks(self, as_of: datetime, agents: Sequence[str] | None = None) -> list[rows.LookHead]:
        order = (looks.c.epoch.desc(), looks.c.sequence.desc())
        names, known = rows.LookHead.__struct_fields__, looks.c.committed_at <= as_of
        found = each_agent(self._connection, looks, names, known, order, 1, agents)
        return [rows.LookHead(*r) for r in found]

    def running(self, as_of: datetime, agents: Sequence[str] | None = None) -> dict[str, int]:
        each = sa.select(_RULEBOOK.label("rulebook")).select_from(agents_table)
        found = Counter[str]()
        for query in chunks(each, agents_table.c.id, agents):
            some = query.subquery()
            known = some.c.rulebook.is_not(None)
            counted = sa.select(some.c.rulebook, sa.func.count()).where(known).group_by(some.c.rulebook)
            for rulebook, machines in self._connection.execute(counted, {"as_of": as_of}):
                found[rulebook] += machines
        return found

    def walk_looks(
        self, after: tuple[str, int, int, str], until: tuple[str, int, int, str] | None
    ) -> list[rows.Look]:
        key = (looks.c.agent, looks.c.epoch, looks.c.sequence, looks.c.digest)
        query = sa.select(looks).where(sa.tuple_(*key) > after).order_by(*key)
        if until is not None:
            query = query.where(sa.tuple_(*key) <= until)
        return [rows.Look(*r) for r in self._connection.execute(query)]

    def look_before(self, agent: str, epoch: int, sequence: int) -> rows.Look | None:
        place = {"agent": agent, "epoch": epoch, "sequence": sequence}
        row = self._connection.execute(_BEFORE, place).first()
        return None if row is None else rows.Look(*row)

    def vectors(self, digests: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for start in range(0, len(digests), _IN_CHUNK):
            query = sa.select(looks.c.digest, looks.c.vector).where(
                looks.c.digest.in_(digests[start : start + _IN_CHUNK])
            )
            found |= {r.digest: r.vector for r in self._connection.execute(query)}
        return found

    def put_section(self, section: rows.Section) -> None:
        _PUT_SECTION.later(self._connection, section.agent, 6, [plain(section)])
        together.of(self._connection).ahead.pop(("held", section.agent), None)

    def held(self, agent: str) -> set[tuple[str, str]]:
        def read(those: list[str]) -> dict[str, set[tuple[str, str]]]:
            found: dict[str, set[tuple[str, str]]] = {}
            for of, name, digest in _HELD.ask(self._connection, those):
                found.setdefault(of, set()).add((name, digest))
            return found

        whole = together.of(self._connection)
        return whole.told("held", agent, read, set(), whole.agents)

    def sections(self, agent: str) -> list[rows.Section]:
        query = sa.select(sections).where(sections.c.agent == agent).order_by(sections.c.name)
        return [rows.Section(*r) for r in self._connection.execute(query)]
