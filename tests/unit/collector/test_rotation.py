"""The next epoch: the key in force signs the new one, once, when everything is here; the audit log proves it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import generate_latest
from tests.unit.collector.conftest import ADMIN, NOW, Desk
from tests.unit.collector.machines import Machine

from vonggac_collector import audit
from vonggac_collector.ingest.accept import sender_of
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.metrics import Metrics
from vonggac_collector.revocation import revoke
from vonggac_collector.rotation import MAX_A_DAY, ROTATED
from vonggac_collector.verification import verify_ledger
from vonggac_contract.envelope import (
    ENROLMENT,
    ROTATION,
    envelope_from_bytes,
    envelope_to_bytes,
    keyid_of,
    seal,
)
from vonggac_contract.rotation import open_rotated, open_rotation

LATER = NOW + timedelta(days=1)


def faults(ledger: Ledger) -> list[str]:
    return [f.what for f in verify_ledger(ledger, whole=True).faults]


def status(desk: Desk, machine: Machine) -> tuple[str, int, int]:
    with desk.ledger.read() as tx:
        agent = tx.agents.get(machine.agent_id)
        assert agent is not None
        return agent.status, agent.epoch, agent.head_sequence


def refusals(desk: Desk) -> list[str]:
    with desk.ledger.read() as tx:
        return [r.detail.partition(":")[0] for r in tx.trail.walk(0, 1000) if r.action == "refused"]


def test_the_key_in_force_signs_the_next_one_and_the_chain_begins_anew_with_it(
    desk: Desk, machine: Machine
) -> None:
    assert desk.accept(machine.report(NOW, {1})).status == 200
    old, raw = machine.key, machine.rotation(LATER, seed=8)
    answer = desk.rotate(raw, LATER)
    request = open_rotation(envelope_from_bytes(raw), machine.public_key)
    enrolled = open_rotated(envelope_from_bytes(answer.body()), request, machine.collector_key)
    assert (enrolled.agent_id, enrolled.epoch) == (machine.agent_id, 2)
    machine.rotated(answer.body(), seed=8)
    assert desk.accept(machine.report(LATER, {1, 2}), LATER).status == 200
    assert status(desk, machine) == ("active", 2, 1)
    machine.key = old
    assert desk.accept(machine.report(LATER, {3}), LATER).code == "key-revoked"
    assert faults(desk.ledger) == []
    with desk.ledger.read() as tx:
        terms = [(k.epoch, k.since, k.until) for k in tx.agents.terms(machine.agent_id)]
        assert terms == [(2, LATER, None), (1, NOW, LATER)]


def test_a_machine_that_never_reported_may_change_its_key(desk: Desk, machine: Machine) -> None:
    machine.rotated(desk.rotate(machine.rotation(LATER, seed=8), LATER).body(), seed=8)
    assert desk.accept(machine.report(LATER), LATER).status == 200
    assert faults(desk.ledger) == []


def test_a_lost_answer_is_given_again_and_nothing_else_happens(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    raw = machine.rotation(LATER, seed=8)
    first, again = desk.rotate(raw, LATER), desk.rotate(raw, LATER + timedelta(days=3))
    assert first.body() == again.body()
    assert (first.outcome, again.outcome) == ("accepted", "duplicate")
    assert status(desk, machine) == ("active", 2, 0)
    with desk.ledger.read() as tx:
        assert [r.action for r in tx.trail.walk(0, 100)].count(ROTATED) == 1


def test_who_was_revoked_meanwhile_gets_no_answer_again(desk: Desk, machine: Machine) -> None:
    raw = machine.rotation(LATER, seed=8)
    assert desk.rotate(raw, LATER).status == 200
    revoke(desk.ledger, ADMIN, machine.agent_id, "stolen", LATER)
    assert desk.rotate(raw, LATER).code == "key-in-use"
    with desk.ledger.read() as tx:
        assert [r.action for r in tx.trail.walk(0, 100)].count(ROTATED) == 1


def test_of_two_rotations_of_one_epoch_the_second_is_refused(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    first, other = machine.rotation(LATER, seed=8), machine.rotation(LATER, seed=9)
    assert desk.rotate(first, LATER).status == 200
    assert desk.rotate(other, LATER).code == "key-revoked"
    assert status(desk, machine) == ("active", 2, 0)
    assert faults(desk.ledger) == []


def test_a_rotation_that_names_another_end_of_the_chain_changes_nothing(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW, {1}))
    before = (machine.sequence, machine.previous)
    desk.accept(machine.report(NOW, {2}))
    assert before[1] is not None
    named = {"sequence": before[0], "digest": before[1]}
    assert desk.rotate(machine.rotation(LATER, seed=8, **named), LATER).code == "head-mismatch"
    assert desk.rotate(machine.rotation(LATER, seed=8, digest="0" * 64), LATER).code == "head-mismatch"
    assert (
        desk.rotate(machine.rotation(LATER, seed=8, sequence=0, digest=None), LATER).code == "head-mismatch"
    )
    assert status(desk, machine) == ("active", 1, 2)


def test_a_rotation_asks_for_reports_that_are_missing_first(desk: Desk, machine: Machine) -> None:
    first, second = machine.report(NOW, {1}), machine.report(NOW, {2})
    raw = machine.rotation(LATER, seed=8)
    answer = desk.rotate(raw, LATER)
    assert (answer.status, msgspec.json.decode(answer.body())) == (
        202,
        {"status": "pending", "missing": [1, 2]},
    )
    desk.accept(second)
    assert desk.rotate(raw, LATER).status == 202
    desk.accept(first)
    assert desk.rotate(raw, LATER).status == 200


Change = Callable[[Desk, Machine], bytes]


def _payload(machine: Machine, seed: int = 8) -> bytes:
    return envelope_from_bytes(machine.rotation(NOW, seed=seed)).payload


def _key(seed: int) -> Machine:
    return Machine(seed=seed)


def _after(_: Machine, raw: bytes) -> bytes:
    return raw


FORGERIES: dict[str, tuple[Change, str]] = {
    "only the key in force": (
        lambda d, m: envelope_to_bytes(seal(ROTATION, _payload(m), m.key)),
        "bad-signature",
    ),
    "only the new key": (
        lambda d, m: envelope_to_bytes(seal(ROTATION, _payload(m), _key(8).key)),
        "unknown-key",
    ),
    "the new key twice": (
        lambda d, m: envelope_to_bytes(seal(ROTATION, _payload(m), _key(8).key, _key(8).key)),
        "unknown-key",
    ),
    "the key in force twice": (
        lambda d, m: envelope_to_bytes(seal(ROTATION, _payload(m), m.key, m.key)),
        "bad-signature",
    ),
    "another key than the one it names": (
        lambda d, m: envelope_to_bytes(seal(ROTATION, _payload(m), m.key, _key(9).key)),
        "bad-signature",
    ),
    "a third key": (
        lambda d, m: envelope_to_bytes(seal(ROTATION, _payload(m), m.key, _key(8).key, _key(9).key)),
        "bad-signature",
    ),
    "another machine's key": (
        lambda d, m: envelope_to_bytes(
            seal(ROTATION, _payload(m), d.enrol(Machine(seed=4)).key, _key(8).key)
        ),
        "agent-mismatch",
    ),
    "another payload type": (
        lambda d, m: envelope_to_bytes(seal(ENROLMENT, _payload(m), m.key, _key(8).key)),
        "malformed",
    ),
    "the key that is in force": (lambda d, m: m.rotation(NOW, seed=1), "malformed"),
    "a key of another machine": (
        lambda d, m: _after(d.enrol(Machine(seed=4)), m.rotation(NOW, seed=4)),
        "key-in-use",
    ),
    "another epoch": (lambda d, m: m.rotation(NOW, seed=8, epoch=2), "epoch-mismatch"),
    "another schema": (lambda d, m: m.rotation(NOW, seed=8, schema=2), "unknown-schema"),
    "a short key": (lambda d, m: m.rotation(NOW, seed=8, public_key=b"k" * 31), "malformed"),
    "a report without a digest": (lambda d, m: m.rotation(NOW, seed=8, sequence=1), "malformed"),
    "a report": (lambda d, m: m.report(NOW), "malformed"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_rotation_that_is_not_by_both_keys_for_this_machine_changes_nothing(
    desk: Desk, machine: Machine, name: str
) -> None:
    make, code = FORGERIES[name]
    assert desk.rotate(make(desk, machine)).code == code
    assert status(desk, machine) == ("active", 1, 0)
    assert refusals(desk) == [code]
    assert faults(desk.ledger) == []


def test_a_rotation_is_no_report_and_no_enrolment(desk: Desk, machine: Machine) -> None:
    raw = machine.rotation(NOW, seed=8)
    assert desk.accept(raw).code == "unknown-schema"


def test_a_revoked_machine_cannot_change_its_key(desk: Desk, machine: Machine) -> None:
    revoke(desk.ledger, ADMIN, machine.agent_id, "stolen", NOW)
    assert desk.rotate(machine.rotation(LATER, seed=8), LATER).code == "key-revoked"


def test_a_key_that_was_in_force_once_never_comes_back(desk: Desk, machine: Machine) -> None:
    machine.rotated(desk.rotate(machine.rotation(NOW, seed=8), NOW).body(), seed=8)
    assert desk.rotate(machine.rotation(LATER, seed=1), LATER).code == "key-in-use"
    assert status(desk, machine) == ("active", 2, 0)


def test_keys_changed_again_and_again_leave_a_ledger_that_verifies(desk: Desk, machine: Machine) -> None:
    for n in range(4):
        now = NOW + n * timedelta(days=1)
        assert desk.accept(machine.report(now, {n}), now).status == 200
        assert desk.accept(machine.heartbeat(now), now).status == 200
        machine.rotated(desk.rotate(machine.rotation(now, seed=20 + n), now).body(), seed=20 + n)
    desk.enrol(Machine(seed=30), desk.token(host=machine.agent_id, now=LATER), LATER)
    assert faults(desk.ledger) == []


def test_who_still_sends_with_a_key_that_a_rotation_ended_is_counted_named_and_alerted_to(
    desk: Desk, machine: Machine
) -> None:
    locked_out = Machine()
    locked_out.__dict__.update(vars(machine))
    machine.rotated(desk.rotate(machine.rotation(NOW, seed=8), NOW).body(), seed=8)
    told = generate_latest(Metrics(desk.ledger, lambda: NOW, Path("/")).registry).decode()
    first = 'vonggac_refused_total{reason="key-revoked"} 0.0'
    assert first in told, "that one is an increase: whoever is locked out asks once"
    assert desk.accept(locked_out.report(NOW, {1}), NOW).code == "key-revoked"
    with desk.ledger.read() as tx:
        row = tx.trail.walk(0, 100)[-1]
        assert (row.action, row.subject, tx.trail.counts()["key-revoked"]) == ("refused", machine.agent_id, 1)
    alerts = (Path(__file__).parents[3] / "packaging" / "prometheus" / "vonggac.rules.yaml").read_text()
    assert 'increase(vonggac_refused_total{reason="key-revoked"}[1h])' in alerts


def test_a_machine_that_turns_its_key_again_and_again_is_held_up_for_a_day(
    desk: Desk, machine: Machine
) -> None:
    for turn in range(MAX_A_DAY - 1):
        machine.rotated(desk.rotate(machine.rotation(NOW, seed=20 + turn), NOW).body(), seed=20 + turn)
    for _ in range(2):
        answer = desk.rotate(machine.rotation(NOW, seed=90), NOW)
        assert (answer.status, answer.code) == (429, "throttled")
    assert desk.accept(machine.report(NOW, {1}), NOW).status == 200
    machine.rotated(desk.rotate(machine.rotation(LATER, seed=90), LATER).body(), seed=90)
    assert faults(desk.ledger) == []


def test_reports_and_rotations_that_are_taken_together_come_to_the_same(desk: Desk, machine: Machine) -> None:
    report = machine.report(NOW)
    first, other = machine.rotation(NOW, seed=8), machine.rotation(NOW, seed=9)
    assert {sender_of(raw) for raw in (report, first, other)} == {keyid_of(machine.public_key)}
    with desk.ledger.batch({sender_of(report)}):
        answers = [desk.accept(report), desk.rotate(first), desk.rotate(other), desk.rotate(first)]
    assert [(a.status, a.code) for a in answers] == [(200, ""), (200, ""), (403, "key-revoked"), (200, "")]
    assert answers[1].body() == answers[3].body()
    assert faults(desk.ledger) == []


def test_the_longest_request_that_is_taken_can_be_verified_from_the_audit_log(
    desk: Desk, machine: Machine
) -> None:
    payload = _payload(machine)
    new = _key(8).key
    for size, code in ((1024, ""), (1025, "too-large")):
        raw = envelope_to_bytes(seal(ROTATION, payload.ljust(size), machine.key, new))
        assert desk.rotate(raw).code == code
        if code:
            break
        assert desk.rotate(raw).status == 200
        machine.key, new = new, _key(9).key
        machine.epoch, machine.sequence, machine.previous = 2, 0, None
        payload = _payload(machine, 9)
    assert faults(desk.ledger) == []


def test_a_rotation_of_a_machine_that_was_never_enrolled_is_named(desk: Desk, machine: Machine) -> None:
    with desk.ledger.write() as tx:
        audit.record(tx, NOW, "agent x", ROTATED, "x", "what is this")
    assert any("its epoch 0 follows none that is known" in what for what in faults(desk.ledger))


def _begin_quietly(ledger: Ledger, machine: Machine, detail: str | None, now: datetime) -> str:
    """What somebody with the database does who wants reports of his own to count, with or without a row of the log."""
    thief = Machine(seed=66)
    keyid = keyid_of(thief.public_key)
    with ledger.write() as tx:
        agent = tx.agents.get(machine.agent_id)
        assert agent is not None
        tx.agents.end_keys(agent.id, now)
        tx.agents.put(
            msgspec.structs.replace(agent, epoch=2, head_sequence=0, head_digest=None, head_content=None)
        )
        tx.agents.add_key(keyid, agent.id, thief.public_key, 2, now)
        if detail is not None:
            audit.record(tx, now, f"agent {agent.id}", ROTATED, agent.id, f"epoch 2, key {keyid}: {detail}")
    return keyid


def test_an_epoch_that_no_token_and_no_rotation_explains_is_named(desk: Desk, machine: Machine) -> None:
    desk.accept(machine.report(NOW))
    _begin_quietly(desk.ledger, machine, None, LATER)
    assert any("is not enrolled by any row of the audit log" in what for what in faults(desk.ledger))


@pytest.mark.parametrize("by", ["nothing", "the thief's key alone", "a rotation to another key"])
def test_an_epoch_whose_rotation_the_key_before_did_not_sign_is_named(
    desk: Desk, machine: Machine, by: str
) -> None:
    desk.accept(machine.report(NOW))
    payload = _payload(machine, 66)
    details = {
        "nothing": "{}",
        "the thief's key alone": envelope_to_bytes(
            seal(ROTATION, payload, *[Machine(seed=66).key] * 2)
        ).decode(),
        "a rotation to another key": machine.rotation(NOW, seed=8).decode(),
    }
    _begin_quietly(desk.ledger, machine, details[by], LATER)
    assert any("its epoch 2 is by a request" in what for what in faults(desk.ledger))
