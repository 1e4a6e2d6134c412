"""Every committed report gets its leaf once, whoever is killed meanwhile; checkpoints sign them; reports are proved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.collector.conftest import KEY, NOW, Desk, plant
from tests.unit.collector.machines import Machine
from tests.unit.collector.test_retention import MONTHS, at, monthly
from tests.unit.contract.test_merkle import naive_path, naive_root

from vonggac_collector import checkpoints
from vonggac_collector.checkpoints import Notary, append, sign, take_checkpoint
from vonggac_collector.errors import Invalid, LedgerDamaged
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.leaves import Leaf
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.proofs import prove_growth, prove_report
from vonggac_collector.retention import retain
from vonggac_collector.tiles import WIDTH, grown, hashes_of, node_in
from vonggac_contract.checkpoint import leaf_of, open_checkpoint
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.errors import BadProof, BadSignature
from vonggac_contract.merkle import EMPTY, inclusion_path, root
from vonggac_contract.proof import Proof, check_proof

PUBLIC = KEY.public_key().public_bytes_raw()
HOUR = timedelta(hours=1)


def leaves(ledger: Ledger) -> list[Leaf]:
    with ledger.read() as tx:
        return tx.leaves.walk(-1, 100_000)


def committed(ledger: Ledger) -> list[str]:
    with ledger.read() as tx:
        return [e.digest for e in tx.chain.walk_all(("", 0, 0, ""), 100_000)]


def send(desk: Desk, machine: Machine, number: int = 1) -> None:
    for n in range(number):
        now = NOW + timedelta(minutes=machine.sequence)
        desk.accept(machine.report(now, {(machine.sequence + n) % 14}), now)


def test_each_committed_report_gets_one_leaf_by_agent_and_place_behind_those_before(
    desk: Desk, machine: Machine
) -> None:
    other = desk.enrol(Machine("may-2", seed=2))
    for m in (other, machine):
        send(desk, m, 3)
    first = take_checkpoint(desk.ledger, KEY, NOW)
    assert [x.digest for x in leaves(desk.ledger)] == committed(desk.ledger)
    assert append(desk.ledger) == 0
    send(desk, machine, 2)
    second = take_checkpoint(desk.ledger, KEY, NOW + HOUR)
    found = leaves(desk.ledger)
    assert [x.number for x in found] == list(range(8))
    assert sorted(x.digest for x in found) == sorted(committed(desk.ledger))
    assert [x.place for x in found[6:]] == [(1, 4), (1, 5)]
    data = [bytes.fromhex(x.digest) for x in found]
    assert [first.root, second.root] == [naive_root(data[:6]).hex(), naive_root(data).hex()]
    said = open_checkpoint(envelope_from_bytes(second.raw), PUBLIC)
    assert (said.tree_size, said.root, said.at, said.previous) == (8, second.root, NOW + HOUR, first.digest)
    with desk.ledger.read() as tx:
        assert tx.leaves.newest() == second
        assert tx.leaves.checkpoints(0, 10) == [first, second]
        assert tx.leaves.checkpoints(1, 10) == [second]
        assert tx.leaves.by_digest(found[7].digest) == tx.leaves.at(machine.agent_id, 1, 5) == found[7]
        assert tx.leaves.by_digest("0" * 64) is tx.leaves.at(machine.agent_id, 1, 6) is None
        assert tx.leaves.of_agents([other.agent_id]) == [x for x in found if x.agent == other.agent_id]


def test_without_a_report_the_empty_root_is_signed(desk: Desk) -> None:
    signed = take_checkpoint(desk.ledger, KEY, NOW)
    assert (signed.tree_size, signed.root) == (0, EMPTY.hex())


def test_what_waits_or_forked_has_no_leaf_until_it_is_committed(desk: Desk, machine: Machine) -> None:
    raw = [machine.report(NOW + timedelta(minutes=n), {n}) for n in range(3)]
    desk.accept(raw[0])
    desk.accept(raw[2])
    assert take_checkpoint(desk.ledger, KEY, NOW).tree_size == 1
    desk.accept(raw[1])
    assert take_checkpoint(desk.ledger, KEY, NOW + HOUR).tree_size == 3
    machine.sequence, machine.previous = 2, envelope_from_bytes(raw[1]).digest
    assert desk.accept(machine.report(NOW, {9})).code == "seq-fork"
    assert take_checkpoint(desk.ledger, KEY, NOW + 2 * HOUR).tree_size == 3


def test_an_epochs_last_reports_get_their_leaves_after_the_machine_began_another(
    desk: Desk, machine: Machine
) -> None:
    send(desk, machine, 2)
    append(desk.ledger)
    send(desk, machine, 2)
    again = Machine(seed=9)
    desk.enrol(again, desk.token(host=machine.agent_id))
    assert again.epoch == 2
    append(desk.ledger)
    assert [x.place for x in leaves(desk.ledger)] == [(1, 1), (1, 2), (1, 3), (1, 4)]
    send(desk, again, 1)
    append(desk.ledger)
    assert leaves(desk.ledger)[-1].place == (2, 1)


@pytest.mark.parametrize("together", [1, 2, 3, 5, 2_000])
def test_however_many_go_together_the_order_is_the_same(
    together: int, desk: Desk, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (2, 3):
        send(desk, desk.enrol(Machine(f"may-{seed}", seed=seed)), seed)
    send(desk, machine, 7)
    desk.enrol(Machine("may-4", seed=4))
    monkeypatch.setattr(checkpoints, "_TOGETHER", together)
    assert append(desk.ledger) == 12
    assert [x.digest for x in leaves(desk.ledger)] == committed(desk.ledger)


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """A ledger whose process is killed at its n-th step: before, within or after the commit of a transaction."""

    def __init__(self, ledger: Ledger, steps: int) -> None:
        self._ledger, self._left = ledger, steps

    def step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed

    @contextmanager
    def write(self) -> Iterator[Any]:
        self.step()
        with self._ledger.write() as tx:
            yield tx
            self.step()
        self.step()


def test_killed_at_any_step_the_order_is_whole_and_the_next_goes_on_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "_TOGETHER", 2)
    for steps in range(40):
        desk = Desk(MemoryLedger())
        plant(desk.ledger)
        machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in (1, 2)]
        for m in machines:
            send(desk, m, 3)
        dying: Any = Dying(desk.ledger, steps)
        try:
            take_checkpoint(dying, KEY, NOW)
            ended = True
        except Killed:
            ended = False
        signed = take_checkpoint(desk.ledger, KEY, NOW + HOUR)
        assert [x.number for x in leaves(desk.ledger)] == list(range(6))
        assert sorted(x.digest for x in leaves(desk.ledger)) == sorted(committed(desk.ledger))
        assert signed.root == naive_root([bytes.fromhex(x.digest) for x in leaves(desk.ledger)]).hex()
        if ended:
            break
    else:
        pytest.fail("it never got to its end")
    assert steps > 9


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=5), st.data())
def test_a_tree_grown_in_any_portions_has_the_naive_root_and_paths(
    portions: list[int], drawn: st.DataObject
) -> None:
    tiles: dict[tuple[int, int], bytes] = {}
    data: list[bytes] = []

    def tile(level: int, number: int) -> bytes:
        return tiles.get((level, number), b"")

    for portion in portions:
        new = [hashlib.sha256(b"%d" % n).digest() for n in range(len(data), len(data) + portion)]
        tiles |= grown(len(data), [leaf_of(d.hex()) for d in new], tile)
        data += new
        assert root(len(data), node_in(tile)) == naive_root(data)
    number = drawn.draw(st.integers(0, len(data) - 1))
    assert inclusion_path(number, len(data), node_in(tile)) == naive_path(number, data)
    assert all(len(hashes_of(t)) <= WIDTH for t in tiles.values())


def test_a_path_among_a_hundred_million_leaves_reads_a_few_tiles() -> None:
    asked = []

    def tile(level: int, number: int) -> bytes:
        asked.append((level, number))
        return bytes(32 * WIDTH)

    assert len(inclusion_path(77_777_777, 100_000_000, node_in(tile))) == 26
    assert len(asked) == len(set(asked)) <= 8


@pytest.mark.hostile
def test_tiles_that_lack_hashes_are_not_gone_on_with(desk: Desk, machine: Machine) -> None:
    send(desk, machine, 3)
    take_checkpoint(desk.ledger, KEY, NOW)
    with desk.ledger.write() as tx:
        tx.leaves.put_tiles({(0, 0): b"\0" * 64})
    send(desk, machine)
    with pytest.raises(LedgerDamaged, match="tile 0 of level 0"):
        append(desk.ledger)
    with pytest.raises(LedgerDamaged, match="hashes are missing"):
        sign(desk.ledger, KEY, NOW)


@pytest.mark.hostile
def test_no_checkpoint_is_signed_over_leaves_that_are_not_those_of_the_one_before(
    desk: Desk, machine: Machine
) -> None:
    send(desk, machine, 3)
    take_checkpoint(desk.ledger, KEY, NOW)
    with desk.ledger.write() as tx:
        tx.leaves.put_tiles({(0, 0): b"\0" * 96})
    with pytest.raises(LedgerDamaged, match="no longer those that checkpoint 1 signed"):
        sign(desk.ledger, KEY, NOW)


def test_a_leaf_is_given_once(desk: Desk, machine: Machine) -> None:
    send(desk, machine, 2)
    append(desk.ledger)
    (first, _) = leaves(desk.ledger)
    for again in (
        Leaf(2, first.agent, 1, 9, first.digest),
        Leaf(2, first.agent, 1, 1, "0" * 64),
        Leaf(0, first.agent, 1, 9, "0" * 64),
    ):
        with pytest.raises(Exception, match=r"."), desk.ledger.write() as tx:
            tx.leaves.add([again])
    assert len(leaves(desk.ledger)) == 2


def test_every_report_is_proved_to_whoever_has_the_public_keys(desk: Desk, machine: Machine) -> None:
    send(desk, machine, 5)
    signed = take_checkpoint(desk.ledger, KEY, NOW)
    for leaf in leaves(desk.ledger):
        for named in (leaf.digest, (leaf.agent, leaf.epoch, leaf.sequence)):
            proof = prove_report(desk.ledger, KEY, named)
            proved = check_proof(proof, PUBLIC, agent_key=machine.public_key)
            assert proved.sealed == (machine.agent_id, 1, leaf.sequence)
            assert proved.receipt is not None
            assert proved.receipt.digest == leaf.digest
            assert proved.number == leaf.number
            assert proved.checkpoint is not None
            assert proved.checkpoint.root == signed.root


def test_a_report_after_the_newest_checkpoint_and_one_that_never_came_are_not_proved(
    desk: Desk, machine: Machine
) -> None:
    with pytest.raises(Invalid, match="no checkpoint was taken yet"):
        prove_growth(desk.ledger, KEY)
    take_checkpoint(desk.ledger, KEY, NOW)
    send(desk, machine)
    append(desk.ledger)
    with pytest.raises(Invalid, match="not under a checkpoint"):
        prove_report(desk.ledger, KEY, committed(desk.ledger)[0])
    for named in ("0" * 64, (machine.agent_id, 1, 7)):
        with pytest.raises(Invalid, match="is no report here"):
            prove_report(desk.ledger, KEY, named)


def test_what_retention_dropped_keeps_its_leaf_and_its_proof(desk: Desk, machine: Machine) -> None:
    monthly(desk, machine, range(1, 5))
    take_checkpoint(desk.ledger, KEY, at(4, 21))
    (first, *_) = leaves(desk.ledger)
    retain(desk.ledger, MONTHS, now=at(8, 1), actor="test")
    with desk.ledger.read() as tx:
        assert tx.chain.envelope(first.digest) is None
    proof = prove_report(desk.ledger, KEY, (machine.agent_id, 1, 1))
    assert proof.envelope is proof.receipt is None
    assert check_proof(proof, PUBLIC).number == 0
    assert take_checkpoint(desk.ledger, KEY, at(8, 2)).tree_size == 8


def test_a_kept_checkpoint_is_shown_to_be_the_beginning_of_the_newest(desk: Desk, machine: Machine) -> None:
    send(desk, machine, 3)
    take_checkpoint(desk.ledger, KEY, NOW)
    kept = prove_growth(desk.ledger, KEY)
    send(desk, machine, 4)
    take_checkpoint(desk.ledger, KEY, NOW + HOUR)
    grew = prove_growth(desk.ledger, KEY, since=kept)
    assert check_proof(grew, PUBLIC, kept=kept).grown_from == 3
    both = prove_report(desk.ledger, KEY, (machine.agent_id, 1, 7), since=kept)
    assert check_proof(both, PUBLIC, kept=kept).number == 6


@pytest.mark.hostile
def test_a_collector_that_went_back_to_a_backup_cannot_show_that_it_goes_on() -> None:
    """The backup is a ledger that took the same machine's reports up to some moment, and others after it."""
    kept: Proof | None = None
    for reports in (5, 3, 6):
        back = Desk(MemoryLedger())
        plant(back.ledger)
        machine = back.enrol(Machine(seed=reports))
        send(back, machine, reports)
        take_checkpoint(back.ledger, KEY, NOW)
        if kept is None:
            kept = prove_growth(back.ledger, KEY)
            continue
        with pytest.raises(BadProof, match="not the one that the kept checkpoint"):
            prove_growth(back.ledger, KEY, since=kept)
        mine = prove_growth(back.ledger, KEY)
        with pytest.raises(BadProof, match=r"older than the kept|nothing in the file shows"):
            check_proof(mine, PUBLIC, kept=kept)


@pytest.mark.hostile
def test_another_collectors_checkpoint_is_nothing_to_go_on_from(desk: Desk) -> None:
    other = Machine(seed=8).key
    take_checkpoint(desk.ledger, other, NOW)
    kept = prove_growth(desk.ledger, other)
    with pytest.raises(BadSignature, match="no signature by key"):
        prove_growth(desk.ledger, KEY, since=kept)


def test_a_checkpoint_is_due_after_an_hour(desk: Desk, machine: Machine) -> None:
    send(desk, machine)
    notary = Notary(desk.ledger, KEY, lambda: NOW)
    for now in (NOW, NOW + timedelta(minutes=59), NOW + HOUR, NOW + HOUR, NOW - HOUR):
        notary._take(now)
    with desk.ledger.read() as tx:
        assert [c.at for c in tx.leaves.checkpoints(0, 10)] == [NOW, NOW + HOUR, NOW - HOUR]
