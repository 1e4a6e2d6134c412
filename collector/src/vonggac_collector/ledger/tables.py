"""The tables, for SQLite and PostgreSQL alike. `migrations` makes them; a test holds the two together.

Times are microseconds since 1970 UTC (`Instant`), so that they sort and compare alike in every database. What was
received is kept as bytes, never as JSON columns. Rows that scores depend on are never changed, only ended (`until`),
so that a score of the past can be computed again.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from .applicant_tables import applicants as applicants
from .columns import METADATA as METADATA
from .columns import NUMBER, Instant, in_order
from .columns import table as _table
from .leaf_tables import checkpoints as checkpoints
from .leaf_tables import leaves as leaves
from .leaf_tables import tiles as tiles
from .policy_tables import policy_files as policy_files
from .policy_tables import trials as trials

_Column = sa.Column
_HOST: Final = sa.String(36)
_DIGEST: Final = sa.String(64)
_RULE: Final = sa.String(120)
_SHELVED: Final = {"postgresql_partition_by": "LIST (shelf)"}
"""What is thrown away a shelf at a time is one partition a shelf on PostgreSQL (`sql.shelves`)."""


def _shelf() -> sa.Column[str]:
    return _Column("shelf", sa.String(16), primary_key=True)


units = _table(
    "units",
    _Column("code", sa.String(80), primary_key=True),
    _Column("parent", sa.String(80), sa.ForeignKey("units.code"), index=True),
    _Column("kind", sa.String(16), nullable=False),
    _Column("name_vi", sa.String(300), nullable=False),
    _Column("name_en", sa.String(300), nullable=False),
    _Column("sample", sa.Boolean, nullable=False),
    _Column("created_at", Instant, nullable=False),
)

systems = _table(
    "systems",
    _Column("id", sa.String(80), primary_key=True),
    _Column("unit", sa.String(80), sa.ForeignKey("units.code"), nullable=False, index=True),
    _Column("name_vi", sa.String(300), nullable=False),
    _Column("name_en", sa.String(300), nullable=False),
    _Column("sample", sa.Boolean, nullable=False),
    _Column("created_at", Instant, nullable=False),
)

system_levels = _table(
    "system_levels",
    _Column("system", sa.String(80), sa.ForeignKey("systems.id"), primary_key=True),
    _Column("since", Instant, primary_key=True),
    _Column("until", Instant),
    _Column("level", sa.Integer, nullable=False),
)

hosts = _table(
    "hosts",
    _Column("id", _HOST, primary_key=True),
    _Column("hostname", sa.String(255), nullable=False),
    _Column("platform", sa.String(40), nullable=False),
    _Column("os", sa.String(200), nullable=False),
    _Column("machine_id", sa.String(128), nullable=False),
    _Column("expected_since", Instant, nullable=False, index=True),
    _Column("sample", sa.Boolean, nullable=False),
)

placements = _table(
    "placements",
    _Column("host", _HOST, sa.ForeignKey("hosts.id"), primary_key=True),
    _Column("since", Instant, primary_key=True),
    _Column("until", Instant),
    _Column("unit", sa.String(80), sa.ForeignKey("units.code"), nullable=False, index=True),
    _Column("system", sa.String(80), sa.ForeignKey("systems.id"), index=True),
    _Column("criticality", sa.Integer, nullable=False),
    _Column("profile", sa.String(120)),
)

agents = _table(
    "agents",
    _Column("id", _HOST, sa.ForeignKey("hosts.id"), primary_key=True),
    _Column("status", sa.String(16), nullable=False),
    _Column("epoch", sa.BigInteger, nullable=False),
    _Column("head_sequence", sa.BigInteger, nullable=False),
    _Column("head_digest", _DIGEST),
    _Column("head_content", _DIGEST),
    _Column("agent_version", sa.String(200), nullable=False),
    _Column("enrolled_at", Instant, nullable=False),
    _Column("vector", sa.LargeBinary),
    _Column("aside", sa.Integer, nullable=False),
)

agent_keys = _table(
    "agent_keys",
    _Column("keyid", _DIGEST, primary_key=True),
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), nullable=False, index=True),
    _Column("public_key", sa.LargeBinary, nullable=False),
    _Column("epoch", sa.BigInteger, nullable=False),
    _Column("since", Instant, nullable=False),
    _Column("until", Instant),
)

enrolment_tokens = _table(
    "enrolment_tokens",
    _Column("id", sa.String(32), primary_key=True),
    _Column("hash", _DIGEST, nullable=False, unique=True),
    _Column("unit", sa.String(80), sa.ForeignKey("units.code"), nullable=False, index=True),
    _Column("system", sa.String(80), sa.ForeignKey("systems.id")),
    _Column("host", _HOST, sa.ForeignKey("hosts.id")),
    _Column("uses_left", sa.Integer, nullable=False),
    _Column("expires_at", Instant, nullable=False),
    _Column("created_by", sa.String(120), nullable=False),
    _Column("created_at", Instant, nullable=False),
    _Column("revoked", sa.Boolean, nullable=False),
    _Column("approval", sa.Boolean, nullable=False, server_default=sa.false()),
)

envelopes = _table(
    "envelopes",
    _Column("digest", _DIGEST, primary_key=True),
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), nullable=False),
    _Column("epoch", sa.BigInteger, nullable=False),
    _Column("sequence", sa.BigInteger, nullable=False),
    _Column("previous", _DIGEST),
    _Column("state", sa.String(16), nullable=False),
    _Column("keyid", _DIGEST, nullable=False),
    _Column("sealed_at", Instant, nullable=False),
    _Column("received_at", Instant, nullable=False),
    _Column("committed_at", Instant),
    _Column("size", sa.Integer, nullable=False),
    _Column("raw", sa.LargeBinary, nullable=False),
    _Column("receipt", sa.LargeBinary),
    _shelf(),
    sa.Index("ix_envelopes_chain", "agent", "epoch", "sequence"),
    **_SHELVED,
)

looks = _table(
    "looks",
    _Column("digest", _DIGEST, primary_key=True),
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), nullable=False),
    _Column("epoch", sa.BigInteger, nullable=False),
    _Column("sequence", sa.BigInteger, nullable=False),
    _Column("looked_at", Instant, nullable=False),
    _Column("finished_at", Instant, nullable=False),
    _Column("committed_at", Instant, nullable=False),
    _Column("rulebook", _DIGEST, nullable=False),
    _Column("profile", sa.String(120), nullable=False),
    _Column("platform", sa.String(40), nullable=False),
    _Column("content", _DIGEST, nullable=False),
    _Column("outcomes_digest", _DIGEST, nullable=False),
    _Column("vector", sa.LargeBinary, nullable=False),
    _Column("flags", sa.String(200), nullable=False),
    _shelf(),
    sa.UniqueConstraint("agent", "epoch", "sequence", "shelf", name="uq_looks_chain"),
    **_SHELVED,
)

rule_lists = _table(
    "rule_lists",
    _Column("digest", _DIGEST, primary_key=True),
    _Column("rules", sa.LargeBinary, nullable=False),
)

failings = _table(
    "failings",
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), primary_key=True),
    _Column("rule", _RULE, primary_key=True),
    _Column("outcome", sa.String(16), nullable=False),
    _Column("reason", sa.String(80), nullable=False),
    _Column("passed", sa.BigInteger, nullable=False),
    _Column("of", sa.BigInteger, nullable=False),
    _Column("severity", sa.String(16), nullable=False),
    _Column("domain", sa.String(20), nullable=False),
    _Column("since", Instant, nullable=False),
    _Column("epoch", sa.BigInteger, nullable=False),
    _Column("sequence", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

changes = _table(
    "changes",
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), primary_key=True),
    _Column("epoch", sa.BigInteger, primary_key=True),
    _Column("sequence", sa.BigInteger, primary_key=True),
    _Column("rule", _RULE, primary_key=True),
    _Column("looked_at", Instant, nullable=False),
    _Column("committed_at", Instant, nullable=False),
    _Column("before", sa.String(16), nullable=False),
    _Column("after", sa.String(16), nullable=False),
    _Column("reason", sa.String(80), nullable=False),
    _shelf(),
    sqlite_with_rowid=False,
    **_SHELVED,
)

sections = _table(
    "sections",
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), primary_key=True),
    _Column("name", sa.String(40), primary_key=True),
    _Column("digest", _DIGEST, nullable=False),
    _Column("since", Instant, nullable=False),
    _Column("content", sa.LargeBinary, nullable=False),
)

heartbeats = _table(
    "heartbeats",
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), primary_key=True),
    _Column("day", sa.Date, primary_key=True),
    _Column("mask", sa.LargeBinary(12), nullable=False),
    _Column("epoch", sa.BigInteger, nullable=False),
    _Column("counter", sa.BigInteger, nullable=False),
    _Column("looked_at", Instant, nullable=False),
    _Column("received_at", Instant, nullable=False),
    _Column("raw", sa.LargeBinary, nullable=False),
)

late_heartbeats = _table(
    "late_heartbeats",
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), primary_key=True),
    _Column("epoch", sa.BigInteger, primary_key=True),
    _Column("counter", sa.BigInteger, primary_key=True),
    _Column("looked_at", Instant, nullable=False),
    _Column("received_at", Instant, nullable=False),
)

rulebooks = _table(
    "rulebooks",
    _Column("digest", _DIGEST, primary_key=True),
    _Column("version", sa.String(80), nullable=False),
    _Column("published_at", Instant, nullable=False, index=True),
    _Column("levels", sa.LargeBinary, nullable=False),
    _Column("raw", sa.LargeBinary, nullable=False),
)

scores_daily = _table(
    "scores_daily",
    _Column("kind", sa.String(8), primary_key=True),
    _Column("id", sa.String(80), primary_key=True),
    _Column("day", sa.Date, primary_key=True),
    _Column("as_of", Instant, nullable=False),
    _Column("score", sa.Integer),
    _Column("with_waivers", sa.Integer),
    _Column("coverage", sa.Float, nullable=False),
    _Column("freshness", sa.Integer),
    _Column("parameters", sa.Integer, nullable=False),
)

legal_holds = _table(
    "legal_holds",
    _Column("id", sa.String(36), primary_key=True),
    _Column("kind", sa.String(8), nullable=False),
    _Column("subject", sa.String(80), nullable=False),
    _Column("reason", sa.String(500), nullable=False),
    _Column("since", Instant, nullable=False),
    _Column("until", Instant),
    _Column("by", sa.String(200), nullable=False),
    _Column("at", Instant, nullable=False),
    _Column("released_at", Instant),
    _Column("released_by", sa.String(200)),
    _Column("release_reason", sa.String(500)),
)

cuts = _table(
    "cuts",
    _Column("agent", _HOST, sa.ForeignKey("agents.id"), primary_key=True),
    _Column("epoch", sa.BigInteger, primary_key=True),
    _Column("sequence", sa.BigInteger, primary_key=True),
    _Column("digest", _DIGEST, nullable=False),
)

users = _table(
    "users",
    _Column("id", sa.String(36), primary_key=True),
    _Column("name", sa.String(120), nullable=False, unique=True),
    _Column("role", sa.String(20), nullable=False),
    _Column("unit", sa.String(80), sa.ForeignKey("units.code"), nullable=False),
    _Column("password", sa.String(200), nullable=False),
    _Column("active", sa.Boolean, nullable=False),
    _Column("created_at", Instant, nullable=False),
)

sessions = _table(
    "sessions",
    _Column("hash", _DIGEST, primary_key=True),
    _Column("user", sa.String(36), sa.ForeignKey("users.id"), nullable=False, index=True),
    _Column("csrf", sa.String(64), nullable=False),
    _Column("created_at", Instant, nullable=False),
    _Column("seen_at", Instant, nullable=False),
    _Column("expires_at", Instant, nullable=False),
)

audit = _table(
    "audit",
    _Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _Column("at", Instant, nullable=False),
    _Column("actor", sa.String(200), nullable=False),
    _Column("action", sa.String(60), nullable=False, index=True),
    _Column("subject", sa.String(200), nullable=False),
    _Column("detail", sa.Text, nullable=False),
    _Column("previous", _DIGEST, nullable=False),
    _Column("hash", _DIGEST, nullable=False),
)

refusals = _table(
    "refusals",
    _Column("code", sa.String(40), primary_key=True),
    _Column("count", sa.BigInteger, nullable=False),
    _Column("hour", sa.BigInteger, nullable=False),
    _Column("in_hour", sa.BigInteger, nullable=False),
)

tries = _table(
    "tries",
    _Column("number", NUMBER, primary_key=True, autoincrement=True),
    _Column("key", _DIGEST, nullable=False, index=True),
    _Column("at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

outbox = _table(
    "outbox",
    _Column("number", NUMBER, primary_key=True, autoincrement=True),
    _Column("kind", sa.String(8), nullable=False),
    _Column("subject", sa.String(80), nullable=False),
    _Column("queued_at", Instant, nullable=False),
    _Column("attempts", sa.Integer, nullable=False),
    _Column("next_at", Instant, nullable=False),
    _Column("error", sa.String(500), nullable=False),
    sqlite_autoincrement=True,
)

dead_letters = _table(
    "dead_letters",
    _Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _Column("kind", sa.String(8), nullable=False),
    _Column("subject", sa.String(80), nullable=False),
    _Column("error", sa.String(500), nullable=False),
    _Column("at", Instant, nullable=False),
)

standings = _table(
    "standings",
    _Column("kind", sa.String(8), primary_key=True),
    _Column("id", sa.String(80), primary_key=True),
    _Column("unit", sa.String(80), nullable=False),
    _Column("fingerprint", _DIGEST, nullable=False),
    _Column("score", sa.Integer),
    _Column("weight", sa.BigInteger, nullable=False),
    _Column("expected", sa.Integer, nullable=False),
    _Column("heard", sa.Integer, nullable=False),
    _Column("silent", sa.Integer, nullable=False),
    _Column("critical", sa.Integer, nullable=False),
    _Column("looked", Instant),
    _Column("body", sa.LargeBinary, nullable=False),
    sa.Index("ix_standings_unit", "unit", "kind"),
)

host_standings = _table(
    "host_standings",
    _Column("host", in_order(36), primary_key=True),
    _Column("unit", sa.String(80), nullable=False, index=True),
    _Column("system", sa.String(80)),
    _Column("hostname", in_order(255), nullable=False),
    _Column("os", sa.String(200), nullable=False),
    _Column("sample", sa.Boolean, nullable=False),
    _Column("score", sa.Integer),
    _Column("silent", sa.Boolean, nullable=False),
    _Column("failing", sa.Integer, nullable=False),
    _Column("critical", sa.Integer, nullable=False),
    _Column("looked_at", Instant),
    _Column("place", sa.Integer, nullable=False),
    _Column("folded", sa.Text, nullable=False),
    sa.Index("ix_host_standings_place", "place", "hostname", "host"),
)

outbox_marks = _table(
    "outbox_marks",
    _Column("name", sa.String(16), primary_key=True),
    _Column("ticket", sa.BigInteger, nullable=False),
)
