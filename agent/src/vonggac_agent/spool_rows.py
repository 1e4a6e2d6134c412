"""The spool's tables and what a row means: a link of the chain, the newest heartbeat.

How rows come about and change is the work of `spool`; what goes for want of room, of `spool_room`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from .seal import Chain

VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE link (
    number INTEGER PRIMARY KEY,
    agent_id TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL CHECK (sequence >= 1),
    digest TEXT NOT NULL, previous TEXT, content TEXT NOT NULL, profile TEXT NOT NULL, rulebook TEXT NOT NULL,
    sections BLOB NOT NULL, sealed_at TEXT NOT NULL, envelope BLOB,
    state TEXT NOT NULL DEFAULT 'unsent' CHECK (state IN ('unsent', 'refused', 'received')),
    reason TEXT NOT NULL DEFAULT '', tried_at TEXT NOT NULL DEFAULT '', receipt BLOB,
    UNIQUE (agent_id, epoch, sequence),
    CHECK (envelope IS NOT NULL OR state = 'received')
) STRICT;
CREATE INDEX link_state ON link (state, number);
CREATE TABLE heartbeat (
    agent_id TEXT NOT NULL, epoch INTEGER NOT NULL, counter INTEGER NOT NULL CHECK (counter >= 1),
    sequence INTEGER NOT NULL, digest TEXT NOT NULL, looked_at TEXT NOT NULL, envelope BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('unsent', 'refused', 'received', 'replaced')),
    reason TEXT NOT NULL DEFAULT '', PRIMARY KEY (agent_id, epoch)
) STRICT;
CREATE TABLE quarantine (
    agent_id TEXT NOT NULL, epoch INTEGER NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (agent_id, epoch)
) STRICT;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

Execute = Callable[..., list[tuple[Any, ...]]]
LINK_COLUMNS: Final = (
    "agent_id, epoch, sequence, digest, previous, content, profile, rulebook, sections, sealed_at, state, reason,"
    " tried_at"
)


NOTES: Final[dict[str, Callable[[str], object]]] = {
    **dict.fromkeys(
        ("rotation", "last_round", "forked", "revoked"), lambda text: msgspec.json.decode(text or "null")
    ),
    **dict.fromkeys(("looks_unheard", "io_errors_told"), lambda text: int(text or 0)),
    "clock_offset_s": lambda text: float(text or 0),
    "not_before": lambda text: text and datetime.fromisoformat(text),
}
"""How notes are read that are no text for people, by name."""


class Link(NamedTuple):
    """One sealed report. `state`: unsent, refused (with `reason`), received. `tried_at`: "" if it was never refused."""

    chain: Chain
    sequence: int
    digest: str
    previous: str | None
    content: str
    profile: str
    rulebook: str
    sections: dict[str, str]
    sealed_at: datetime
    state: str
    reason: str
    tried_at: str


class Beat(NamedTuple):
    """The newest heartbeat of a chain. `state`: unsent, refused, received, or replaced by a later report."""

    chain: Chain
    counter: int
    sequence: int
    digest: str
    looked_at: datetime
    state: str
    reason: str


def tail_of(execute: Execute, chain: Chain) -> Link | None:
    """The last link of the chain."""
    found = execute(
        f"SELECT {LINK_COLUMNS} FROM link WHERE agent_id = ? AND epoch = ? ORDER BY sequence DESC LIMIT 1",  # noqa: S608 - constants
        tuple(chain),
    )
    return link_of(found[0]) if found else None


def link_of(row: tuple[Any, ...]) -> Link:
    """A row of LINK_COLUMNS."""
    agent_id, epoch, sequence, digest, previous, content, profile, rulebook, sections, sealed_at, *rest = row
    return Link(
        Chain(agent_id, epoch), sequence, digest, previous, content, profile, rulebook,
        msgspec.json.decode(sections, type=dict[str, str]), datetime.fromisoformat(sealed_at), *rest,
    )  # fmt: skip


def beat_of(execute: Execute, chain: Chain) -> Beat | None:
    """The newest heartbeat of the chain."""
    found = execute(
        "SELECT counter, sequence, digest, looked_at, state, reason FROM heartbeat WHERE agent_id = ? AND epoch = ?",
        tuple(chain),
    )
    if not found:
        return None
    counter, sequence, digest, looked_at, state, reason = found[0]
    return Beat(chain, counter, sequence, digest, datetime.fromisoformat(looked_at), state, reason)


def known_sections(execute: Execute, chain: Chain) -> dict[str, str]:
    """Sections that need not be sent: acknowledged with this digest, and not sealed with another one since.

    Whichever links since then are dropped: what the collector holds before the next is the same.
    """
    found = execute(
        "SELECT sequence, sections FROM link WHERE agent_id = ? AND epoch = ? AND state = 'received'"
        " ORDER BY sequence DESC LIMIT 1",
        tuple(chain),
    )
    if not found:
        return {}
    known = msgspec.json.decode(found[0][1], type=dict[str, str])
    since = execute(
        "SELECT DISTINCT sections FROM link WHERE agent_id = ? AND epoch = ? AND sequence > ?",
        (*chain, found[0][0]),
    )
    for (sections,) in since:
        other = msgspec.json.decode(sections, type=dict[str, str])
        known = {name: digest for name, digest in known.items() if other.get(name) == digest}
    return known


def read_rows(execute: Execute) -> None:
    """Read every row as it is read in use. Raises ValueError or TypeError for what no agent wrote there."""
    for row in execute(f"SELECT {LINK_COLUMNS} FROM link"):  # noqa: S608 - constants
        link_of(row)
    for agent_id, epoch in execute("SELECT agent_id, epoch FROM heartbeat"):
        beat_of(execute, Chain(agent_id, epoch))
    for name, value in execute("SELECT name, value FROM note"):
        NOTES.get(name, int if name.startswith("posture_") else str)(value)


def count(execute: Execute, name: str, more: int = 1) -> None:
    """Raise the note that counts."""
    execute(
        "INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + ?",
        (name, str(more), more),
    )
