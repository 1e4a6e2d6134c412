"""A report told by what differs: what is kept is the very envelope meant, and no delta comes to anything else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.collector.carrying import BOX, put_export
from tests.unit.collector.conftest import KEY, NOW, Desk
from tests.unit.collector.machines import Machine, envelope_of
from tests.unit.collector.test_revocation import OFFICER
from tests.unit.collector.test_verification import edit

from vonggac_collector.boxes import Boxes, Dated
from vonggac_collector.ingest import delta as door
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ingest.projection import unpack_raw
from vonggac_collector.ingest.reading import read_report
from vonggac_collector.media import take_in
from vonggac_collector.revocation import revoke
from vonggac_collector.verification import verify_ledger
from vonggac_contract.delta import Delta, delta_from_envelope, make_delta
from vonggac_contract.envelope import DELTA, HEARTBEAT, Envelope, envelope_to_bytes, seal
from vonggac_contract.errors import UnknownSchema
from vonggac_contract.report import heartbeat_from_envelope, statement_from_envelope
from vonggac_media.folder import Folder

HOUR = timedelta(hours=1)


def told(machine: Machine, meant: bytes, base: bytes, /, **changes: Any) -> bytes:
    """`meant` told by `base`, with other fields under its signature as told."""
    envelope = make_delta(envelope_of(meant), envelope_of(base), machine.key)
    assert envelope is not None
    return signed(msgspec.structs.replace(delta_from_envelope(envelope), **changes), machine.key)


def signed(delta: Delta, key: Ed25519PrivateKey) -> bytes:
    return envelope_to_bytes(seal(DELTA, msgspec.json.encode(delta), key))


def kept(desk: Desk, machine: Machine) -> list[tuple[int, str]]:
    with desk.ledger.read() as tx:
        return [(e.sequence, e.state) for e in tx.chain.of_agent(machine.agent_id, 100)]


def said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


@pytest.fixture
def first(desk: Desk, machine: Machine) -> bytes:
    """The machine's first report, which is here."""
    raw = machine.report(NOW)
    assert desk.accept(raw).status == 200
    return raw


def test_what_is_kept_is_the_report_as_it_was_sealed_and_the_receipt_names_it(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    meant = machine.report(NOW + HOUR, {3})
    answer = desk.accept(told(machine, meant, first), NOW + HOUR)
    receipt = machine.receipt(answer.body())
    assert (receipt.digest, receipt.sequence) == (envelope_of(meant).digest, 2)
    with desk.ledger.read() as tx:
        row = tx.chain.envelope(receipt.digest)
        look = tx.chain.look(receipt.digest)
    assert row is not None
    assert (unpack_raw(row.raw), row.size, row.state) == (meant, len(meant), "committed")
    assert look is not None
    assert verify_ledger(desk.ledger, whole=True).faults == []


def test_a_delta_and_its_whole_are_one_report_in_whatever_order_and_however_often_they_come(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    meant = machine.report(NOW, {3})
    delta = told(machine, meant, first)
    answers = [desk.accept(raw) for raw in (delta, meant, delta, meant)]
    assert [a.outcome for a in answers] == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert len({a.body() for a in answers}) == 1
    assert len(kept(desk, machine)) == 2


def test_a_delta_that_comes_again_is_not_made_again(
    desk: Desk, machine: Machine, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = told(machine, machine.report(NOW, {2}), first)
    assert desk.accept(raw).status == 200

    def never(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(door, "rebuild", never)
    assert desk.accept(raw).status == 200


def test_a_report_told_before_the_one_before_it_came_waits_like_any_other(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    second, third = machine.report(NOW, {2}), machine.report(NOW, {3})
    assert desk.accept(told(machine, third, first)).status == 202
    # One that waits is no ground to stand on.
    fourth = machine.report(NOW, {4})
    assert said(desk.accept(told(machine, fourth, third))) == (422, "base-unknown")
    assert desk.accept(told(machine, second, first)).status == 200
    assert desk.accept(told(machine, fourth, third)).status == 200
    assert sorted(kept(desk, machine)) == [(n, "committed") for n in range(1, 5)]
    assert verify_ledger(desk.ledger, whole=True).faults == []


def test_a_fork_that_is_told_by_what_differs_is_kept_whole_as_evidence(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    machine.sequence, machine.previous = 0, None
    other = machine.report(NOW, {5})
    assert said(desk.accept(told(machine, other, first))) == (409, "seq-fork")
    with desk.ledger.read() as tx:
        row = tx.chain.envelope(envelope_of(other).digest)
    assert row is not None
    assert (row.state, unpack_raw(row.raw)) == ("fork", other)
    # Neither is what lies aside any ground, nor is a machine that waits for an officer heard.
    machine.sequence, machine.previous = 1, envelope_of(first).digest
    later = machine.report(NOW, {6})
    assert said(desk.accept(told(machine, later, other))) == (422, "base-unknown")
    assert said(desk.accept(told(machine, later, first))) == (403, "agent-quarantined")


@pytest.mark.authz
def test_a_report_of_another_machine_or_epoch_or_one_that_was_let_go_is_answered_alike(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    other = desk.enrol(Machine("may-2", seed=2))
    theirs = other.report(NOW)
    desk.accept(theirs)
    meant = machine.report(NOW, {3})
    answers = [desk.accept(told(machine, meant, base)) for base in (theirs, machine.report(NOW, {4}))]
    assert [said(a) for a in answers] == [(422, "base-unknown")] * 2
    assert [b"none of this machine's chain here" in a.body() for a in answers] == [True] * 2
    assert kept(desk, machine) == [(1, "committed")]


def test_a_report_of_an_epoch_that_is_over_is_no_ground(desk: Desk, machine: Machine, first: bytes) -> None:
    machine.rotated(desk.rotate(machine.rotation(NOW, seed=7)).body(), seed=7)
    meant = machine.report(NOW, {3})
    assert said(desk.accept(told(machine, meant, first))) == (422, "base-unknown")
    assert desk.accept(meant).status == 200


def test_after_the_ledger_lost_the_report_the_whole_is_asked_for(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    second = machine.report(NOW, {2})
    desk.accept(second)
    edit(desk.ledger, "looks", {"digest": envelope_of(first).digest}, None)
    edit(desk.ledger, "envelopes", {"digest": envelope_of(first).digest}, None)
    assert said(desk.accept(told(machine, machine.report(NOW, {3}), first))) == (422, "base-unknown")


def test_packed_by_another_zlib_it_is_not_rebuilt_and_the_whole_is_taken(
    desk: Desk, machine: Machine, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vonggac_contract.envelope._LEVEL", 1)
    meant = machine.report(NOW, {3})
    delta = told(machine, meant, first)
    monkeypatch.undo()
    assert said(desk.accept(delta)) == (422, "not-rebuilt")
    with desk.ledger.read() as tx:
        agent = tx.agents.get(machine.agent_id)
    assert agent is not None
    assert (agent.status, agent.head_sequence) == ("active", 1)
    assert desk.accept(meant).status == 200


@pytest.mark.hostile
def test_nothing_of_a_delta_is_read_before_its_signature_was_verified(
    desk: Desk, machine: Machine, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Envelope) -> Delta:
        raise AssertionError("a delta was read that nobody vouches for")

    meant = machine.report(NOW, {3})
    delta = envelope_of(told(machine, meant, first))
    stranger = Machine("may-9", seed=9)
    forged = seal(DELTA, delta.payload, stranger.key)
    named = msgspec.structs.replace(
        forged, signatures=(msgspec.structs.replace(forged.signatures[0], keyid=delta.keyid),)
    )
    changed = msgspec.structs.replace(delta, payload=delta.payload.replace(b'"schema":1', b'"schema":2'))
    monkeypatch.setattr(door, "delta_from_envelope", read)
    assert said(desk.accept(envelope_to_bytes(forged))) == (401, "unknown-key")
    assert said(desk.accept(envelope_to_bytes(named))) == (401, "bad-signature")
    assert said(desk.accept(envelope_to_bytes(changed))) == (401, "bad-signature")
    revoke(desk.ledger, OFFICER, machine.agent_id, "stolen", NOW)
    assert said(desk.accept(envelope_to_bytes(delta))) == (403, "key-revoked")


@pytest.mark.hostile
def test_a_machine_that_tells_another_than_it_signed_gains_nothing(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    other = desk.enrol(Machine("may-2", seed=2))
    meant, foreign = machine.report(NOW, {3}), other.report(NOW, {3})
    nearly = msgspec.structs.replace(statement_from_envelope(envelope_of(meant)), sequence=7)
    seventh = envelope_of(machine.seal(nearly))
    for changes, wanted in (
        ({"sig": b"\0" * 64}, (401, "bad-signature")),
        ({"sig": envelope_of(foreign).signatures[0].sig}, (401, "bad-signature")),
        ({"digest": seventh.digest}, (422, "not-rebuilt")),
        ({"digest": envelope_of(first).digest}, (422, "not-rebuilt")),
        ({"digest": envelope_of(foreign).digest}, (422, "not-rebuilt")),
        ({"patch": b""}, (422, "malformed")),
        ({"patch": b"\x28\xb5\x2f\xfd" * 9}, (422, "malformed")),
        ({"base": "f" * 64}, (422, "base-unknown")),
        ({"schema": 2}, (422, "unknown-schema")),
    ):
        assert said(desk.accept(told(machine, meant, first, **changes))) == wanted
    # Another machine's report, signed for by that machine, is not this one's to tell.
    theirs = make_delta(envelope_of(foreign), envelope_of(first), other.key)
    assert theirs is not None
    assert said(desk.accept(signed(delta_from_envelope(theirs), machine.key))) == (401, "bad-signature")
    assert kept(desk, machine) == [(1, "committed")]
    assert kept(desk, other) == []
    assert verify_ledger(desk.ledger, whole=True).faults == []


@pytest.mark.hostile
def test_what_a_machine_claims_under_its_signature_is_checked_like_in_any_report(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    lying = machine.report(NOW, {3}, content="0" * 64)
    assert said(desk.accept(told(machine, lying, first))) == (422, "content-mismatch")
    machine.sequence, machine.previous = 1, envelope_of(first).digest
    other = machine.seal(
        msgspec.structs.replace(machine.statement(NOW), agent_id="1" * 8 + machine.agent_id[8:])
    )
    assert said(desk.accept(told(machine, other, first))) == (403, "agent-mismatch")


@pytest.mark.hostile
def test_a_delta_within_a_delta_and_one_of_a_heartbeat_come_to_no_report(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    meant = machine.report(NOW, {3})
    inner = envelope_of(told(machine, meant, first))
    outer = delta_from_envelope(inner)
    for payload_type, payload in (
        (DELTA, inner.payload),
        (HEARTBEAT, envelope_of(machine.heartbeat(NOW)).payload),
    ):
        sealed = seal(payload_type, payload, machine.key)
        posed = msgspec.structs.replace(outer, digest=sealed.digest, sig=sealed.signatures[0].sig)
        assert said(desk.accept(signed(posed, machine.key))) == (422, "not-rebuilt")


@pytest.mark.hostile
def test_each_refusal_of_a_delta_is_one_audit_row_that_names_the_machine(
    desk: Desk, machine: Machine, first: bytes
) -> None:
    meant = machine.report(NOW, {3})
    desk.accept(told(machine, meant, first, base="f" * 64))
    desk.accept(told(machine, meant, first, digest="f" * 64))
    with desk.ledger.read() as tx:
        rows = [r for r in tx.trail.walk(0, 100) if r.action == "refused"]
    assert [(r.subject, r.detail.partition(":")[0]) for r in rows] == [
        (machine.agent_id, "base-unknown"),
        (machine.agent_id, "not-rebuilt"),
    ]


@pytest.mark.usb
def test_one_on_a_medium_comes_to_its_report_as_if_it_had_come_over_http(
    desk: Desk, machine: Machine, tmp_path: Path
) -> None:
    first, second = machine.report(NOW), machine.report(NOW, {2})
    put_export(tmp_path, machine, [[first, told(machine, second, first)]], NOW)
    with Folder(tmp_path) as medium:
        take_in(desk.ledger, medium, Boxes([Dated(NOW, BOX)]), KEY, lambda: NOW, "test")
    assert sorted(kept(desk, machine)) == [(1, "committed"), (2, "committed")]
    assert verify_ledger(desk.ledger, whole=True).faults == []


@pytest.mark.hostile
def test_where_a_report_is_read_a_delta_is_none(desk: Desk, machine: Machine, first: bytes) -> None:
    meant = machine.report(NOW, {3})
    delta = envelope_of(told(machine, meant, first))
    for read in (statement_from_envelope, heartbeat_from_envelope, read_report):
        with pytest.raises(UnknownSchema, match="is no"):
            read(delta)
