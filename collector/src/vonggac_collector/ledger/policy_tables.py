"""Tables of the policy: the repository's metadata, some ten rows of a few kilobytes; and who tries which rulebook."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import Instant, table

policy_files = table(
    "policy_files",
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
)

trials = table(
    "trials",
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("rulebook", sa.String(64), nullable=False),
    sa.Column("share", sa.Integer, nullable=False),
    sa.Column("units", sa.LargeBinary, nullable=False),
)
