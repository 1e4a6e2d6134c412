"""The table of machines that ask to be enrolled and wait for approval."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import Instant, table

applicants = table(
    "applicants",
    sa.Column("keyid", sa.String(64), primary_key=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("token", sa.String(32), sa.ForeignKey("enrolment_tokens.id"), nullable=False),
    sa.Column("unit", sa.String(80), sa.ForeignKey("units.code"), nullable=False, index=True),
    sa.Column("hostname", sa.String(255), nullable=False),
    sa.Column("machine_id", sa.String(128), nullable=False),
    sa.Column("platform", sa.String(16), nullable=False),
    sa.Column("agent_version", sa.String(200), nullable=False),
    sa.Column("address", sa.String(100), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("host", sa.String(36), sa.ForeignKey("hosts.id")),
    sa.Column("decided_by", sa.String(120)),
    sa.Column("decided_at", Instant),
    sa.Column("reason", sa.String(500), nullable=False),
)
