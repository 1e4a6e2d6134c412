"""Tokens that want approval, and the machines that wait for it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "enrolment_tokens", sa.Column("approval", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "applicants",
        sa.Column("keyid", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("hostname", sa.String(length=255), nullable=False),
        sa.Column("machine_id", sa.String(length=128), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("agent_version", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=36), nullable=True),
        sa.Column("decided_by", sa.String(length=120), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["token"], ["enrolment_tokens.id"], name=op.f("fk_applicants_token")),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name=op.f("fk_applicants_unit")),
        sa.ForeignKeyConstraint(["host"], ["hosts.id"], name=op.f("fk_applicants_host")),
        sa.PrimaryKeyConstraint("keyid", name=op.f("pk_applicants")),
    )
    op.create_index(op.f("ix_applicants_unit"), "applicants", ["unit"], unique=False)


def downgrade() -> None:
    op.drop_table("applicants")
    op.drop_column("enrolment_tokens", "approval")
