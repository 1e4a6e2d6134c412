"""The policy repository's metadata."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from ..tables import policy_files
from .postgres import hold
from .prepared import upsert

_PUT: Final = upsert(policy_files)


class SqlPolicy:
    """See policy.Policy."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def hold(self) -> None:
        hold(self._connection, "policy")

    def file(self, name: str) -> bytes | None:
        query = sa.select(policy_files.c.raw).where(policy_files.c.name == name)
        found = self._connection.execute(query).scalar()
        return None if found is None else bytes(found)

    def all(self) -> dict[str, bytes]:
        return {r.name: bytes(r.raw) for r in self._connection.execute(sa.select(policy_files))}

    def put(self, name: str, raw: bytes) -> None:
        _PUT.run(self._connection, {"name": name, "raw": raw})

    def drop(self, name: str) -> None:
        self._connection.execute(policy_files.delete().where(policy_files.c.name == name))
