"""Tables of the order of committed reports. A proof over 100 million leaves reads some ten rows of `tiles`.

`leaves` has no foreign key: a leaf outlives its envelope.
"""

from __future__ import annotations

import sqlalchemy as sa

from .columns import Instant, table

leaves = table(
    "leaves",
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("agent", sa.String(36), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.UniqueConstraint("agent", "epoch", "sequence", name="uq_leaves_place"),
)

tiles = table(
    "tiles",
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)

checkpoints = table(
    "checkpoints",
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("tree_size", sa.BigInteger, nullable=False),
    sa.Column("root", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
)
