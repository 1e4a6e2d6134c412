"""Machines that wait for approval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ..applicants import Applicant, ApplicantState
from .store import Store, put_new


class MemoryApplicants:
    """See applicants.Applicants."""

    def __init__(self, store: Store) -> None:
        self._rows = store.applicants

    def add(self, row: Applicant) -> None:
        put_new(self._rows, row.keyid, row)

    def get(self, keyid: str) -> Applicant | None:
        return self._rows.get(keyid)

    def asked(self, keyid: str, at: datetime, address: str) -> None:
        self._rows[keyid] = msgspec.structs.replace(self._rows[keyid], asked_at=at, address=address)

    def decide(
        self, keyid: str, state: ApplicantState, by: str, at: datetime, reason: str, host: str | None
    ) -> bool:
        found = self._rows[keyid]
        if found.state != "waiting":
            return False
        self._rows[keyid] = msgspec.structs.replace(
            found, state=state, decided_by=by, decided_at=at, reason=reason, host=host
        )
        return True

    def first(self, units: Sequence[str] | None, now: datetime, limit: int) -> tuple[list[Applicant], int]:
        found = sorted(self._rows.values(), key=lambda a: (a.requested_at, a.keyid))
        theirs = [a for a in found if units is None or a.unit in units]
        waiting = [a for a in theirs if a.state == "waiting" and a.expires_at > now]
        others = [a for a in theirs if a not in waiting]
        others.sort(key=lambda a: a.requested_at, reverse=True)
        return [*waiting, *others][:limit], len(waiting)
