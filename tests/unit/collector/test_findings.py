"""What is wrong, its history, and vectors: whatever arrives in whatever order, they say what the envelopes say."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.conftest import NOW, Desk, plant
from tests.unit.collector.keeping import assert_consistent
from tests.unit.collector.machines import Machine, findings

from vonggac_collector.board import BoardMaker
from vonggac_collector.history import past_of
from vonggac_collector.ingest.projection import statement_of
from vonggac_collector.ingest.reading import rules_of, told_by
from vonggac_collector.ingest.vector import Vector, pack_vector, unpack_rules, unpack_vector
from vonggac_collector.judging import Bench
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import WRONG, Change
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_contract.envelope import keyid_of
from vonggac_contract.finding import Finding, Outcome

HOUR = timedelta(hours=1)
OUTCOMES = st.sampled_from([*Outcome])
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from([f"linux.test.rule-{n:02}" for n in range(8)]),
        OUTCOMES,
        st.sampled_from(["critical", "low"]),
        st.sampled_from(["tls", "access"]),
        st.sampled_from(["", "timed-out"]),
        st.just(""),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=10,
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["next", "skip", "again", "late", "fork", "epoch", "beat"]), FINDINGS),
    max_size=10,
)


def a_vector(found: list[Finding]) -> Vector:
    told = [*map(told_by, found)]
    rules, packed = rules_of(told)
    return Vector(rules, unpack_rules(packed), [t.said for t in told])


@given(FINDINGS, FINDINGS)
def test_a_vector_says_what_the_report_said(found: list[Finding], other: list[Finding]) -> None:
    vector = a_vector(found)
    digest, kept = pack_vector(vector)
    back = unpack_vector(kept, {vector.rules: vector.asked}.__getitem__)
    assert back == vector
    assert pack_vector(back) == (digest, kept)
    assert [(a.rule, a.severity, a.domain) for a in back.asked] == [
        (f.rule, f.severity, f.domain) for f in found
    ]
    assert [(s.outcome, s.passed, s.of, s.reason) for s in back.said] == [
        (f.outcome.value, f.passed, f.of, f.reason) for f in found
    ]
    assert (pack_vector(a_vector(other))[0] == digest) is (a_vector(other) == vector)


def test_more_answers_than_a_byte_tells_apart_are_kept_as_well() -> None:
    vector = a_vector(
        [Finding(f"r{n}", Outcome.PARTIAL, "low", "tls", passed=n, of=1_000) for n in range(600)]
    )
    assert unpack_vector(pack_vector(vector)[1], lambda _: vector.asked) == vector


def test_a_look_at_two_hundred_rules_takes_some_two_hundred_bytes() -> None:
    vector = a_vector([f for n in range(14) for f in findings({n}, rules=14)])
    assert len(pack_vector(vector)[1]) < 250


class Road:
    """A machine whose reports arrive as the steps say."""

    def __init__(self, ledger: Ledger) -> None:
        plant(ledger)
        self.desk = Desk(ledger)
        self.machine = self.desk.enrol(Machine())
        self.at = NOW
        self.kept_back: list[bytes] = []
        self.sent: list[bytes] = []

    def step(self, what: str, found: list[Finding]) -> None:
        self.at += HOUR
        if what == "beat":
            self.desk.accept(self.machine.heartbeat(self.at), self.at)
        elif what == "again" and self.sent:
            self.desk.accept(self.sent[len(found) % len(self.sent)], self.at)
        elif what == "late" and self.kept_back:
            self.send(self.kept_back.pop())
        elif what == "fork":
            statement = self.machine.statement(self.at, findings=found or findings({1}))
            twin = Machine()
            vars(twin).update(vars(self.machine))
            if statement.sequence > 1:
                twin.sequence, twin.previous = (
                    statement.sequence - 2,
                    None if statement.sequence == 2 else "d" * 64,
                )
            self.send(twin.report(self.at, findings=found or findings({2})))
        elif what == "epoch":
            token = self.desk.token(host=self.machine.agent_id, now=self.at)
            new = Machine(seed=self.machine.epoch + 1)
            self.machine, self.kept_back = self.desk.enrol(new, token, now=self.at), []
        else:
            raw = self.machine.report(self.at, findings=found or findings({3}))
            if what == "skip":
                self.kept_back.append(raw)
            else:
                self.send(raw)

    def send(self, raw: bytes) -> None:
        self.sent.append(raw)
        self.desk.accept(raw, self.at)


def test_what_many_machines_send_in_turns_is_written_in_the_order_of_each(ledger: Ledger) -> None:
    plant(ledger)
    desk = Desk(ledger)
    machines = [desk.enrol(Machine(f"may-{n}", seed=n + 1)) for n in range(4)]
    chance = random.Random(5)
    sent: list[tuple[Machine, bytes]] = []
    for step in range(120):
        machine, at = chance.choice(machines), NOW + step * HOUR / 360
        beats = machine.sequence > 0 and chance.random() < 0.4
        failing = {n for n in range(4) if chance.random() < 0.5}
        sent.append((machine, machine.heartbeat(at) if beats else machine.report(at, failing)))
    swapped = [n for n in range(10, 110, 20) if sent[n][0] is not sent[n + 1][0]]
    for n in swapped:
        sent[n], sent[n + 1] = sent[n + 1], sent[n]
    for start in range(0, len(sent), 30):
        part = sent[start : start + 30]
        senders = {keyid_of(m.public_key) for m, _ in part[:20]}
        with ledger.batch(senders):
            answers = [desk.accept(raw, NOW + (start + 30) * HOUR / 360) for _, raw in part]
        assert {a.status for a in answers} == {200}
    for machine in machines:
        assert_consistent(ledger, machine.agent_id)
        with ledger.read() as tx:
            agent = tx.agents.get(machine.agent_id)
            day = tx.heartbeats.day(machine.agent_id, NOW.date())
        assert agent is not None
        assert (agent.head_sequence, agent.head_digest) == (machine.sequence, machine.previous)
        assert day is not None
        assert day.counter == machine.counter


@pytest.mark.worlds
@given(STEPS)
def test_whatever_arrives_the_ledger_keeps_what_the_envelopes_say(
    steps: list[tuple[str, list[Finding]]],
) -> None:
    ledger = MemoryLedger()
    road = Road(ledger)
    for step in steps:
        road.step(*step)
        assert_consistent(ledger, road.machine.agent_id)


@pytest.mark.worlds
@given(STEPS, st.integers(0, 12))
def test_scores_of_any_past_moment_are_those_of_the_envelopes_committed_by_then(
    steps: list[tuple[str, list[Finding]]], hours: int
) -> None:
    ledger = MemoryLedger()
    road = Road(ledger)
    for step in steps:
        road.step(*step)
    at, agent = NOW + hours * HOUR, road.machine.agent_id
    board = BoardMaker(ledger, Shelf(ledger), load_parameters()).at(at)
    with ledger.read() as tx:
        known = [r for r in tx.chain.walk(agent, (0, 0), 100) if r.committed_at and r.committed_at <= at]
    host = board.hosts[agent]
    if not known:
        assert host.judged is None
        return
    assert host.judged is not None
    assert host.look is not None
    assert host.look.digest == known[-1].digest
    vector = a_vector(statement_of(known[-1]).report.findings)
    bench = Bench(Shelf(ledger), load_parameters())
    assert bench.judge(host.host, host.look, vector, host.judged.judge) == host.judged


def test_a_changed_report_writes_only_what_differs(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW, {1, 2, 3}))
    desk.accept(machine.report(NOW + HOUR, {2, 3, 4}), NOW + HOUR)
    with desk.ledger.read() as tx:
        rows = tx.findings.current([machine.agent_id])[machine.agent_id]
        changes = tx.findings.history(machine.agent_id)
        later = tx.findings.history(machine.agent_id, after=(1, 1))
        of_rule = tx.findings.history(machine.agent_id, "linux.test.rule-01")
        assert tx.findings.current(["nobody"]) == {}
    assert [(r.rule[-2:], r.since, r.sequence) for r in rows] == [
        ("02", NOW, 1),
        ("03", NOW, 1),
        ("04", NOW + HOUR, 2),
    ]
    assert [(c.sequence, c.rule[-2:], c.before, c.after) for c in changes] == [
        (1, "01", "", "fail"),
        (1, "02", "", "fail"),
        (1, "03", "", "fail"),
        (2, "01", "fail", "pass"),
        (2, "04", "pass", "fail"),
    ]
    assert later == changes[3:]
    assert [c.sequence for c in of_rule] == [1, 2]


def test_another_reason_or_fraction_is_no_new_beginning(desk: Desk, machine: Machine) -> None:
    first = [Finding("linux.test.rule-01", Outcome.PARTIAL, "low", "tls", passed=1, of=9)]
    second = [Finding("linux.test.rule-01", Outcome.PARTIAL, "high", "tls", passed=2, of=9)]
    for n, found in enumerate((first, second)):
        desk.accept(machine.report(NOW + n * HOUR, findings=found), NOW + n * HOUR)
    with desk.ledger.read() as tx:
        (row,) = tx.findings.current([machine.agent_id])[machine.agent_id]
        assert (row.passed, row.severity, row.since, row.sequence) == (2, "high", NOW, 2)
        assert len(tx.findings.history(machine.agent_id)) == 1


def change(hour: int, before: str, after: str) -> Change:
    at = NOW + hour * HOUR
    return Change("a", 1, hour + 1, "r", at, at, before, after, "", "2026-11-L1")


@pytest.mark.parametrize(
    ("outcomes", "since", "mended", "regressed"),
    [
        (["fail"], 0, None, False),
        (["fail", "pass"], 1, 1, False),
        (["fail", "pass", "fail"], 2, 1, True),
        (["fail", "pass", "partial", "not-applicable", "fail"], 4, 3, True),
        (["fail", "unknown", "pass", "fail"], 3, 2, True),
        (["fail", "unknown", "fail"], 2, None, False),
        (["unknown", "pass", "fail"], 2, None, False),
        (["fail", "", "fail"], 2, None, False),
        (["fail", "pass", "unknown"], 2, 1, False),
    ],
)
def test_what_was_mended_and_fails_again_has_regressed(
    outcomes: list[str], since: int, mended: int | None, regressed: bool
) -> None:
    changes = [change(n, b, a) for n, (b, a) in enumerate(zip(["", *outcomes], outcomes, strict=False))]
    past = past_of(changes)
    assert past is not None
    assert past.since == NOW + since * HOUR
    assert past.mended == (None if mended is None else NOW + mended * HOUR)
    assert past.regressed is regressed
    assert [outcome for _, outcome in past.looks] == outcomes


@given(st.lists(OUTCOMES.map(lambda o: o.value), min_size=1, max_size=8))
def test_the_past_of_a_rule_is_that_of_its_looks(outcomes: list[str]) -> None:
    ledger = MemoryLedger()
    road = Road(ledger)
    for outcome in outcomes:
        road.step("next", [Finding("linux.test.rule-01", Outcome(outcome), "low", "tls", passed=1, of=2)])
    with ledger.read() as tx:
        past = past_of(tx.findings.history(road.machine.agent_id))
    began = len(outcomes) - 1
    while began and (outcomes[began - 1] == outcomes[-1]):
        began -= 1
    if outcomes[-1] in WRONG:
        assert past is not None
        assert (past.outcome, past.since) == (outcomes[-1], NOW + (began + 1) * HOUR)


def test_a_section_sent_again_is_held_since_it_first_came(desk: Desk, machine: Machine) -> None:
    for n in range(2):
        desk.accept(machine.report(NOW + n * HOUR, {n}), NOW + n * HOUR)
    with desk.ledger.read() as tx:
        assert {(s.name, s.since) for s in tx.chain.sections(machine.agent_id)} == {
            ("host", NOW),
            ("os", NOW),
        }
    machine.hostname = "may-9"
    desk.accept(machine.report(NOW + 2 * HOUR, {1}), NOW + 2 * HOUR)
    with desk.ledger.read() as tx:
        since = {s.name: s.since for s in tx.chain.sections(machine.agent_id)}
        assert since == {"host": NOW + 2 * HOUR, "os": NOW}
        assert tx.tree.hosts(NOW)[0].hostname == "may-9"
