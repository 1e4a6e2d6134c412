"""Tries to sign in, which all web processes count together."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tries")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tries_key"), "tries", ["key"], unique=False)


def downgrade() -> None:
    op.drop_table("tries")
