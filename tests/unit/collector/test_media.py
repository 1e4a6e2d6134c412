"""Media that machines without a line send: whole exports or nothing of them, in any order, twice, late, and hostile."""

from __future__ import annotations

import itertools
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.unit.collector.carrying import BOX, put_export
from tests.unit.collector.conftest import KEY, NOW, Desk
from tests.unit.collector.machines import Machine, envelope_of

from vonggac_collector import media, policy
from vonggac_collector.board import BoardMaker
from vonggac_collector.boxes import Boxes, Dated
from vonggac_collector.errors import NotFound
from vonggac_collector.media import Carried, Imported, give_back, take_in
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.state import make_state
from vonggac_contract.box import BoxKey, close_box
from vonggac_contract.envelope import envelope_from_bytes, keyid_of
from vonggac_contract.errors import TooLarge
from vonggac_contract.media import (
    box_key_name,
    manifest_name,
    open_box_key,
    part_name,
    policy_name,
    receipts_name,
    rulebook_name,
)
from vonggac_contract.receipt import Receipt, open_receipt
from vonggac_media.folder import Folder

pytestmark = pytest.mark.usb
LATER = NOW + timedelta(hours=2)
PUBLIC = KEY.public_key().public_bytes_raw()


class Office(NamedTuple):
    """The collector's end of the road, and a medium."""

    desk: Desk
    medium: Path
    boxes: Boxes

    def take(self, now: datetime = LATER) -> Imported:
        with Folder(self.medium) as folder:
            return take_in(self.desk.ledger, folder, self.boxes, KEY, lambda: now, "test")

    def give(self, *agents: str) -> Carried:
        with Folder(self.medium) as folder:
            return give_back(self.desk.ledger, folder, self.boxes, KEY, LATER, "test", agents)

    def receipts(self, machine: Machine) -> list[Receipt]:
        lines = (self.medium / receipts_name(machine.agent_id)).read_bytes().split(b"\n")
        return [open_receipt(envelope_from_bytes(line), PUBLIC) for line in filter(None, lines)]

    def head(self, machine: Machine) -> int:
        with self.desk.ledger.read() as tx:
            agent = tx.agents.get(machine.agent_id)
        assert agent is not None
        return agent.head_sequence

    def empty(self) -> None:
        shutil.rmtree(self.medium)
        self.medium.mkdir()

    def audited(self) -> list[tuple[str, str, str]]:
        with self.desk.ledger.read() as tx:
            return [(r.action, r.subject, r.detail) for r in tx.trail.walk(0, 1_000)]


@pytest.fixture
def office(desk: Desk, tmp_path: Path) -> Office:
    medium = tmp_path / "medium"
    medium.mkdir()
    return Office(desk, medium, Boxes([Dated(NOW, BOX)]))


def counts(done: Imported) -> list[tuple[int, int, int]]:
    return [(m.taken, m.known, m.waiting) for m in done.machines]


def test_what_a_machine_exported_is_in_the_ledger_and_what_goes_back_names_it(
    office: Office, machine: Machine
) -> None:
    sent = [machine.report(NOW, {n}) for n in range(5)]
    name = put_export(office.medium, machine, [sent[:2], sent[2:]], NOW)
    (told,) = office.take().machines
    assert (told.agent, told.hostname, told.exports) == (machine.agent_id, machine.hostname, 1)
    assert (told.taken, told.known, told.refused, told.missing) == (5, 0, {}, [])
    assert office.head(machine) == 5
    assert ("media-imported", machine.agent_id, f"export {name}: 5 accepted") in office.audited()
    back = office.give()
    assert back.receipts == {machine.agent_id: 5}
    assert [r.digest for r in office.receipts(machine)] == [envelope_of(raw).digest for raw in sent[::-1]]
    assert (office.medium / rulebook_name(back.rulebooks[0])).exists()
    raw = (office.medium / box_key_name(keyid_of(PUBLIC))).read_bytes()
    assert open_box_key(envelope_from_bytes(raw), PUBLIC).keyid == BOX.keyid


def test_the_policy_repository_goes_back_with_the_rest(
    office: Office, machine: Machine, tmp_path: Path
) -> None:
    make_state(tmp_path / "state")
    policy.begin(office.desk.ledger, tmp_path / "state", NOW, "test")
    put_export(office.medium, machine, [[machine.report(NOW, {1})]], NOW)
    office.take()
    office.give()
    with office.desk.ledger.read() as tx:
        files = tx.policy.all()
    assert {n: (office.medium / policy_name(n)).read_bytes() for n in files} == files


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_media_come_in_any_order_and_twice_and_what_is_missing_meanwhile_is_said_exactly(
    office: Office, machine: Machine, order: tuple[int, ...]
) -> None:
    sent = [machine.report(NOW, {n % 3}) for n in range(9)]
    here: set[int] = set()
    for stick in order:
        office.empty()
        put_export(office.medium, machine, [sent[3 * stick : 3 * stick + 3]], NOW, number=stick)
        done = office.take()
        here |= {3 * stick + 1, 3 * stick + 2, 3 * stick + 3}
        gaps = [n for n in range(1, max(here)) if n not in here]
        assert [n for f, t in done.machines[0].missing for n in range(f, t + 1)] == gaps
        back = office.give()
        head = next((n for n in range(9) if n + 1 not in here), 9)
        assert back.receipts == {machine.agent_id: head}, "nothing is acknowledged that was not committed"
        again = office.take()
        assert counts(again)[0][0] == 0
        assert [f for m in again.machines for f in m.refused] == []
    assert office.head(machine) == 9
    assert office.take().machines[0].missing == []


def test_two_sticks_that_overlap_are_taken_once(office: Office, machine: Machine) -> None:
    sent = [machine.report(NOW, {n}) for n in range(6)]
    put_export(office.medium, machine, [sent[:4]], NOW, number=1)
    put_export(office.medium, machine, [sent[2:]], NOW, number=2)
    (told,) = office.take().machines
    assert (told.exports, told.taken, told.known) == (2, 6, 2)


def test_several_machines_share_a_medium_and_each_gets_its_own_receipts(office: Office, desk: Desk) -> None:
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in range(2, 5)]
    for machine in machines:
        put_export(office.medium, machine, [[machine.report(NOW, {1})], [machine.heartbeat(NOW)]], NOW)
    done = office.take()
    assert sorted(counts(done)) == [(2, 0, 0)] * 3
    assert sorted(m.hostname for m in done.machines) == ["may-2", "may-3", "may-4"]
    assert office.give().receipts == {m.agent_id: 1 for m in machines}
    for machine in machines:
        assert {r.agent_id for r in office.receipts(machine)} == {machine.agent_id}


def test_receipts_go_to_a_machine_that_is_named_too(office: Office, machine: Machine, desk: Desk) -> None:
    desk.accept(machine.report(NOW), LATER)
    assert office.give(machine.agent_id).receipts == {machine.agent_id: 1}
    with pytest.raises(NotFound):
        office.give("../../../etc/passwd")


@pytest.mark.parametrize(
    "gone", ["manifest", "first", "second", "cut", "longer", "changed", "swapped", "renamed"]
)
def test_an_export_that_is_not_whole_is_named_and_nothing_of_it_is_taken(
    office: Office, machine: Machine, gone: str
) -> None:
    sent = [machine.report(NOW, {n}) for n in range(4)]
    name = put_export(office.medium, machine, [sent[:2], sent[2:]], NOW)
    first, second = (office.medium / part_name(name, n) for n in (1, 2))
    manifest = office.medium / manifest_name(name)
    if gone == "manifest":
        manifest.unlink()
    elif gone in ("first", "second"):
        {"first": first, "second": second}[gone].unlink()
    elif gone == "swapped":
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)
    elif gone == "renamed":
        other = name[:-1] + "f"
        for file in (first, second, manifest):
            file.rename(office.medium / file.name.replace(name, other))
    else:
        raw = second.read_bytes()
        changes = {"cut": raw[:-1], "longer": raw + b"\0", "changed": raw[:-1] + bytes([raw[-1] ^ 1])}
        second.write_bytes(changes[gone])
    done = office.take()
    whose = (machine.agent_id, machine.hostname)
    assert [(r.code, r.agent, r.hostname) for r in done.refused] == [("media-incomplete", *whose)]
    assert [m for m in done.machines if m.taken or m.known] == []
    assert office.head(machine) == 0
    assert any(a == "refused" and d.startswith("media-incomplete: ") for a, _, d in office.audited())
    office.empty()
    put_export(office.medium, machine, [sent], NOW, number=2)
    assert counts(office.take()) == [(4, 0, 0)]


@pytest.mark.hostile
def test_what_another_key_sealed_is_refused_by_its_own_name(
    office: Office, machine: Machine, desk: Desk
) -> None:
    raw = machine.report(NOW)
    stranger, revoked, other = Machine(seed=77), desk.enrol(Machine(seed=5)), desk.enrol(Machine(seed=6))
    stranger.agent_id = machine.agent_id
    desk.enrol(Machine(seed=9), desk.token(host=revoked.agent_id))
    put_export(office.medium, stranger, [[raw]], NOW)
    put_export(office.medium, revoked, [[raw]], NOW)
    put_export(office.medium, other, [[raw]], NOW, agent_id=machine.agent_id)
    put_export(office.medium, machine, [[raw]], NOW, public=BoxKey(b"x" * 32).public)
    done = office.take()
    assert sorted((r.code, r.agent) for r in done.refused) == [
        ("agent-mismatch", other.agent_id),
        ("bad-box", machine.agent_id),
        ("key-revoked", revoked.agent_id),
        ("unknown-key", ""),
    ]
    assert done.machines == []
    assert office.head(machine) == 0
    assert office.give().receipts == {}


@pytest.mark.hostile
@pytest.mark.parametrize("trap", ["link", "fifo", "folder", "endless", "rubbish", "bomb"])
def test_a_hostile_medium_is_refused_and_the_good_export_beside_it_taken(
    office: Office, machine: Machine, desk: Desk, tmp_path: Path, trap: str
) -> None:
    victim = desk.enrol(Machine("may-2", seed=2))
    raw = victim.report(NOW)
    name = put_export(office.medium, victim, [[raw]], NOW)
    target = office.medium / (part_name(name, 1) if trap != "rubbish" else manifest_name(name))
    good = target.read_bytes()
    target.unlink()
    if trap == "link":
        (tmp_path / "elsewhere").write_bytes(good)
        target.symlink_to(tmp_path / "elsewhere")
    elif trap == "fifo":
        os.mkfifo(target)
    elif trap == "folder":
        target.mkdir()
    elif trap == "endless":
        target.touch()
        os.truncate(target, 1 << 40)
    elif trap == "rubbish":
        target.write_bytes(b"\0\xff{[" * 999)
    else:
        (office.medium / manifest_name(name)).unlink()
        name = put_export(office.medium, victim, [[raw], [b"[" * 1_000_000, b"\n" * 300_000]], NOW)
    put_export(office.medium, machine, [[machine.report(NOW)]], NOW, number=9)
    for odd in ("vonggac-..", "vonggac-" + "x" * 200, "autorun.inf", "vonggac-\n", "vonggac-‮"):
        (office.medium / odd).touch()
    done = office.take()
    assert {m.agent: m.taken for m in done.machines if m.taken} == {machine.agent_id: 1}
    assert office.head(victim) == 0
    (refused,) = done.refused
    assert (refused.name, refused.code in ("malformed", "too-large")) == (name, True)


@pytest.mark.hostile
def test_a_medium_of_too_many_exports_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_EXPORTS", 3)
    for n in range(4):
        (office.medium / manifest_name(f"{n:016x}-{n:016x}")).touch()
        if n == 2:
            assert [r.code for r in office.take().refused] == ["malformed"] * 3
    for taken in (office.take, office.give):
        with pytest.raises(TooLarge, match="at most 3"):
            taken()


@pytest.mark.hostile
def test_a_medium_that_changes_while_it_is_read_gets_nothing_in_that_was_not_sealed(
    office: Office, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [machine.report(NOW, {n}) for n in range(2)]
    name = put_export(office.medium, machine, [[sent[0]], [sent[1]]], NOW)
    reads: list[str] = []
    real = Folder.read

    def swapping(self: Folder, file: str, limit: int) -> bytes:
        reads.append(file)
        if reads.count(part_name(name, 2)) == 2:
            (office.medium / file).write_bytes(close_box(b"other words", BOX.public))
        return real(self, file, limit)

    monkeypatch.setattr(Folder, "read", swapping)
    done = office.take()
    assert [r.code for r in done.refused] == ["media-incomplete"]
    assert office.head(machine) == 1, "what was read before was as it was written"
    monkeypatch.undo()
    put_export(office.medium, machine, [sent], NOW, number=2)
    assert (1, 1, 0) in counts(office.take())


@pytest.mark.disk
def test_a_medium_that_is_pulled_out_costs_what_was_not_read_and_another_import_goes_on(
    office: Office, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [machine.report(NOW, {n}) for n in range(4)]
    put_export(office.medium, machine, [[raw] for raw in sent], NOW)
    real = Folder.read
    for nth in range(1, 10):
        left = nth

        def pulled(self: Folder, file: str, limit: int) -> bytes:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(5, "Input/output error")
            return real(self, file, limit)

        with monkeypatch.context() as patched:
            patched.setattr(Folder, "read", pulled)
            done = office.take()
        assert office.head(machine) == max(0, nth - 5)
        assert [r.code for r in done.refused] == (["media-incomplete"] if nth < 9 else [])
    assert counts(office.take()) == [(0, 4, 0)]


@pytest.mark.clock
def test_reports_that_come_late_keep_their_own_time_and_do_not_raise_todays_score(
    office: Office, machine: Machine, desk: Desk
) -> None:
    def score(now: datetime) -> int | None:
        board = BoardMaker(desk.ledger, Shelf(desk.ledger), load_parameters()).at(now)
        return board.system_scores["hsyt"].score

    today = NOW + timedelta(days=40)
    late, fresh = machine.report(NOW), machine.report(today - timedelta(minutes=1), {1, 2, 3})
    before = score(today)
    put_export(office.medium, machine, [[late, machine.heartbeat(NOW + timedelta(minutes=15))]], NOW)
    office.take(today)
    assert score(today) == before == 0
    with desk.ledger.read() as tx:
        look = tx.chain.newest_look(machine.agent_id, today)
    assert look is not None
    assert (look.looked_at, look.flags) == (NOW, "carried-late")
    put_export(office.medium, machine, [[fresh]], NOW, number=2)
    office.take(today)
    assert (score(today) or 0) > 0


def test_a_report_that_forks_the_chain_is_refused_on_a_medium_as_on_a_line(
    office: Office, machine: Machine
) -> None:
    office.desk.accept(machine.report(NOW))
    machine.sequence, machine.previous = 0, None
    put_export(office.medium, machine, [[machine.report(NOW, {2})]], NOW)
    (told,) = office.take().machines
    assert told.refused == {"seq-fork": 1}
    assert told.taken == 0
