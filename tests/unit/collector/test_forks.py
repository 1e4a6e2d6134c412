"""Two different reports by one key: nothing is taken from either machine until an officer decides who goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from tests.unit.collector.conftest import ADMIN, NOW, Desk
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector import rulebooks
from vonggac_collector.auth import Caller
from vonggac_collector.errors import Forbidden, Invalid, NotFound
from vonggac_collector.forks import DECIDED, Decision, decide
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import Agent
from vonggac_collector.queries import Queries
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.verification import verify_ledger
from vonggac_collector.views import HostPage

HOUR = timedelta(hours=1)
LATER = NOW + 3 * HOUR
OFFICER = Caller("o", "lan", "officer", "ha-noi")


class Pair:
    """A machine, and one that went another way from the same state: the snapshot that was restored, or the copy."""

    def __init__(self, desk: Desk, machine: Machine) -> None:
        self.desk, self.chain, self.other = desk, machine, Machine("may-1-copy")
        assert desk.accept(machine.report(NOW, {1})).status == 200
        self.other.__dict__.update(vars(machine) | {"hostname": "may-1-copy"})

    def part(self) -> str:
        """Each goes on, and the other one's report comes second; gives its refusal's code."""
        assert self.desk.accept(self.chain.report(NOW + HOUR, {2}), NOW + HOUR).status == 200
        return self.desk.accept(self.other.report(NOW + 2 * HOUR, {3}), NOW + 2 * HOUR).code

    def decide(self, decision: Decision, reason: str = "đã hỏi chị Hoa ở phòng máy") -> None:
        decide(self.desk.ledger, OFFICER, self.chain.agent_id, decision, reason, LATER)

    def ask(self, machine: Machine, seed: int, now: datetime = LATER) -> Answer:
        return self.desk.rotate(machine.rotation(now, seed=seed), now)

    @property
    def agent(self) -> Agent:
        with self.desk.ledger.read() as tx:
            found = tx.agents.get(self.chain.agent_id)
        assert found is not None
        return found

    def page(self, now: datetime = LATER) -> HostPage:
        ledger = self.desk.ledger
        asked = Queries(ledger, Shelf(ledger), load_parameters(), lambda: now)
        return asked.host(ADMIN, self.chain.agent_id)


@pytest.fixture
def pair(desk: Desk, machine: Machine) -> Pair:
    made = Pair(desk, machine)
    assert made.part() == "seq-fork"
    return made


def faults(ledger: Ledger) -> list[str]:
    return [f.what for f in verify_ledger(ledger, whole=True).faults]


def test_until_somebody_decides_both_machines_wait_and_neither_is_taken(pair: Pair) -> None:
    for machine, seed in ((pair.chain, 8), (pair.other, 9)):
        answer = pair.ask(machine, seed)
        assert (answer.status, msgspec.json.decode(answer.body())) == (202, {"status": "undecided"})
        assert pair.desk.accept(machine.heartbeat(LATER), LATER).code == "agent-quarantined"
    assert (pair.agent.status, pair.agent.epoch, pair.agent.head_sequence) == ("quarantined", 1, 2)
    assert faults(pair.desk.ledger) == []


def test_after_a_restored_snapshot_the_machine_that_was_set_back_goes_on_and_the_other_does_not(
    pair: Pair,
) -> None:
    old = pair.chain.key
    pair.decide("restored")
    assert pair.ask(pair.chain, 8).code == "agent-quarantined"
    pair.other.rotated(pair.ask(pair.other, 9).body(), seed=9)
    assert pair.desk.accept(pair.other.report(LATER, {5}), LATER).status == 200
    assert (pair.agent.status, pair.agent.epoch, pair.agent.head_sequence) == ("active", 2, 1)
    assert pair.desk.accept(pair.chain.report(LATER, {6}), LATER).code == "key-revoked"
    assert pair.chain.key == old
    assert faults(pair.desk.ledger) == []


def test_what_was_received_before_a_restored_snapshot_stays(pair: Pair) -> None:
    pair.decide("restored")
    pair.other.rotated(pair.ask(pair.other, 9).body(), seed=9)
    pair.desk.accept(pair.other.report(LATER, {5}), LATER)
    with pair.desk.ledger.read() as tx:
        states = [(e.epoch, e.sequence, e.state) for e in tx.chain.of_agent(pair.chain.agent_id, 10)]
    assert sorted(states) == [(1, 1, "committed"), (1, 2, "committed"), (1, 2, "fork"), (2, 1, "committed")]


def test_after_a_copy_that_is_gone_the_machine_whose_chain_is_here_goes_on_with_another_key(
    pair: Pair,
) -> None:
    pair.decide("stray")
    assert pair.ask(pair.other, 9).code == "agent-quarantined"
    pair.chain.rotated(pair.ask(pair.chain, 8).body(), seed=8)
    assert pair.desk.accept(pair.chain.report(LATER, {5}), LATER).status == 200
    assert pair.desk.accept(pair.other.report(LATER, {6}), LATER).code == "key-revoked"
    assert faults(pair.desk.ledger) == []


def test_of_two_machines_that_both_live_each_is_enrolled_with_a_token(pair: Pair) -> None:
    pair.decide("clone")
    assert pair.agent.status == "revoked"
    for machine, seed in ((pair.chain, 8), (pair.other, 9)):
        assert pair.ask(machine, seed).code == "key-revoked"
        assert pair.desk.accept(machine.report(LATER, {5}), LATER).code == "key-revoked"
    assert faults(pair.desk.ledger) == []
    back = pair.desk.enrol(Machine(seed=10), pair.desk.token(host=pair.chain.agent_id, now=LATER), LATER)
    new = pair.desk.enrol(Machine("may-2", seed=11), now=LATER)
    assert (back.agent_id, back.epoch) == (pair.chain.agent_id, 2)
    assert new.agent_id != back.agent_id
    assert {pair.desk.accept(m.report(LATER), LATER).status for m in (back, new)} == {200}
    assert faults(pair.desk.ledger) == []


def test_a_thief_who_does_not_know_the_report_that_was_decided_for_does_not_go_on(pair: Pair) -> None:
    pair.decide("restored")
    thief = Machine()
    thief.__dict__.update(vars(pair.other))
    for sequence, digest in ((2, "0" * 64), (2, pair.chain.previous), (1, None), (3, pair.other.previous)):
        raw = thief.rotation(LATER, seed=9, sequence=sequence if digest else 0, digest=digest)
        assert pair.desk.rotate(raw, LATER).code == "agent-quarantined"
    assert pair.agent.epoch == 1


def test_an_officer_may_decide_otherwise_as_long_as_no_machine_went_on(pair: Pair) -> None:
    pair.decide("stray")
    pair.decide("restored", "nhầm máy")
    assert pair.ask(pair.other, 9).status == 200
    with pytest.raises(Invalid, match="no fork waits"):
        pair.decide("stray")
    assert faults(pair.desk.ledger) == []


def test_a_decision_stands_in_the_audit_log_with_who_why_and_both_reports(pair: Pair) -> None:
    pair.decide("restored")
    with pair.desk.ledger.read() as tx:
        (row,) = [r for r in tx.trail.walk(0, 100) if r.action == DECIDED]
    assert (row.actor, row.subject) == ("lan", pair.chain.agent_id)
    assert row.detail == (
        f"restored, epoch 1, report 2 {pair.other.previous} beside {pair.chain.previous}: đã hỏi chị Hoa ở phòng máy"
    )


@pytest.mark.parametrize(
    ("caller", "reason", "decision", "error"),
    [
        (Caller("s", "an", "sysadmin", "vn"), "x", "restored", Forbidden),
        (Caller("a", "an", "auditor", "vn"), "x", "restored", Forbidden),
        (Caller("o", "an", "officer", "hue"), "x", "restored", NotFound),
        (OFFICER, " \t", "restored", Invalid),
        (OFFICER, "x" * 501, "restored", Invalid),
        (OFFICER, "x\x1b[2J", "restored", Invalid),
        (OFFICER, "x", "active", Invalid),
    ],
)
def test_only_who_may_decides_and_only_with_a_reason(
    pair: Pair, caller: Caller, reason: str, decision: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"may not|not found|reason|decision"):
        decide(pair.desk.ledger, caller, pair.chain.agent_id, decision, reason, LATER)
    assert pair.agent.status == "quarantined"


def test_a_machine_without_a_fork_has_nothing_to_decide(desk: Desk, machine: Machine) -> None:
    with pytest.raises(Invalid, match="no fork waits"):
        decide(desk.ledger, OFFICER, machine.agent_id, "stray", "x", NOW)
    with pytest.raises(NotFound, match="not found"):
        decide(desk.ledger, OFFICER, "0" * 36, "stray", "x", NOW)


def test_both_sides_are_shown_with_what_differs(pair: Pair) -> None:
    found = pair.page()
    assert (found.agent_state, found.fork is not None) == ("quarantined", True)
    assert found.fork is not None
    assert found.fork.here is not None
    here, other = found.fork.here, found.fork.other
    assert (here.sequence, here.digest, here.hostname) == (2, pair.chain.previous, "may-1")
    assert (other.sequence, other.digest, other.hostname) == (2, pair.other.previous, "may-1-copy")
    assert (here.looked_at, here.received_at) == (NOW + HOUR, NOW + HOUR)
    assert (other.looked_at, other.received_at) == (NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert found.fork.differs == ["hostname", "host"]
    assert [k.until for k in found.keys] == [None]
    pair.decide("restored")
    assert (pair.page().agent_state, pair.page().fork) == ("restored", found.fork)
    pair.ask(pair.other, 9)
    assert (pair.page().agent_state, pair.page().fork) == ("active", None)
    assert [(k.epoch, k.until) for k in pair.page().keys] == [(2, None), (1, LATER)]


def test_a_report_that_follows_another_one_than_the_head_is_shown_beside_the_head(
    desk: Desk, machine: Machine
) -> None:
    pair = Pair(desk, machine)
    pair.other.report(NOW, {3})
    desk.accept(pair.chain.report(NOW + HOUR, {2}), NOW + HOUR)
    assert desk.accept(pair.other.report(NOW + HOUR, {4}), NOW + HOUR).code == "seq-fork"
    found = pair.page().fork
    assert found is not None
    assert found.here is not None
    assert (found.here.sequence, found.other.sequence) == (2, 3)
    pair.decide("restored")
    assert pair.ask(pair.other, 9).status == 200


def test_meanwhile_the_score_is_that_of_the_chain_and_grows_old(pair: Pair) -> None:
    before = pair.page()
    assert before.score is not None
    after = pair.page(NOW + timedelta(days=7))
    assert after.score == before.score
    assert after.effective is not None
    assert before.effective is not None
    assert after.effective < before.effective


def test_a_decision_that_nobody_wrote_down_and_an_epoch_out_of_quarantine_are_named(pair: Pair) -> None:
    with pair.desk.ledger.write() as tx:
        tx.agents.put(msgspec.structs.replace(pair.agent, status="restored"))
    assert faults(pair.desk.ledger) == ["its row is not what the audit log says: quarantined in epoch 1"]
    assert pair.ask(pair.other, 9).status == 200
    assert "its epoch 2 was begun by a machine that was locked out" in faults(pair.desk.ledger)


def test_a_rulebook_published_meanwhile_is_named_in_the_answer(pair: Pair) -> None:
    rulebooks.publish(pair.desk.ledger, a_rulebook(version="2"), now=LATER, actor="test")
    pair.decide("restored")
    before = pair.other.rulebook
    pair.other.rotated(pair.ask(pair.other, 9).body(), seed=9)
    assert pair.other.rulebook != before
