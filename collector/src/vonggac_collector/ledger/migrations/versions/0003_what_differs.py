"""The record keeps what differs: looks as vectors, what is wrong now, its history, the newest content of sections.

Everything is made from the envelopes, which are kept as they are. How vectors are packed is written down here once more
(`ingest.vector` as of this revision): a revision does not change with the code.
"""

import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from vonggac_collector.ledger.sql import shelves
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import Report, statement_from_envelope

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OLD = ("envelopes", "looks", "sections")
_WRONG = frozenset({"fail", "partial", "unknown"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    op.drop_index("ix_envelopes_chain", table_name="envelopes")
    op.drop_index("ix_looks_committed_at", table_name="looks")
    for table in _OLD:
        op.rename_table(table, f"{table}_0001")
        if postgresql:
            op.execute(f"ALTER INDEX pk_{table} RENAME TO pk_{table}_0001")
    if postgresql:
        op.execute("ALTER INDEX uq_looks_chain RENAME TO uq_looks_chain_0001")
    op.add_column("agents", sa.Column("vector", sa.LargeBinary(), nullable=True))
    op.add_column("agents", sa.Column("aside", sa.Integer(), nullable=False, server_default="0"))
    _create()
    shelves.make_default(connection)
    shelves.make(connection, shelves.coming(datetime.now(UTC)))
    _carry_over(connection)
    for table in ("looks", "sections", "envelopes"):
        op.drop_table(f"{table}_0001")


def downgrade() -> None:
    raise RuntimeError("what differs cannot be put back; restore the backup from before")


def _create() -> None:
    digest = sa.String(length=64)
    shelved: Any = {"postgresql_partition_by": "LIST (shelf)"}

    def agent() -> sa.Column[str]:
        return sa.Column("agent", sa.String(length=36), nullable=False)

    def shelf() -> sa.Column[str]:
        return sa.Column("shelf", sa.String(length=16), nullable=False)

    op.create_table(
        "envelopes",
        sa.Column("digest", digest, nullable=False),
        agent(),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("previous", digest, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("keyid", digest, nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        shelf(),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_envelopes_agent")),
        sa.PrimaryKeyConstraint("digest", "shelf", name=op.f("pk_envelopes")),
        **shelved,
    )
    op.create_index("ix_envelopes_chain", "envelopes", ["agent", "epoch", "sequence"], unique=False)
    op.create_table(
        "looks",
        sa.Column("digest", digest, nullable=False),
        agent(),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=False),
        sa.Column("rulebook", digest, nullable=False),
        sa.Column("profile", sa.String(length=120), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("content", digest, nullable=False),
        sa.Column("outcomes_digest", digest, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("flags", sa.String(length=200), nullable=False),
        shelf(),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_looks_agent")),
        sa.PrimaryKeyConstraint("digest", "shelf", name=op.f("pk_looks")),
        sa.UniqueConstraint("agent", "epoch", "sequence", "shelf", name="uq_looks_chain"),
        **shelved,
    )
    op.create_table(
        "rule_lists",
        sa.Column("digest", digest, nullable=False),
        sa.Column("rules", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_rule_lists")),
    )
    op.create_table(
        "failings",
        agent(),
        sa.Column("rule", sa.String(length=120), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("of", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("domain", sa.String(length=20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_failings_agent")),
        sa.PrimaryKeyConstraint("agent", "rule", name=op.f("pk_failings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "changes",
        agent(),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.String(length=120), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=False),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        shelf(),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_changes_agent")),
        sa.PrimaryKeyConstraint("agent", "epoch", "sequence", "rule", "shelf", name=op.f("pk_changes")),
        sqlite_with_rowid=False,
        **shelved,
    )
    op.create_table(
        "sections",
        agent(),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("digest", digest, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.id"], name=op.f("fk_sections_agent")),
        sa.PrimaryKeyConstraint("agent", "name", name=op.f("pk_sections")),
    )


def _carry_over(connection: sa.Connection) -> None:
    """One machine at a time, look by look, as ingest would have written it."""
    metadata = sa.MetaData()
    names = ("envelopes_0001", "looks_0001", "sections_0001", "envelopes", "looks", "rule_lists", "failings")
    metadata.reflect(
        connection, only=[*names, "changes", "sections", "agents", "placements", "system_levels"]
    )
    tables = metadata.tables
    lists: set[str] = set()
    for (agent,) in connection.execute(sa.select(tables["agents"].c.id)).all():
        shelf_at = _shelves_of(connection, tables, agent)
        _envelopes(connection, tables, agent, shelf_at)
        _looks(connection, tables, agent, shelf_at, lists)


def _shelves_of(connection: sa.Connection, tables: Any, agent: str) -> Any:
    """The month of receipt, and the level of the system that the host was in then (1 in none)."""
    places, levels = tables["placements"], tables["system_levels"]
    found = connection.execute(
        sa.select(places.c.since, places.c.until, levels.c.since, levels.c.until, levels.c.level)
        .select_from(places.join(levels, levels.c.system == places.c.system))
        .where(places.c.host == agent)
    ).all()

    def shelf_at(received_at: int) -> str:
        level = 1
        for began, ended, since, until, of_then in found:
            if began <= received_at < (ended or 2**63) and since <= received_at < (until or 2**63):
                level = of_then
        return f"{_EPOCH + timedelta(microseconds=received_at):%Y-%m}-L{level}"

    return shelf_at


def _envelopes(connection: sa.Connection, tables: Any, agent: str, shelf_at: Any) -> None:
    old = tables["envelopes_0001"]
    for row in connection.execute(sa.select(old).where(old.c.agent == agent)).mappings():
        connection.execute(tables["envelopes"].insert(), dict(row) | {"shelf": shelf_at(row["received_at"])})
    aside = sa.select(sa.func.count()).where(
        old.c.agent == agent, old.c.epoch == tables["agents"].c.epoch, old.c.state != "committed"
    )
    mine = tables["agents"].c.id == agent
    connection.execute(tables["agents"].update().where(mine).values(aside=aside.scalar_subquery()))


def _looks(connection: sa.Connection, tables: Any, agent: str, shelf_at: Any, lists: set[str]) -> None:
    old, sent = tables["looks_0001"], tables["envelopes_0001"]
    query = (
        sa.select(old, sent.c.raw, sent.c.received_at)
        .join(sent, sent.c.digest == old.c.digest)
        .where(old.c.agent == agent)
        .order_by(old.c.epoch, old.c.sequence)
    )
    before: dict[str, tuple[Any, ...]] = {}
    written: dict[str, tuple[int, int]] = {}
    vector, newest, last = None, None, []
    for row in connection.execute(query).mappings():
        report = statement_from_envelope(envelope_from_bytes(zlib.decompress(row["raw"]))).report
        digest, rules = _rules(report)
        if digest not in lists:
            lists.add(digest)
            connection.execute(tables["rule_lists"].insert(), {"digest": digest, "rules": rules})
        vector, newest, last = _vector(digest, report), row, msgspec.msgpack.decode(row["outcomes"])
        kept = {c.name: row[c.name] for c in tables["looks"].c if c.name in row}
        shelf = shelf_at(row["received_at"])
        connection.execute(tables["looks"].insert(), kept | {"vector": vector, "shelf": shelf})
        after = _answers(report)
        changes = list(_changes(before, after))
        if changes:
            same = {k: row[k] for k in ("agent", "epoch", "sequence", "looked_at", "committed_at")}
            connection.execute(tables["changes"].insert(), [same | c | {"shelf": shelf} for c in changes])
        for rule, answer in after.items():
            if before.get(rule) != answer:
                written[rule] = (row["epoch"], row["sequence"])
        before = after
    if newest is None:
        return
    mine = tables["agents"].c.id == agent
    connection.execute(tables["agents"].update().where(mine).values(vector=vector))
    since = {rule: began for rule, *_, began in last}
    failings = [
        {"agent": agent, "rule": rule, "since": since[rule]}
        | dict(zip(("outcome", "passed", "of", "reason", "severity", "domain"), answer, strict=True))
        | dict(zip(("epoch", "sequence"), written[rule], strict=True))
        for rule, answer in before.items()
        if answer[0] in _WRONG
    ]
    if failings:
        connection.execute(tables["failings"].insert(), failings)
    _sections(connection, tables, agent, msgspec.json.decode(newest["sections"]))


def _rules(report: Report) -> tuple[str, bytes]:
    packed = msgspec.msgpack.encode([(f.rule, f.severity, f.domain) for f in report.findings])
    return hashlib.sha256(packed).hexdigest(), packed


def _vector(rules: str, report: Report) -> bytes:
    places: dict[tuple[Any, ...], int] = {}
    said = [(f.outcome.value, f.passed, f.of, f.reason) for f in report.findings]
    order = [places.setdefault(s, len(places)) for s in said]
    codes = bytes(order) if len(places) <= 256 else b"".join(n.to_bytes(4, "little") for n in order)
    return zlib.compress(msgspec.msgpack.encode([bytes.fromhex(rules), list(places), codes]), 1)


def _answers(report: Report) -> dict[str, tuple[Any, ...]]:
    """Outcome, passed, of, reason, severity and domain by rule; one that is answered twice is not known."""
    found: dict[str, tuple[Any, ...]] = {}
    for f in report.findings:
        answer = (f.outcome.value, f.passed, f.of, f.reason, f.severity, f.domain)
        found[f.rule] = ("unknown", 0, 0, "reported-twice", *answer[4:]) if f.rule in found else answer
    return found


def _changes(before: dict[str, tuple[Any, ...]], after: dict[str, tuple[Any, ...]]) -> Any:
    for rule in [*after, *(r for r in before if r not in after)]:
        was, now = before.get(rule, ("",))[0], after.get(rule, ("",))[0]
        if was != now and (was in _WRONG or now in _WRONG):
            reason = after[rule][3] if rule in after else ""
            yield {"rule": rule, "before": was, "after": now, "reason": reason}


def _sections(connection: sa.Connection, tables: Any, agent: str, named: dict[str, Any]) -> None:
    """Of each section the content that the newest look names, or else the newest."""
    old = tables["sections_0001"]
    rows = connection.execute(sa.select(old).where(old.c.agent == agent).order_by(old.c.since)).mappings()
    kept: dict[str, Any] = {}
    for row in rows:
        wanted = named.get(row["name"], {}).get("digest")
        if row["name"] not in kept or wanted is None or kept[row["name"]]["digest"] != wanted:
            kept[row["name"]] = dict(row)
    if kept:
        connection.execute(tables["sections"].insert(), list(kept.values()))
