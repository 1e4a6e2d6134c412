"""The outbox and its dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from .. import rows
from ..tables import dead_letters, outbox, outbox_marks
from .prepared import Prepared
from .tree import _IN_CHUNK, plain

MAX_ERROR: Final = 500
"""Characters of an error that are kept."""
_DUE: Final = (
    sa.select(outbox)
    .where(outbox.c.next_at <= sa.bindparam("now"))
    .order_by(outbox.c.number)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)
_INSERT: Final = outbox.insert().values(attempts=0, error="")
_ADD: Final = Prepared(
    sa.text(
        "INSERT INTO outbox (kind, subject, queued_at, attempts, next_at, error)"
        " VALUES (:kind, :subject, :at, 0, :at, '')"
    )
)
_INDEX: Final = "index"


class SqlOutbox:
    """See interface.Outbox."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, kind: rows.OutboxKind, subjects: Sequence[str], at: datetime) -> None:
        for subject in subjects:
            _ADD.later(self._connection, subject, 8, [{"kind": kind, "subject": subject, "at": at}])

    def claim(self, limit: int, now: datetime, until: datetime) -> list[rows.OutboxRow]:
        found = [rows.OutboxRow(*r) for r in self._connection.execute(_DUE, {"now": now, "most": limit})]
        self.keep([r.number for r in found], until)
        return found

    def keep(self, numbers: Sequence[int], until: datetime) -> None:
        self._set(numbers, next_at=until)

    def due_at(self) -> datetime | None:
        found: datetime | None = self._connection.execute(sa.select(sa.func.min(outbox.c.next_at))).scalar()
        return found

    def done(self, numbers: Sequence[int]) -> None:
        for chunk in _chunks(numbers):
            self._connection.execute(outbox.delete().where(outbox.c.number.in_(chunk)))

    def fail(self, numbers: Sequence[int], error: str, next_at: datetime) -> None:
        self._set(numbers, attempts=outbox.c.attempts + 1, error=error[:MAX_ERROR], next_at=next_at)

    def bury(self, letter: rows.DeadLetter) -> None:
        self._connection.execute(dead_letters.delete().where(dead_letters.c.number == letter.number))
        self._connection.execute(dead_letters.insert(), plain(letter) | {"error": letter.error[:MAX_ERROR]})
        self.done([letter.number])

    def buried(self, limit: int) -> list[rows.DeadLetter]:
        query = sa.select(dead_letters).order_by(dead_letters.c.number.desc()).limit(limit)
        return [rows.DeadLetter(*r) for r in self._connection.execute(query)]

    def lag(self) -> rows.Lag:
        waiting, oldest = self._connection.execute(
            sa.select(sa.func.count(), sa.func.min(outbox.c.queued_at))
        ).one()
        dead = self._connection.execute(sa.select(sa.func.count()).select_from(dead_letters)).scalar_one()
        return rows.Lag(waiting, oldest, dead)

    def ticket(self) -> int:
        # A row that nobody ever sees draws the number, on either database.
        now = datetime.fromtimestamp(0, UTC)
        values = {"kind": "look", "subject": "", "queued_at": now, "next_at": now}
        made = self._connection.execute(_INSERT, values).inserted_primary_key
        assert made is not None  # noqa: S101  narrows the type
        self.done([made[0]])
        return int(made[0])

    def leap(self, by: int) -> None:
        number = self.ticket() + by
        if self._connection.dialect.name == "postgresql":
            drawn_from = sa.func.pg_get_serial_sequence("outbox", "number")
            self._connection.execute(sa.select(sa.func.setval(drawn_from, number)))
        else:
            now = datetime.fromtimestamp(0, UTC)
            values = {"number": number, "kind": "look", "subject": "", "queued_at": now, "next_at": now}
            self._connection.execute(_INSERT, values)
            self.done([number])
        self.mark(number)

    def mark(self, ticket: int) -> None:
        raised = self._connection.execute(
            outbox_marks.update()
            .where(outbox_marks.c.name == _INDEX)
            .values(ticket=sa.case((outbox_marks.c.ticket < ticket, ticket), else_=outbox_marks.c.ticket))
        )
        if raised.rowcount == 0:
            self._connection.execute(outbox_marks.insert(), {"name": _INDEX, "ticket": ticket})

    def marked(self) -> int:
        query = sa.select(outbox_marks.c.ticket).where(outbox_marks.c.name == _INDEX)
        return self._connection.execute(query).scalar() or 0

    def _set(self, numbers: Sequence[int], **values: object) -> None:
        for chunk in _chunks(numbers):
            self._connection.execute(outbox.update().where(outbox.c.number.in_(chunk)).values(**values))


def _chunks(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + _IN_CHUNK] for start in range(0, len(numbers), _IN_CHUNK)]
