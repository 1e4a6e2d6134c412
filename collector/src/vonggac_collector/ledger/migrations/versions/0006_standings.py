"""Where units, systems and hosts stand as of the worker's last round, for pages."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _in_order(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length=length, collation="C").with_variant(sa.String(length=length), "sqlite")


def upgrade() -> None:
    op.create_table(
        "standings",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("heard", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("looked", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_standings")),
    )
    op.create_index("ix_standings_unit", "standings", ["unit", "kind"], unique=False)
    op.create_table(
        "host_standings",
        sa.Column("host", _in_order(36), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("system", sa.String(length=80), nullable=True),
        sa.Column("hostname", _in_order(255), nullable=False),
        sa.Column("os", sa.String(length=200), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("failing", sa.Integer(), nullable=False),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_standings")),
    )
    op.create_index(op.f("ix_host_standings_unit"), "host_standings", ["unit"], unique=False)
    op.create_index("ix_host_standings_place", "host_standings", ["place", "hostname", "host"], unique=False)
    op.create_index(op.f("ix_hosts_expected_since"), "hosts", ["expected_since"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_hosts_expected_since"), table_name="hosts")
    op.drop_table("host_standings")
    op.drop_table("standings")
