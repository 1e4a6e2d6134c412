"""What is wrong now, one row an agent and rule; the history of it; and the lists of rules that vectors answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from .. import rows
from ..tables import changes, failings, rule_lists
from .prepared import Prepared
from .tree import _IN_CHUNK, plain

_UPSERT: Final = Prepared(
    sa.text(
        "INSERT INTO failings (agent, rule, outcome, reason, passed, of, severity, domain, since, epoch, sequence)"
        " VALUES (:agent, :rule, :outcome, :reason, :passed, :of, :severity, :domain, :since, :epoch, :sequence)"
        " ON CONFLICT (agent, rule) DO UPDATE SET reason = excluded.reason, passed = excluded.passed,"
        " of = excluded.of, severity = excluded.severity, domain = excluded.domain, epoch = excluded.epoch,"
        " sequence = excluded.sequence, outcome = excluded.outcome,"
        " since = CASE WHEN failings.outcome = excluded.outcome THEN failings.since ELSE excluded.since END"
    )
)
_MEND: Final = Prepared(
    failings.delete().where(
        failings.c.agent == sa.bindparam("agent"), failings.c.rule == sa.bindparam("rule")
    )
)
_CHANGE: Final = Prepared(changes.insert())
_RULES: Final = sa.select(rule_lists.c.rules).where(rule_lists.c.digest == sa.bindparam("digest"))
_ADD_RULES: Final = Prepared(
    sa.text("INSERT INTO rule_lists (digest, rules) VALUES (:digest, :rules) ON CONFLICT (digest) DO NOTHING")
)


class SqlFindings:
    """See interface.Findings."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add_rules(self, digest: str, packed: bytes) -> None:
        _ADD_RULES.run(self._connection, {"digest": digest, "rules": packed})

    def rules(self, digest: str) -> bytes | None:
        return self._connection.execute(_RULES, {"digest": digest}).scalar()

    def lists(self) -> dict[str, bytes]:
        return {r.digest: r.rules for r in self._connection.execute(sa.select(rule_lists))}

    def differ(
        self, agent: str, wrong: Sequence[rows.Failing], mended: Sequence[str], changes: Sequence[rows.Change]
    ) -> None:
        _UPSERT.later(self._connection, agent, 3, map(plain, wrong))
        _MEND.later(self._connection, agent, 4, ({"agent": agent, "rule": rule} for rule in mended))
        _CHANGE.later(self._connection, agent, 5, map(plain, changes))

    def current(self, agents: Sequence[str]) -> dict[str, list[rows.Failing]]:
        found: dict[str, list[rows.Failing]] = {}
        for start in range(0, len(agents), _IN_CHUNK):
            query = (
                sa.select(failings)
                .where(failings.c.agent.in_(agents[start : start + _IN_CHUNK]))
                .order_by(failings.c.agent, failings.c.rule)
            )
            for row in self._connection.execute(query):
                found.setdefault(row.agent, []).append(rows.Failing(*row))
        return found

    def history(
        self, agent: str, rule: str | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 10_000
    ) -> list[rows.Change]:
        epoch, sequence = after
        query = (
            sa.select(changes)
            .where(
                changes.c.agent == agent,
                (changes.c.epoch > epoch) | ((changes.c.epoch == epoch) & (changes.c.sequence > sequence)),
            )
            .order_by(changes.c.epoch, changes.c.sequence, changes.c.rule)
            .limit(limit)
        )
        if rule is not None:
            query = query.where(changes.c.rule == rule)
        return [rows.Change(*r) for r in self._connection.execute(query)]
