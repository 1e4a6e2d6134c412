"""A key that an officer takes away: nothing of it is taken any more, what it reported stays, a new token goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from tests.unit.collector.conftest import KEY, NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.approval import approve
from vonggac_collector.auth import Caller
from vonggac_collector.enrolment import create_token, enrol
from vonggac_collector.errors import Forbidden, Invalid, NotFound
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.revocation import revoke
from vonggac_collector.structure import move_host
from vonggac_collector.verification import verify_ledger
from vonggac_contract.envelope import keyid_of

HOUR = timedelta(hours=1)
OFFICER = Caller("o", "lan", "officer", "ha-noi")


def asked(desk: Desk, machine: Machine, token: str, now: datetime = NOW) -> Answer:
    return enrol(desk.ledger, machine.request(token, now), now=now, collector_key=KEY, peer="test")


def test_a_revoked_machine_is_refused_at_its_next_request_and_what_it_reported_stays(
    desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW))
    revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW + HOUR)
    for raw in (machine.report(NOW + HOUR, {1}), machine.heartbeat(NOW + HOUR)):
        answer = desk.accept(raw, NOW + HOUR)
        assert (answer.status, answer.code) == (403, "key-revoked")
    with desk.ledger.read() as tx:
        agent = tx.agents.get(machine.agent_id)
        rows = [r for r in tx.trail.walk(0, 1000) if r.action == "agent-revoked"]
        assert agent is not None
        assert (agent.status, agent.head_sequence) == ("revoked", 1)
        assert tx.chain.total() == 1
    assert [(r.actor, r.subject, r.detail) for r in rows] == [("lan", machine.agent_id, "stolen")]
    assert verify_ledger(desk.ledger).faults == []


def test_after_a_lost_disk_a_token_for_the_host_gives_it_a_new_key_and_its_history_goes_on(
    desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW))
    revoke(desk.ledger, OFFICER, machine.agent_id, "its disk was lost", NOW + HOUR)
    again = Machine(machine.hostname, seed=9)
    desk.enrol(again, desk.token(host=machine.agent_id), NOW + HOUR)
    assert (again.agent_id, again.epoch) == (machine.agent_id, 2)
    assert desk.accept(again.report(NOW + HOUR), NOW + HOUR).status == 200
    with desk.ledger.read() as tx:
        assert len(tx.tree.hosts(NOW + HOUR)) == 1
        assert [e.epoch for e in tx.chain.of_agent(machine.agent_id, 9)] == [2, 1]
        agent = tx.agents.get(machine.agent_id)
        assert agent is not None
        assert agent.status == "active"
    assert desk.accept(machine.report(NOW + HOUR), NOW + HOUR).code == "key-revoked"
    assert verify_ledger(desk.ledger).faults == []


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        (Caller("s", "a", "sysadmin", "ha-noi"), Forbidden),
        (Caller("a", "b", "auditor", "vn"), Forbidden),
        (Caller("o", "c", "officer", "hue"), NotFound),
    ],
)
def test_only_who_may_takes_a_key_away_and_only_within_sight(
    desk: Desk, machine: Machine, caller: Caller, error: type[Exception]
) -> None:
    for host in (machine.agent_id, "nowhere"):
        with pytest.raises(error, match=r"not found|may not"):
            revoke(desk.ledger, caller, host, "stolen", NOW)
    assert desk.accept(machine.report(NOW)).status == 200


def test_it_takes_a_reason_and_a_key_that_is_good(desk: Desk, machine: Machine) -> None:
    for reason in ("", " ", "x" * 501):
        with pytest.raises(Invalid, match="reason"):
            revoke(desk.ledger, OFFICER, machine.agent_id, reason, NOW)
    revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW)
    with pytest.raises(Invalid, match="revoked already"):
        revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW)


def test_a_revocation_that_somebody_undid_in_the_database_is_named(desk: Desk, machine: Machine) -> None:
    revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW)
    with desk.ledger.write() as tx:
        agent = tx.agents.get(machine.agent_id)
        assert agent is not None
        tx.agents.put(msgspec.structs.replace(agent, status="active"))
    faults = verify_ledger(desk.ledger).faults
    assert ["revoked" in str(f) for f in faults] == [True]


@pytest.mark.parametrize("fork", [False, True])
def test_only_who_decides_makes_a_token_for_a_machine_that_is_locked_out(
    fork: bool, desk: Desk, machine: Machine
) -> None:
    host = machine.agent_id
    if fork:
        with desk.ledger.write() as tx:
            agent = tx.agents.get(host)
            assert agent is not None
            tx.agents.put(msgspec.structs.replace(agent, status="quarantined"))
    else:
        revoke(desk.ledger, OFFICER, host, "stolen", NOW)
    sysadmin = Caller("s", "an", "sysadmin", "ha-noi/so-y-te")
    given = ("ha-noi/so-y-te", None, 1, NOW + HOUR, NOW)
    with pytest.raises(Forbidden):
        create_token(desk.ledger, sysadmin, *given, host=host)
    create_token(desk.ledger, OFFICER, *given, host=host)


def test_a_token_that_was_made_before_undoes_no_revocation(desk: Desk, machine: Machine) -> None:
    token = desk.token(host=machine.agent_id)
    revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW)
    assert asked(desk, Machine(seed=9), token).code == "token-refused"
    assert verify_ledger(desk.ledger).faults == []


@pytest.mark.parametrize("approved", [False, True])
def test_a_token_for_a_host_is_good_only_while_the_host_is_in_its_unit(
    approved: bool, desk: Desk, machine: Machine
) -> None:
    text, _ = create_token(
        desk.ledger, OFFICER, "ha-noi/so-y-te", None, 1, NOW + HOUR, NOW,
        host=machine.agent_id, approval=approved,
    )  # fmt: skip
    move_host(desk.ledger, machine.agent_id, unit="hue/so-y-te", now=NOW + HOUR / 4, actor="test")
    thief = Machine(seed=9)
    answer = asked(desk, thief, text, NOW + HOUR / 2)
    if approved:
        with pytest.raises(Invalid, match="another unit"):
            approve(desk.ledger, OFFICER, keyid_of(thief.public_key), "", NOW + HOUR / 2)
    else:
        assert answer.code == "token-refused"
    assert desk.accept(machine.report(NOW + HOUR / 2)).status == 200


def test_what_a_key_that_was_taken_away_still_sends_is_audited_with_its_machine(
    desk: Desk, machine: Machine
) -> None:
    revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW)
    raw = machine.report(NOW)
    desk.accept(raw)
    other = Machine(seed=77)
    other.agent_id, other.epoch = machine.agent_id, machine.epoch
    desk.accept(
        other.report(NOW).replace(keyid_of(other.public_key).encode(), keyid_of(machine.public_key).encode())
    )
    with desk.ledger.read() as tx:
        found = [r.subject for r in tx.trail.walk(0, 1_000) if "no longer valid" in r.detail]
    assert found == [machine.agent_id, ""]


def test_who_was_enrolled_while_the_clock_was_ahead_can_be_revoked(desk: Desk) -> None:
    ahead = NOW + 1_000 * HOUR
    machine = Machine()
    desk.enrol(machine, desk.token(now=ahead), ahead)
    revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW)
    assert desk.accept(machine.report(NOW)).code == "key-revoked"
