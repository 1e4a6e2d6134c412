"""Users and sessions; the audit log and the count of refusals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from .. import rows
from ..tables import audit, refusals, sessions, tries, users
from .postgres import hold
from .tree import plain

_NO_HASH: Final = "0" * 64


class SqlPeople:
    """See interface.People."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, user: rows.User) -> None:
        self._connection.execute(users.insert(), plain(user))

    def by_name(self, name: str) -> rows.User | None:
        row = self._connection.execute(sa.select(users).where(users.c.name == name)).first()
        return None if row is None else rows.User(*row)

    def get(self, user: str) -> rows.User | None:
        row = self._connection.execute(sa.select(users).where(users.c.id == user)).first()
        return None if row is None else rows.User(*row)

    def all(self) -> list[rows.User]:
        return [rows.User(*r) for r in self._connection.execute(sa.select(users).order_by(users.c.name))]

    def set_password(self, user: str, password: str) -> None:
        self._connection.execute(users.update().where(users.c.id == user).values(password=password))
        self._connection.execute(sessions.delete().where(sessions.c.user == user))

    def open_session(self, session: rows.Session) -> None:
        self._connection.execute(sessions.insert(), plain(session))

    def session(self, hashed: str) -> tuple[rows.Session, rows.User] | None:
        query = (
            sa.select(*sessions.c, *users.c)
            .join(users, users.c.id == sessions.c.user)
            .where(sessions.c.hash == hashed)
        )
        row = self._connection.execute(query).first()
        if row is None:
            return None
        width = len(sessions.c)
        return rows.Session(*row[:width]), rows.User(*row[width:])

    def touch(self, hashed: str, seen_at: datetime) -> None:
        self._connection.execute(sessions.update().where(sessions.c.hash == hashed).values(seen_at=seen_at))

    def close_session(self, hashed: str) -> None:
        self._connection.execute(sessions.delete().where(sessions.c.hash == hashed))

    def close_expired(self, now: datetime) -> None:
        self._connection.execute(sessions.delete().where(sessions.c.expires_at <= now))

    def tries(self, keys: Sequence[str], since: datetime) -> dict[str, int]:
        hold(self._connection, "tries")
        self._connection.execute(tries.delete().where(tries.c.at <= since))
        query = sa.select(tries.c.key, sa.func.count()).where(tries.c.key.in_(keys)).group_by(tries.c.key)
        return {r[0]: r[1] for r in self._connection.execute(query)}

    def add_tries(self, keys: Sequence[str], at: datetime) -> None:
        self._connection.execute(tries.insert(), [{"key": key, "at": at} for key in keys])

    def forgive(self, keys: Sequence[str]) -> None:
        newest = sa.select(sa.func.max(tries.c.number)).where(tries.c.key.in_(keys)).group_by(tries.c.key)
        self._connection.execute(tries.delete().where(tries.c.number.in_(newest)))


class SqlTrail:
    """See interface.Trail."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def hold(self) -> None:
        hold(self._connection, "trail")

    def head(self) -> tuple[int, str]:
        query = sa.select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
        row = self._connection.execute(query).first()
        return (0, _NO_HASH) if row is None else (row.number, row.hash)

    def add(self, row: rows.AuditRow) -> None:
        self._connection.execute(audit.insert(), plain(row))

    def count(self, code: str, hour: int) -> int:
        row = self._connection.execute(sa.select(refusals).where(refusals.c.code == code)).first()
        if row is None:
            self._connection.execute(
                refusals.insert(), {"code": code, "count": 1, "hour": hour, "in_hour": 1}
            )
            return 1
        _, total, of_hour, so_far = row
        in_hour = so_far + 1 if of_hour == hour else 1
        self._connection.execute(
            refusals.update()
            .where(refusals.c.code == code)
            .values(count=total + 1, hour=hour, in_hour=in_hour)
        )
        return in_hour

    def counts(self) -> dict[str, int]:
        # Row attributes named "count" are the tuple's method, so by position.
        return {r[0]: r[1] for r in self._connection.execute(sa.select(refusals.c.code, refusals.c.count))}

    def walk(self, after: int, limit: int) -> list[rows.AuditRow]:
        query = sa.select(audit).where(audit.c.number > after).order_by(audit.c.number).limit(limit)
        return [rows.AuditRow(*r) for r in self._connection.execute(query)]
