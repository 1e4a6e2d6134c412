"""What is cut, edited or added of what a checkpoint signed, verify names; what retention dropped it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.collector.conftest import KEY, NOW, Desk
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_checkpoints import PUBLIC, leaves, send
from tests.unit.collector.test_retention import MONTHS, at, monthly
from tests.unit.collector.test_verification import edit

from vonggac_collector.checkpoints import append, take_checkpoint
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.proofs import prove_growth
from vonggac_collector.retention import retain
from vonggac_collector.tiles import grown
from vonggac_collector.verification import Fault, Verified, verify_ledger
from vonggac_contract.checkpoint import leaf_of
from vonggac_contract.envelope import envelope_from_bytes, envelope_to_bytes, seal
from vonggac_contract.errors import BadProof

DAY = timedelta(days=1)


def verified(ledger: Ledger, **more: Any) -> Verified:
    return verify_ledger(ledger, collector_key=PUBLIC, **more)


@pytest.fixture
def signed(desk: Desk, machine: Machine) -> Machine:
    """Five reports under the second of two checkpoints, and four of another machine."""
    send(desk, machine, 3)
    send(desk, desk.enrol(Machine("may-2", seed=2)), 4)
    take_checkpoint(desk.ledger, KEY, NOW)
    send(desk, machine, 2)
    take_checkpoint(desk.ledger, KEY, NOW + DAY)
    found = verified(desk.ledger)
    assert (found.faults, found.checkpoints) == ([], 2)
    return machine


def without_its_end(desk: Desk, machine: Machine) -> str:
    """Whoever owns the database deletes the last report with what was made of it, and sets the machine's head back."""
    with desk.ledger.read() as tx:
        *_, before, last = tx.chain.walk(machine.agent_id, (0, 0), 100)
    for table in ("looks", "envelopes"):
        edit(desk.ledger, table, {"digest": last.digest}, None)
    back = {"head_sequence": before.sequence, "head_digest": before.digest}
    edit(desk.ledger, "agents", {"id": machine.agent_id}, back)
    return last.digest


def repeat(desk: Desk, machine: Machine) -> None:
    """A report that finds what the one before it found: nothing else is made of it."""
    now = NOW + timedelta(minutes=machine.sequence)
    for _ in range(2):
        desk.accept(machine.report(now, {3}), now)


def test_the_end_of_a_chain_cut_with_its_head_is_missed_by_its_leaf_and_by_nothing_else(
    desk: Desk, signed: Machine
) -> None:
    repeat(desk, signed)
    take_checkpoint(desk.ledger, KEY, NOW + 2 * DAY)
    cut = without_its_end(desk, signed)
    expected = Fault(f"agent {signed.agent_id} epoch 1 report 7", f"is missing: leaf 10 is its digest, {cut}")
    for whole in (True, False):
        assert verified(desk.ledger, whole=whole).faults == [expected]
        assert verify_ledger(desk.ledger, whole=whole).faults == [expected], "without any key"


def test_cut_with_its_leaf_the_checkpoint_misses_it_and_with_the_checkpoint_only_who_kept_one(
    desk: Desk, signed: Machine
) -> None:
    repeat(desk, signed)
    take_checkpoint(desk.ledger, KEY, NOW + 2 * DAY)
    kept = prove_growth(desk.ledger, KEY)
    without_its_end(desk, signed)
    edit(desk.ledger, "leaves", {"number": 10}, None)
    assert verified(desk.ledger).faults == [
        Fault("checkpoint 3", "it signed 11 leaves, of which 10 are here")
    ]
    edit(desk.ledger, "checkpoints", {"number": 3}, None)
    assert verified(desk.ledger).faults == []
    with pytest.raises(BadProof, match="not the one that the kept checkpoint"):
        prove_growth(desk.ledger, KEY, since=kept)


@pytest.mark.parametrize(
    ("table", "key", "change", "where", "what"),
    [
        ("leaves", {"number": 3}, None, "leaf 3", "is missing"),
        ("leaves", {"number": 3}, {"digest": "0" * 64}, "tile 0 of level 0", "has not the hashes"),
        ("leaves", {"number": 3}, {"number": 30}, "leaf 3", "is missing"),
        ("checkpoints", {"number": 1}, None, "checkpoint 2", "one before it is missing"),
        (
            "checkpoints",
            {"number": 2},
            {"tree_size": 8},
            "checkpoint 2",
            "something else than its row",
        ),
        (
            "checkpoints",
            {"number": 2},
            {"root": "0" * 64},
            "checkpoint 2",
            "something else than its row",
        ),
        (
            "checkpoints",
            {"number": 2},
            {"digest": "0" * 64},
            "checkpoint 2",
            "another than its row says",
        ),
        ("checkpoints", {"number": 2}, {"at": NOW}, "checkpoint 2", "something else than its row"),
        ("checkpoints", {"number": 2}, {"raw": b"{}"}, "checkpoint 2", ""),
    ],
)
def test_what_was_edited_is_named(
    table: str,
    key: dict[str, Any],
    change: dict[str, Any] | None,
    where: str,
    what: str,
    desk: Desk,
    signed: Machine,
) -> None:
    if table == "leaves" and change and "digest" in change and not isinstance(desk.ledger, MemoryLedger):
        change = {"digest": bytes(32)}
    if isinstance(desk.ledger, MemoryLedger) and change and "number" in change:
        leaf = desk.ledger._store.leaves.pop(3)
        desk.ledger._store.leaves[30] = msgspec.structs.replace(leaf, number=30)
    else:
        edit(desk.ledger, table, key, change)
    found = verified(desk.ledger).faults
    assert any(f.where == where and what in f.what for f in found), found


def test_another_order_under_tiles_that_fit_it_is_not_what_was_signed(desk: Desk, signed: Machine) -> None:
    found = leaves(desk.ledger)
    order = [*found[:-2], found[-1], found[-2]]
    for leaf in found:
        edit(desk.ledger, "leaves", {"number": leaf.number}, None)
    with desk.ledger.write() as tx:
        tx.leaves.put_tiles({(0, 0): b""})
        tx.leaves.add([msgspec.structs.replace(x, number=n) for n, x in enumerate(order)])
        tx.leaves.put_tiles(grown(0, [leaf_of(x.digest) for x in order], lambda *_: b""))
    assert verified(desk.ledger).faults == [Fault("checkpoint 2", "the 9 leaves are not those it signed")]


@pytest.mark.hostile
def test_a_checkpoint_that_somebody_else_signed_over_other_leaves_is_named_by_its_key(
    desk: Desk, signed: Machine
) -> None:
    with desk.ledger.read() as tx:
        newest = tx.leaves.newest()
    assert newest is not None
    old = envelope_from_bytes(newest.raw)
    forged = seal(old.payload_type, old.payload, Machine(seed=7).key)
    edit(desk.ledger, "checkpoints", {"number": 2}, {"raw": envelope_to_bytes(forged)})
    (fault,) = verified(desk.ledger).faults
    assert "no signature by key" in fault.what
    assert verify_ledger(desk.ledger).faults == []


def test_a_report_that_was_put_beside_the_order_is_named(desk: Desk, signed: Machine) -> None:
    edit(desk.ledger, "leaves", {"number": 8}, None)
    edit(desk.ledger, "checkpoints", {"number": 2}, None)
    with desk.ledger.write() as tx:
        hashes = tx.leaves.tile(0, 0)
        tx.leaves.put_tiles({(0, 0): hashes[: 32 * 8]})
    assert verified(desk.ledger).faults == [], "its leaf may be yet to come"
    take_checkpoint(desk.ledger, KEY, NOW + DAY)
    edit(desk.ledger, "leaves", {"number": 8}, None)
    found = verified(desk.ledger).faults
    assert Fault("checkpoint 2", "it signed 9 leaves, of which 8 are here") in found
    assert any("has no leaf, though a checkpoint was signed after it" in f.what for f in found)


def test_what_retention_dropped_is_explained_and_more_is_not(desk: Desk, machine: Machine) -> None:
    monthly(desk, machine, range(1, 9))
    take_checkpoint(desk.ledger, KEY, at(8, 21))
    retain(desk.ledger, MONTHS, now=at(9, 1), actor="test")
    found = verified(desk.ledger)
    assert found.faults == []
    assert found.envelopes < len(leaves(desk.ledger))
    again = Machine(seed=9)
    desk.enrol(again, desk.token(host=machine.agent_id, now=at(9, 2)), at(9, 2))
    monthly(desk, again, range(9, 12))
    take_checkpoint(desk.ledger, KEY, at(11, 21))
    assert verified(desk.ledger).faults == []
    retain(desk.ledger, MONTHS, now=at(12, 28) + timedelta(days=60), actor="test")
    assert verified(desk.ledger).faults == []


def test_reports_of_the_last_hour_need_no_leaf_yet(desk: Desk, signed: Machine) -> None:
    send(desk, signed, 2)
    assert verified(desk.ledger).faults != [], "sent a day before the newest checkpoint, by their time"
    append(desk.ledger)
    assert verified(desk.ledger).faults == []
