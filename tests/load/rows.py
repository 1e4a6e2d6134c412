"""Reads a ledger as anybody could: plain SQL over a connection that cannot write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import apsw
import psycopg

from .oracle import Row

_ENVELOPES: Final = (
    "SELECT agent, epoch, sequence, digest, previous, state FROM envelopes ORDER BY agent, epoch, sequence"
)
_BEATS: Final = "SELECT agent, max(counter) FROM heartbeats GROUP BY agent"


class Held(NamedTuple):
    """The envelopes, ordered by agent, and of each agent the highest heartbeat's counter."""

    rows: Iterator[Row]
    beats: Iterator[tuple[str, int]]
    run: Callable[[str], Any]
    """Any statement over the same connection: it may not write."""


@contextmanager
def open_rows(url: str) -> Iterator[Held]:
    """The rows of a ledger. `url`: `sqlite:///FILE`, or as libpq takes it (the password from PGPASSFILE)."""
    if url.startswith("sqlite:///"):
        lite = apsw.Connection(url.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            with lite:
                yield _held(lite.execute(_ENVELOPES), lite.execute(_BEATS), lite.execute)
        finally:
            lite.close()
        return
    url = url.replace("postgresql+psycopg:", "postgresql:", 1)
    with psycopg.connect(url, options="-c default_transaction_read_only=on") as server:
        # One unchanging state for both questions; rows come a few thousand at a time.
        server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with server.cursor("envelopes") as envelopes, server.cursor("beats") as beats:
            envelopes.itersize = beats.itersize = 5_000
            yield _held(envelopes.execute(_ENVELOPES), beats.execute(_BEATS), server.execute)


def _held(envelopes: Any, beats: Any, run: Callable[..., Any]) -> Held:
    return Held((Row(*row) for row in envelopes), ((str(a), int(c)) for a, c in beats), run)
