"""The first schema: tree, agents, chain, heartbeats, rulebooks, scores, people, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_action"), "audit", ["action"], unique=False)
    op.create_table(
        "hosts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("hostname", sa.String(length=255), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("os", sa.String(length=200), nullable=False),
        sa.Column("machine_id", sa.String(length=128), nullable=False),
        sa.Column("expected_since", sa.BigInteger(), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hosts")),
    )
    op.create_table(
        "refusals",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("in_hour", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_refusals")),
    )
    op.create_table(
        "rulebooks",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("levels", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_rulebooks")),
    )
    op.create_index(op.f("ix_rulebooks_published_at"), "rulebooks", ["published_at"], unique=False)
    op.create_table(
        "scores_daily",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("with_waivers", sa.Integer(), nullable=True),
        sa.Column("coverage", sa.Float(), nullable=False),
        sa.Column("freshness", sa.Integer(), nullable=True),
        sa.Column("parameters", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", "day", name=op.f("pk_scores_daily")),
    )
    op.create_table(
        "units",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("parent", sa.String(length=80), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name_vi", sa.String(length=300), nullable=False),
        sa.Column("name_en", sa.String(length=300), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["units.code"], name=op.f("fk_units_parent")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_units")),
    )
    op.create_index(op.f("ix_units_parent"), "units", ["parent"], unique=False)
    op.create_table(
        "agents",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("head_sequence", sa.BigInteger(), nullable=False),
        sa.Column("head_digest", sa.String(length=64), nullable=True),
        sa.Column("head_content", sa.String(length=64), nullable=True),
        sa.Column("agent_version", sa.String(length=200), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["hosts.id"], name=op.f("fk_agents_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
    )
    op.create_table(
        "systems",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("name_vi", sa.String(length=300), nullable=False),
        sa.Column("name_en", sa.String(length=300), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name=op.f("fk_systems_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_systems")),
    )
    op.create_index(op.f("ix_systems_unit"), "systems", ["unit"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name=op.f("fk_users_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "agent_keys",
        sa.Column("keyid", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=36), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_agent_keys_agent")),
        sa.PrimaryKeyConstraint("keyid", name=op.f("pk_agent_keys")),
    )
    op.create_index(op.f("ix_agent_keys_agent"), "agent_keys", ["agent"], unique=False)
    op.create_table(
        "enrolment_tokens",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("system", sa.String(length=80), nullable=True),
        sa.Column("host", sa.String(length=36), nullable=True),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_enrolment_tokens_host")),
        sa.ForeignKeyConstraint(["system"], ["systems.id"], name=op.f("fk_enrolment_tokens_system")),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name=op.f("fk_enrolment_tokens_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_enrolment_tokens_hash")),
    )
    op.create_index(op.f("ix_enrolment_tokens_unit"), "enrolment_tokens", ["unit"], unique=False)
    op.create_table(
        "envelopes",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("keyid", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_envelopes_agent")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_envelopes")),
    )
    op.create_index("ix_envelopes_chain", "envelopes", ["agent", "epoch", "sequence"], unique=False)
    op.create_table(
        "heartbeats",
        sa.Column("agent", sa.String(length=36), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mask", sa.LargeBinary(length=12), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_heartbeats_agent")),
        sa.PrimaryKeyConstraint("agent", "day", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "late_heartbeats",
        sa.Column("agent", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_late_heartbeats_agent")),
        sa.PrimaryKeyConstraint("agent", "epoch", "counter", name=op.f("pk_late_heartbeats")),
    )
    op.create_table(
        "placements",
        sa.Column("host", sa.String(length=36), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("system", sa.String(length=80), nullable=True),
        sa.Column("criticality", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_placements_host")),
        sa.ForeignKeyConstraint(["system"], ["systems.id"], name=op.f("fk_placements_system")),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name=op.f("fk_placements_unit")),
        sa.PrimaryKeyConstraint("host", "since", name=op.f("pk_placements")),
    )
    op.create_index(op.f("ix_placements_system"), "placements", ["system"], unique=False)
    op.create_index(op.f("ix_placements_unit"), "placements", ["unit"], unique=False)
    op.create_table(
        "sections",
        sa.Column("agent", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_sections_agent")),
        sa.PrimaryKeyConstraint("agent", "name", "digest", name=op.f("pk_sections")),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=36), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name=op.f("fk_sessions_user")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user"), "sessions", ["user"], unique=False)
    op.create_table(
        "system_levels",
        sa.Column("system", sa.String(length=80), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["system"], ["systems.id"], name=op.f("fk_system_levels_system")),
        sa.PrimaryKeyConstraint("system", "since", name=op.f("pk_system_levels")),
    )
    op.create_table(
        "looks",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=False),
        sa.Column("rulebook", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.String(length=120), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("outcomes_digest", sa.String(length=64), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("findings", sa.LargeBinary(), nullable=False),
        sa.Column("sections", sa.LargeBinary(), nullable=False),
        sa.Column("flags", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_looks_agent")),
        sa.ForeignKeyConstraint(["digest"], ["envelopes.digest"], name=op.f("fk_looks_digest")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_looks")),
        sa.UniqueConstraint("agent", "epoch", "sequence", name="uq_looks_chain"),
    )
    op.create_index(op.f("ix_looks_committed_at"), "looks", ["committed_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_looks_committed_at"), table_name="looks")
    op.drop_table("looks")
    op.drop_table("system_levels")
    op.drop_index(op.f("ix_sessions_user"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("sections")
    op.drop_index(op.f("ix_placements_unit"), table_name="placements")
    op.drop_index(op.f("ix_placements_system"), table_name="placements")
    op.drop_table("placements")
    op.drop_table("late_heartbeats")
    op.drop_table("heartbeats")
    op.drop_index("ix_envelopes_chain", table_name="envelopes")
    op.drop_table("envelopes")
    op.drop_index(op.f("ix_enrolment_tokens_unit"), table_name="enrolment_tokens")
    op.drop_table("enrolment_tokens")
    op.drop_index(op.f("ix_agent_keys_agent"), table_name="agent_keys")
    op.drop_table("agent_keys")
    op.drop_table("users")
    op.drop_index(op.f("ix_systems_unit"), table_name="systems")
    op.drop_table("systems")
    op.drop_table("agents")
    op.drop_index(op.f("ix_units_parent"), table_name="units")
    op.drop_table("units")
    op.drop_table("scores_daily")
    op.drop_index(op.f("ix_rulebooks_published_at"), table_name="rulebooks")
    op.drop_table("rulebooks")
    op.drop_table("refusals")
    op.drop_table("hosts")
    op.drop_index(op.f("ix_audit_action"), table_name="audit")
    op.drop_table("audit")
