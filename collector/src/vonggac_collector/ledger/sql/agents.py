"""Agents, their keys, and enrolment tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from vonggac_collector.instants import FAR, from_microseconds

from .. import rows
from ..policy import Trial
from ..tables import (
    agent_keys,
    agents,
    enrolment_tokens,
    placements,
    rulebooks,
    system_levels,
    systems,
    trials,
)
from . import together
from .prepared import Prepared, Some
from .tree import plain

_HIGHEST_LEVEL: Final = (
    sa.select(sa.func.max(system_levels.c.level))
    .join(systems, systems.c.id == system_levels.c.system)
    .where(systems.c.unit == placements.c.unit, system_levels.c.until.is_(None))
    .correlate(placements)
    .scalar_subquery()
)
_NEWEST_BOOK: Final = (
    sa.select(rulebooks.c.digest, rulebooks.c.levels)
    .where(rulebooks.c.published_at < FAR)
    .order_by(rulebooks.c.published_at.desc(), rulebooks.c.digest.desc())
    .limit(1)
    .subquery()
)
_NEWEST_TRIAL: Final = sa.select(*trials.c).order_by(trials.c.number.desc()).limit(1).subquery()
_TRIAL: Final = (
    sa.select(_NEWEST_TRIAL, rulebooks.c.levels)
    .join(rulebooks, rulebooks.c.digest == _NEWEST_TRIAL.c.rulebook)
    .where(rulebooks.c.published_at == FAR)
    .subquery()
)
"""Nothing once its rulebook is in force for all."""
_HOLDERS: Final = Some(
    sa.select(
        agent_keys.c.keyid,
        agent_keys.c.public_key,
        agent_keys.c.until,
        placements.c.unit,
        placements.c.profile,
        sa.func.coalesce(system_levels.c.level, _HIGHEST_LEVEL, 1),
        _NEWEST_BOOK.c.digest,
        _NEWEST_BOOK.c.levels,
        _TRIAL.c.rulebook,
        _TRIAL.c.share,
        _TRIAL.c.units,
        _TRIAL.c.levels,
        *agents.c,
    )
    .join(agents, agents.c.id == agent_keys.c.agent)
    .join(placements, (placements.c.host == agents.c.id) & placements.c.until.is_(None))
    .outerjoin(
        system_levels, (system_levels.c.system == placements.c.system) & system_levels.c.until.is_(None)
    )
    .outerjoin(_NEWEST_BOOK, sa.true())
    .outerjoin(_TRIAL, sa.true())
    .order_by(agent_keys.c.keyid)
    .with_for_update(of=agents),
    agent_keys.c.keyid,
)
"""Locked in the order in which the desk takes envelopes, so that processes wait for each other at most."""
_SET: Final = ", ".join(f"{c.name} = :{c.name}" for c in agents.c if not c.primary_key)
_PUT: Final = Prepared(sa.text(f"UPDATE agents SET {_SET} WHERE id = :id"))  # noqa: S608  names of columns


class SqlAgents:
    """See interface.Agents."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, agent: rows.Agent) -> None:
        self._connection.execute(agents.insert(), plain(agent))

    def add_key(self, keyid: str, agent: str, public_key: bytes, epoch: int, since: datetime) -> None:
        self._connection.execute(
            agent_keys.insert(),
            {"keyid": keyid, "agent": agent, "public_key": public_key, "epoch": epoch, "since": since},
        )

    def end_keys(self, agent: str, until: datetime) -> None:
        self._connection.execute(
            agent_keys.update()
            .where(agent_keys.c.agent == agent, agent_keys.c.until.is_(None))
            .values(until=until)
        )

    def holder(self, keyid: str) -> rows.KeyHolder | None:
        whole = together.of(self._connection)
        found: rows.KeyHolder | None = whole.told("holder", keyid, self._holders, None, whole.senders)
        if found is not None:
            whole.agents[found.agent.id] = keyid
        return found

    def _holders(self, keyids: list[str]) -> dict[str, rows.KeyHolder]:
        return {row[0]: _holder(*row) for row in _HOLDERS.ask(self._connection, keyids)}

    def get(self, agent: str) -> rows.Agent | None:
        row = self._connection.execute(sa.select(agents).where(agents.c.id == agent)).first()
        return None if row is None else rows.Agent(*row)

    def all(self) -> list[rows.Agent]:
        return [rows.Agent(*r) for r in self._connection.execute(sa.select(agents).order_by(agents.c.id))]

    def with_aside(self) -> list[rows.Agent]:
        query = sa.select(agents).where(agents.c.aside > 0).order_by(agents.c.id)
        return [rows.Agent(*r) for r in self._connection.execute(query)]

    def heads(self) -> dict[str, str | None]:
        found = self._connection.execute(sa.select(agents.c.id, agents.c.head_digest))
        return {row[0]: row[1] for row in found}

    def keys(self, agent: str) -> dict[str, bytes]:
        query = sa.select(agent_keys.c.keyid, agent_keys.c.public_key).where(agent_keys.c.agent == agent)
        query = query.order_by(agent_keys.c.epoch, agent_keys.c.since)
        return {r.keyid: r.public_key for r in self._connection.execute(query)}

    def terms(self, agent: str) -> list[rows.AgentKey]:
        c = agent_keys.c
        query = sa.select(c.keyid, c.epoch, c.since, c.until).where(c.agent == agent)
        return [rows.AgentKey(*r) for r in self._connection.execute(query.order_by(c.epoch.desc()))]

    def every_key(self) -> dict[str, tuple[str, bytes]]:
        query = sa.select(agent_keys.c.keyid, agent_keys.c.agent, agent_keys.c.public_key)
        return {r.keyid: (r.agent, r.public_key) for r in self._connection.execute(query)}

    def put(self, agent: rows.Agent) -> None:
        whole = together.of(self._connection)
        key = ("holder", whole.agents.get(agent.id, ""))
        holder = whole.ahead.get(key)
        if holder is None:
            _PUT.run(self._connection, plain(agent))
            return
        _PUT.later(self._connection, agent.id, 7, [plain(agent)])
        whole.ahead[key] = msgspec.structs.replace(holder, agent=agent)


def _holder(
    keyid: str, public_key: bytes, until: int | None, unit: str, profile: str | None, level: int,
    rulebook: str | None, levels: bytes | None, tried: str | None, share: int, units: bytes,
    of_trial: bytes, *values: Any
) -> rows.KeyHolder:  # fmt: skip
    known = dict(zip(agents.c.keys(), values, strict=True))
    agent = rows.Agent(**known | {"enrolled_at": from_microseconds(known["enrolled_at"])})
    if tried is not None and Trial(0, FAR, tried, share, units).takes(agent.id, unit):
        rulebook, levels = tried, of_trial
    return rows.KeyHolder(keyid, public_key, until is not None, agent, unit, profile, level, rulebook, levels)


class SqlTokens:
    """See interface.Tokens."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, token: rows.Token) -> None:
        self._connection.execute(enrolment_tokens.insert(), plain(token))

    def by_hash(self, hashed: str) -> rows.Token | None:
        return self._one(enrolment_tokens.c.hash == hashed)

    def get(self, token: str) -> rows.Token | None:
        return self._one(enrolment_tokens.c.id == token)

    def all(self) -> list[rows.Token]:
        query = sa.select(enrolment_tokens).order_by(
            enrolment_tokens.c.created_at.desc(), enrolment_tokens.c.id
        )
        return [rows.Token(*r) for r in self._connection.execute(query)]

    def first(self, units: Sequence[str] | None, now: datetime, limit: int) -> tuple[list[rows.Token], int]:
        """See interface.Tokens."""
        c = enrolment_tokens.c
        theirs = sa.true() if units is None else c.unit.in_(units)
        enrols = sa.and_(c.uses_left > 0, sa.not_(c.revoked), c.expires_at > now)
        order = (sa.case((enrols, 0), else_=1), c.created_at.desc(), c.id)
        found = self._connection.execute(
            sa.select(enrolment_tokens).where(theirs).order_by(*order).limit(limit)
        )
        total = self._connection.execute(
            sa.select(sa.func.count()).select_from(enrolment_tokens).where(theirs)
        )
        return [rows.Token(*r) for r in found], total.scalar_one()

    def use(self, token: str) -> bool:
        done = self._connection.execute(
            enrolment_tokens.update()
            .where(enrolment_tokens.c.id == token, enrolment_tokens.c.uses_left > 0)
            .values(uses_left=enrolment_tokens.c.uses_left - 1)
        )
        return done.rowcount == 1

    def revoke(self, token: str) -> None:
        self._connection.execute(
            enrolment_tokens.update().where(enrolment_tokens.c.id == token).values(revoked=True)
        )

    def _one(self, condition: sa.ColumnElement[bool]) -> rows.Token | None:
        row = self._connection.execute(sa.select(enrolment_tokens).where(condition)).first()
        return None if row is None else rows.Token(*row)
