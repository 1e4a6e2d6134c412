"""What the ledger keeps of reports, held against the envelopes they came in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vonggac_collector.ingest.outcomes import vector_at
from vonggac_collector.ingest.projection import statement_of
from vonggac_collector.ledger.interface import Ledger, Transaction
from vonggac_collector.ledger.rows import WRONG, Failing
from vonggac_collector.verification import verify_ledger
from vonggac_contract.report import Statement

Answers = dict[str, tuple[Any, ...]]


def answers_of(statement: Statement) -> Answers:
    """Outcome, passed, of, reason, severity and domain by rule, as scoring takes them."""
    found: Answers = {}
    for f in statement.report.findings:
        said = (f.outcome.value, f.passed, f.of, f.reason, f.severity, f.domain)
        found[f.rule] = ("unknown", 0, 0, "reported-twice", *said[4:]) if f.rule in found else said
    return found


def committed(tx: Transaction, agent: str) -> list[tuple[tuple[int, int], datetime, Answers]]:
    """Place in the chain, time of looking and answers of each report, decoded from its envelope, oldest first."""
    found = []
    for row in tx.chain.walk(agent, (0, 0), 10_000):
        statement = statement_of(row)
        looked_at = min(statement.report.finished_at, row.received_at)
        found.append(((row.epoch, row.sequence), looked_at, answers_of(statement)))
    return found


def wrong_of(answers: Answers) -> dict[str, str]:
    return {rule: said[0] for rule, said in answers.items() if said[0] in WRONG}


def assert_consistent(ledger: Ledger, agent: str) -> None:
    """Vectors, what is wrong now, and the history replayed are what the envelopes say."""
    with ledger.read() as tx:
        reports = committed(tx, agent)
        for row in tx.chain.walk(agent, (0, 0), 10_000):
            look = tx.chain.look(row.digest)
            assert look is not None
            said = {
                rule: (s.outcome, s.passed, s.of, s.reason, a.severity, a.domain)
                for rule, (a, s) in vector_at(tx, look.vector).by_rule().items()
            }
            assert said == answers_of(statement_of(row))
            assert look.shelf == row.shelf
        current = {f.rule: f for f in tx.findings.current([agent]).get(agent, [])}
        changes = tx.findings.history(agent)
        head = tx.agents.get(agent)
        newest = (
            tx.chain.newest_look(agent, datetime.max.replace(tzinfo=row.received_at.tzinfo))
            if reports
            else None
        )
    assert [(c.epoch, c.sequence, c.rule) for c in changes] == sorted(
        (c.epoch, c.sequence, c.rule) for c in changes
    )
    assert head is not None
    assert head.vector == (None if newest is None else newest.vector)
    replayed: dict[str, str] = {}
    begun: dict[str, datetime] = {}
    for place, looked_at, answers in reports:
        for change in (c for c in changes if (c.epoch, c.sequence) == place):
            assert replayed.get(change.rule, change.before) == change.before
            assert change.looked_at == looked_at
            begun[change.rule] = looked_at
            replayed[change.rule] = change.after
        replayed = {rule: outcome for rule, outcome in replayed.items() if outcome in WRONG}
        assert replayed == wrong_of(answers)
    last = reports[-1][2] if reports else {}
    assert {rule: fields(f) for rule, f in current.items()} == {rule: last[rule] for rule in wrong_of(last)}
    assert {rule: f.since for rule, f in current.items()} == {rule: begun[rule] for rule in current}
    for whole in (True, False):
        assert verify_ledger(ledger, whole=whole).faults == []


def fields(f: Failing) -> tuple[Any, ...]:
    return (f.outcome, f.passed, f.of, f.reason, f.severity, f.domain)
