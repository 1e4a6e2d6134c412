"""The bare cost of what no collector can do without: one signature verified, the same rows written in one transaction.

The rows are those that the collector itself wrote for the very envelopes, recorded statement by statement and given to
the driver again on a copy of the same database.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import apsw
import psycopg
import sqlalchemy as sa
from sqlalchemy import event

from vonggac_collector.ledger.sql import together
from vonggac_collector.ledger.sql.ledger import SqlLedger

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Statement(NamedTuple):
    """One that writes, as the driver got it; `many`: once for each of the parameters."""

    text: str
    parameters: Any
    many: bool


@contextlib.contextmanager
def recorded(ledger: SqlLedger) -> Iterator[list[Statement]]:
    """The list that every statement which writes is put in."""
    found: list[Statement] = []

    def note(_c: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        if text.lstrip().upper().startswith(_WRITES):
            found.append(Statement(text, parameters, many))

    def send(cursor: Any, text: str, rows: list[Any]) -> None:
        many = len(rows) > 1
        note(None, None, text, rows if many else rows[0], None, many)
        together_send(cursor, text, rows)

    event.listen(ledger._writer, "before_cursor_execute", note)
    together_send, together.send = together.send, send
    try:
        yield found
    finally:
        together.send = together_send
        event.remove(ledger._writer, "before_cursor_execute", note)


@contextlib.contextmanager
def bare(url: str) -> Iterator[Callable[[list[Statement]], None]]:
    """Writes statements in one transaction, as durable as the ledger's, without SQLAlchemy."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with _bare_sqlite(str(parsed.database)) as write:
            yield write
        return
    target = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(target, autocommit=True) as server, server.cursor() as cursor:

        def write(statements: list[Statement]) -> None:
            with server.transaction():
                for s in statements:
                    (cursor.executemany if s.many else cursor.execute)(s.text, s.parameters)

        yield write


@contextlib.contextmanager
def _bare_sqlite(path: str) -> Iterator[Callable[[list[Statement]], None]]:
    connection = apsw.Connection(path)
    for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on", "temp_store=memory"):
        connection.execute(f"PRAGMA {pragma}")

    def write(statements: list[Statement]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for s in statements:
            (connection.executemany if s.many else connection.execute)(s.text, s.parameters)
        connection.execute("COMMIT")

    try:
        yield write
    finally:
        connection.close()
