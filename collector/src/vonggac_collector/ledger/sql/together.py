"""What is written for many agents in one transaction goes to the database together, not a round trip for each row.

A row waits until SQLAlchemy is asked anything on the same connection, or until the transaction ends. Statements have
their turns, and one agent's rows are written in the order in which they were given: who would need an earlier turn
again lets all that waits go first. What was read ahead, for all who sent something, is forgotten with the first
statement that changes anything past this module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

T = TypeVar("T")
Reader = Callable[[list[str]], Mapping[str, T]]
_NAME: Final = "together"


class Together:
    """Of one transaction: rows that wait, and what was read ahead."""

    def __init__(self, connection: sa.Connection, senders: Collection[str] = ()) -> None:
        self._connection = connection
        self._waiting: dict[tuple[int, str], list[Any]] = {}
        self._turns: dict[str, int] = {}
        # On SQLite one row costs no more than its part of many.
        self.senders = senders if connection.dialect.name == "postgresql" else ()
        """Key ids that will be asked for."""
        self.agents: dict[str, str] = {}
        """Whose those are: the key id by agent."""
        self.ahead: dict[tuple[object, str], Any] = {}
        """What was read, by what it is and whose, kept as rows that wait make it."""

    def later(self, agent: str, turn: int, text: str, rows: list[Any]) -> None:
        """Write these rows of the agent when it is the statement's turn. RuntimeError if the transaction only reads."""
        if of(self._connection) is not self:
            raise RuntimeError("a transaction that reads was to write")
        if self._turns.get(agent, 0) > turn:
            self.flush()
        self._turns[agent] = turn
        self._waiting.setdefault((turn, text), []).extend(rows)

    def told(self, what: object, whose: str, read: Reader[T], none: T, among: Collection[str]) -> T:
        """What `read` finds of an agent or key, else `none`; read for all those `among` whom it is, at once."""
        if (what, whose) not in self.ahead:
            if whose in self._turns:
                self.flush()
            others = among if whose in among else ()
            new = {o for o in others if (what, o) not in self.ahead and o not in self._turns} | {whose}
            found = read(sorted(new))
            self.ahead |= {(what, o): found.get(o, none) for o in new}
        value: T = self.ahead[what, whose]
        return value

    def flush(self) -> None:
        """Write what waits. Raises sqlalchemy's DBAPIError."""
        if not self._waiting:
            return
        waiting = sorted(self._waiting.items())
        self._waiting, self._turns = {}, {}
        with (
            driver_of(self._connection) as driver,
            driver.pipeline() if hasattr(driver, "pipeline") else nullcontext(),
        ):
            for (_, text), rows in waiting:
                send(driver.cursor(), text, rows)


def begin(connection: sa.Connection, senders: Collection[str]) -> Together:
    """Of a transaction that writes."""
    made = Together(connection, senders)
    connection.execution_options(**{_NAME: made})
    return made


def of(connection: sa.Connection) -> Together:
    """That of the connection's transaction; for one that only reads, an empty one."""
    found: Together | None = connection.get_execution_options().get(_NAME)
    return found or Together(connection)


def send(cursor: Any, text: str, rows: list[Any]) -> None:
    """Give the driver a statement, once for each row."""
    if len(rows) == 1:
        cursor.execute(text, rows[0])
    else:
        cursor.executemany(text, rows)


@contextmanager
def driver_of(connection: sa.Connection) -> Iterator[Any]:
    """The driver's connection; its errors come out as SQLAlchemy's, and a connection that is lost is given up."""
    try:
        yield connection.connection.dbapi_connection
    except connection.dialect.loaded_dbapi.Error as e:
        # What SQLAlchemy itself does with an error of BEGIN; there is no public name for it.
        connection._handle_dbapi_exception(e, None, None, None, None)


def fetched(connection: sa.Connection, text: str, given: Any) -> list[tuple[Any, ...]]:
    """All rows of a query, as the driver gives them; rows that wait are not seen."""
    with driver_of(connection) as driver:
        cursor = driver.cursor()
        cursor.execute(text, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def watch(writer: sa.Engine) -> None:
    """From now on whatever this engine's connections are asked sees the rows that wait."""
    event.listen(writer, "before_cursor_execute", _first)


def _first(connection: sa.Connection, _cursor: Any, text: str, *_: Any) -> None:
    together: Together | None = connection.get_execution_options().get(_NAME)
    if together is not None:
        together.flush()
        if not text.startswith("SELECT"):
            together.ahead.clear()
