"""What becomes of a report, by the contract's table of arrivals; on SQLite and on the in-memory twin alike."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.unit.collector.conftest import KEY, NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector.errors import PROBLEM_TYPE
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ledger.interface import Ledger
from vonggac_contract.envelope import REPORT, envelope_from_bytes, envelope_to_bytes, seal
from vonggac_contract.report import statement_to_payload

MINUTE = timedelta(minutes=1)


def refused(answer: Answer, code: str) -> dict[str, object]:
    body: dict[str, object] = msgspec.json.decode(answer.body())
    assert (answer.code, body["type"]) == (code, PROBLEM_TYPE + code)
    assert answer.status == body["status"]
    return body


def states(ledger: Ledger, machine: Machine) -> list[tuple[int, str]]:
    with ledger.read() as tx:
        return [(e.sequence, e.state) for e in reversed(tx.chain.of_agent(machine.agent_id, 100))]


def test_the_next_report_is_committed_and_its_receipt_is_sealed_by_the_collector(
    desk: Desk, machine: Machine
) -> None:
    raw = machine.report(NOW, {1, 2})
    answer = desk.accept(raw, NOW + MINUTE)
    receipt = machine.receipt(answer.body())
    assert (receipt.sequence, receipt.digest, receipt.received_at) == (
        1,
        envelope_from_bytes(raw).digest,
        NOW + MINUTE,
    )
    assert (receipt.profile, receipt.rulebook) == ("level-3", machine.rulebook)
    with desk.ledger.read() as tx:
        look = tx.chain.newest_look(machine.agent_id, NOW + MINUTE)
        assert look is not None
        assert look.looked_at == NOW
        host = tx.tree.hosts(NOW)[0]
        assert (host.hostname, host.os) == ("may-1", "Debian GNU/Linux 12")


def test_the_same_report_again_gets_the_very_same_receipt(desk: Desk, machine: Machine) -> None:
    raw = machine.report(NOW)
    first = desk.accept(raw)
    desk.accept(machine.report(NOW + MINUTE))
    again = desk.accept(raw, NOW + 9 * MINUTE)
    assert again.body() == first.body()
    assert states(desk.ledger, machine) == [(1, "committed"), (2, "committed")]


def test_another_report_under_a_number_that_is_taken_is_a_fork_and_quarantines_the_machine(
    desk: Desk, machine: Machine
) -> None:
    first = machine.statement(NOW)
    desk.accept(machine.seal(first))
    twin = Machine()
    twin.agent_id, twin.rulebook, twin.profile = machine.agent_id, machine.rulebook, machine.profile
    body = refused(desk.accept(twin.report(NOW, {3}), NOW + MINUTE), "seq-fork")
    assert body["sequence"] == 1
    assert states(desk.ledger, machine) == [(1, "committed"), (1, "fork")]
    refused(desk.accept(machine.report(NOW + MINUTE)), "agent-quarantined")
    refused(desk.accept(machine.heartbeat(NOW + MINUTE, sequence=1)), "agent-quarantined")


def test_a_report_whose_previous_is_not_the_head_is_a_fork(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    machine.previous = "f" * 64
    refused(desk.accept(machine.report(NOW + MINUTE)), "seq-fork")


def test_a_later_report_waits_and_joins_when_the_gap_is_filled(desk: Desk, machine: Machine) -> None:
    raws = [machine.report(NOW + n * MINUTE) for n in range(4)]
    desk.accept(raws[0])
    for n in (3, 2, 2):
        answer = desk.accept(raws[n])
        assert answer.status == 202
        assert msgspec.json.decode(answer.body()) == {"status": "pending", "missing": [2, n]}
    assert machine.receipt(desk.accept(raws[1], NOW + 9 * MINUTE).body()).sequence == 2
    assert states(desk.ledger, machine) == [(n, "committed") for n in (1, 2, 3, 4)]
    receipt = machine.receipt(desk.accept(raws[3], NOW + 20 * MINUTE).body())
    assert (receipt.sequence, receipt.received_at) == (4, NOW)


def test_a_waiting_report_that_does_not_follow_is_a_fork_when_its_turn_comes(
    desk: Desk, machine: Machine
) -> None:
    desk.accept(machine.report(NOW))
    second = machine.report(NOW + MINUTE)
    machine.previous = "e" * 64
    third = machine.report(NOW + 2 * MINUTE)
    assert desk.accept(third).status == 202
    assert desk.accept(second).status == 200
    assert states(desk.ledger, machine) == [(1, "committed"), (2, "committed"), (3, "fork")]
    refused(desk.accept(third), "seq-fork")


def test_a_key_nobody_enrolled_is_refused(desk: Desk, machine: Machine) -> None:
    stranger = Machine(seed=9)
    stranger.agent_id, stranger.rulebook = machine.agent_id, machine.rulebook
    assert refused(desk.accept(stranger.report(NOW)), "unknown-key")["status"] == 401


def test_a_changed_payload_is_refused_before_it_is_read(desk: Desk, machine: Machine) -> None:
    envelope = envelope_from_bytes(machine.report(NOW))
    bad = msgspec.structs.replace(envelope, payload=b"not even gzip")
    assert refused(desk.accept(envelope_to_bytes(bad)), "bad-signature")["status"] == 401


def test_a_revoked_key_is_refused(desk: Desk, machine: Machine) -> None:
    with desk.ledger.write() as tx:
        tx.agents.end_keys(machine.agent_id, NOW)
    assert refused(desk.accept(machine.report(NOW)), "key-revoked")["status"] == 403


def test_a_report_of_another_machine_than_the_keys_is_refused_and_not_kept(
    desk: Desk, machine: Machine
) -> None:
    other = desk.enrol(Machine("may-2", seed=2))
    statement = msgspec.structs.replace(machine.statement(NOW), agent_id=other.agent_id)
    envelope = seal(REPORT, statement_to_payload(statement), machine.key)
    body = refused(desk.accept(envelope_to_bytes(envelope)), "agent-mismatch")
    assert machine.agent_id in str(body["detail"])
    assert other.agent_id in str(body["detail"])
    assert states(desk.ledger, other) == states(desk.ledger, machine) == []


def test_a_payload_that_another_machine_committed_is_no_receipt_for_this_one(
    desk: Desk, machine: Machine
) -> None:
    other = desk.enrol(Machine("may-2", seed=2))
    raw = machine.report(NOW)
    desk.accept(raw)
    resealed = seal(REPORT, envelope_from_bytes(raw).payload, other.key)
    refused(desk.accept(envelope_to_bytes(resealed)), "agent-mismatch")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"epoch": 2}, "epoch-mismatch"),
        ({"schema": 2}, "unknown-schema"),
        ({"sequence": 2}, "malformed"),
        ({"previous": "a" * 64}, "malformed"),
    ],
)
def test_a_statement_that_contradicts_the_chain_is_refused(
    desk: Desk, machine: Machine, change: dict[str, object], code: str
) -> None:
    refused(desk.accept(machine.seal(msgspec.structs.replace(machine.statement(NOW), **change))), code)
    assert states(desk.ledger, machine) == []


def test_a_report_whose_content_digest_is_not_its_content_is_refused(desk: Desk, machine: Machine) -> None:
    refused(desk.accept(machine.report(NOW, content="0" * 64)), "content-mismatch")


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"\xff", b'{"payload":"","payloadType":"x","signatures":[]}']
)
def test_what_is_no_envelope_is_refused(desk: Desk, raw: bytes) -> None:
    answer = desk.accept(raw)
    assert answer.status in (401, 422)
    assert answer.code in ("malformed", "bad-signature", "unknown-schema")


def test_each_refusal_is_one_count_and_one_audit_row_under_its_code(desk: Desk, machine: Machine) -> None:
    desk.accept(b"{}")
    desk.accept(b"[")
    desk.accept(msgspec.json.encode({"payload": machine.hostname}))
    with desk.ledger.read() as tx:
        counts = tx.trail.counts()
        rows = [r.detail.split(":")[0] for r in tx.trail.walk(0, 100) if r.action == "refused"]
    assert sum(counts.values()) == 3
    assert {c: rows.count(c) for c in counts} == counts


def test_a_receipt_within_a_batch_is_there_only_after_its_commit(desk: Desk, machine: Machine) -> None:
    with desk.ledger.batch():
        answers = [desk.accept(machine.report(NOW + n * MINUTE)) for n in range(3)]
        with pytest.raises(RuntimeError, match="committed"):
            answers[0].body()
    assert [machine.receipt(a.body()).sequence for a in answers] == [1, 2, 3]


def test_a_batch_that_fails_leaves_nothing(desk: Desk, machine: Machine) -> None:
    def interrupted() -> None:
        with desk.ledger.batch():
            desk.accept(machine.report(NOW))
            raise KeyError("interrupted")

    with pytest.raises(KeyError, match="interrupted"):
        interrupted()
    assert states(desk.ledger, machine) == []


def test_a_machine_with_a_new_epoch_starts_a_new_chain(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    reborn = desk.enrol(Machine(seed=3), desk.token(host=machine.agent_id))
    assert (reborn.agent_id, reborn.epoch) == (machine.agent_id, 2)
    refused(desk.accept(machine.report(NOW + MINUTE)), "key-revoked")
    assert reborn.receipt(desk.accept(reborn.report(NOW + MINUTE)).body()).epoch == 2


def test_a_clock_that_runs_ahead_gains_no_freshness(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW + timedelta(days=3)), NOW)
    with desk.ledger.read() as tx:
        look = tx.chain.newest_look(machine.agent_id, NOW)
        assert look is not None
        assert (look.looked_at, look.flags) == (NOW, "clock-ahead")


def test_nothing_is_taken_before_a_rulebook_is_published(ledger: Ledger) -> None:
    answer = accept(ledger, Machine().report(NOW), now=NOW, collector_key=KEY)
    assert answer.code == "unknown-key"
