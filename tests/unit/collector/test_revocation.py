"""A key that an officer takes away: nothing of it is taken any more, what it reported stays, a new token goes on."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.auth import Caller
from vonggac_collector.errors import Forbidden, Invalid, NotFound
from vonggac_collector.revocation import revoke
from vonggac_collector.verification import verify_ledger

HOUR = timedelta(hours=1)
OFFICER = Caller("o", "lan", "officer", "ha-noi")


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
