"""Machines that wait for approval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from ..applicants import Applicant, ApplicantState
from ..tables import applicants
from .tree import plain

_C: Final = applicants.c


class SqlApplicants:
    """See applicants.Applicants."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, row: Applicant) -> None:
        self._connection.execute(applicants.insert(), plain(row))

    def get(self, keyid: str) -> Applicant | None:
        row = self._connection.execute(sa.select(applicants).where(_C.keyid == keyid)).first()
        return None if row is None else Applicant(*row)

    def asked(self, keyid: str, at: datetime, address: str) -> None:
        self._update(_C.keyid == keyid, asked_at=at, address=address)

    def decide(
        self, keyid: str, state: ApplicantState, by: str, at: datetime, reason: str, host: str | None
    ) -> bool:
        waits = sa.and_(_C.keyid == keyid, _C.state == "waiting")
        return self._update(waits, state=state, decided_by=by, decided_at=at, reason=reason, host=host) == 1

    def first(self, units: Sequence[str] | None, now: datetime, limit: int) -> tuple[list[Applicant], int]:
        theirs = sa.true() if units is None else _C.unit.in_(units)
        waits = sa.and_(_C.state == "waiting", _C.expires_at > now)
        order = (
            sa.case((waits, 0), else_=1),
            sa.case((waits, _C.requested_at), else_=-_C.requested_at),
            _C.keyid,
        )
        found = self._connection.execute(sa.select(applicants).where(theirs).order_by(*order).limit(limit))
        count = sa.select(sa.func.count()).select_from(applicants).where(theirs, waits)
        return [Applicant(*r) for r in found], self._connection.execute(count).scalar_one()

    def _update(self, which: sa.ColumnElement[bool], **values: Any) -> int:
        return self._connection.execute(applicants.update().where(which).values(**values)).rowcount
