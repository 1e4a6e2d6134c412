"""The table of the policy repository's metadata: some ten rows of a few kilobytes."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import table

policy_files = table(
    "policy_files",
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
)
