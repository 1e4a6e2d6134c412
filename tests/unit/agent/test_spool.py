"""The spool: numbers without gaps, nothing sealed is lost, bounded, and honest about its disk."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.agent.twin import NOW, Clock, Collector, Machine, problem, report_of

from vonggac_agent.database import is_fixed
from vonggac_agent.errors import NewerState, SpoolFull, StateDamaged
from vonggac_agent.seal import seal_report
from vonggac_agent.ship import Shipper
from vonggac_agent.spool import FILE, Spool
from vonggac_agent.spool_room import KEPT_ENVELOPES
from vonggac_agent.spool_rows import Link
from vonggac_contract.envelope import envelope_from_bytes, verify
from vonggac_contract.report import statement_from_envelope


class AnyOrder(RuleBasedStateMachine):
    """Sealing, sending, lost replies, refusals and crashes, in any order.

    A crash is modelled by copying the folder as the disk holds it and going on with the copy, which also drops a
    transaction that was open.
    """

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.collector = Collector(self.clock)
        self.machine = Machine(self.home / "0", self.collector)
        self.sealed: dict[int, str] = {}
        self.copies = 0

    @rule(name=st.sampled_from("abc"))
    def seal(self, name: str) -> None:
        link = self.machine.report(name, packages={"names": [name]})
        assert link.sequence not in self.sealed
        self.sealed[link.sequence] = link.digest

    @rule()
    def beat(self) -> None:
        if self.sealed:
            self.machine.heartbeat()

    @rule(trouble=st.lists(st.sampled_from(["fine", "lost", "busy", "refused", "lie"]), max_size=4))
    def ship(self, trouble: list[str]) -> None:
        self.clock.forward(hours=26)

        def spoil(kind: str) -> Any:
            def answer(given: Any) -> Any:
                if kind == "lost":
                    raise SpoilError
                if kind == "lie":
                    return given._replace(body=b"{}")
                if kind == "busy":
                    return problem(503, "busy", "later")
                if kind == "refused":
                    return problem(422, "unknown-schema", "no")  # after "malformed" the next takes its place
                return given

            return answer

        self.collector.lies = [spoil(kind) for kind in trouble]
        self.run_shipper()
        self.collector.lies = []

    def run_shipper(self) -> None:
        machine = self.machine
        try:
            Shipper(
                machine.folder, machine.spool, machine.identity, self.collector, self.clock, lambda: 0.5
            ).run()
        except SpoilError:
            return  # the process died between the answer and noting it

    @rule()
    def crash_while_sealing(self) -> None:
        def fail(report: Any, number: int, previous: str | None) -> Any:
            raise SpoilError

        with pytest.raises(SpoilError):
            self.machine.spool.add_report(self.machine.chain, report_of("lost"), fail)

    @rule()
    def crash(self) -> None:
        self.copies += 1
        copy = self.home / str(self.copies)
        shutil.copytree(self.machine.folder, copy)
        self.machine.spool.close()
        self.machine.folder = copy
        self.machine.spool = self.machine.open()

    @invariant()
    def numbers_have_no_gap_and_none_is_given_twice(self) -> None:
        spool, chain = self.machine.spool, self.machine.chain
        kept = spool.between(chain, 1, 10_000)
        assert {link.sequence: link.digest for link in kept} == self.sealed
        assert sorted(self.sealed) == list(range(1, len(self.sealed) + 1))
        before = None
        for link in kept:
            envelope = envelope_from_bytes(spool.envelope(link))
            verify(envelope, self.machine.identity.enrolled.public_key)
            statement = statement_from_envelope(envelope)
            assert (statement.sequence, statement.previous) == (link.sequence, before)
            before = envelope.digest

    @invariant()
    def the_collector_never_sees_two_reports_under_one_number(self) -> None:
        assert self.collector.forks == []

    @invariant()
    def what_the_spool_calls_received_is_at_the_collector(self) -> None:
        committed = self.collector.committed.get(self.machine.chain, {})
        pending = self.collector.pending.get(self.machine.chain, {})
        for link in self.machine.spool.between(self.machine.chain, 1, 10_000):
            if link.state == "received":
                assert committed.get(link.sequence) == link.digest
                assert link.sequence not in pending

    def teardown(self) -> None:
        self.clock.forward(hours=26)
        for _ in range(3):
            self.run_shipper()
            self.clock.forward(hours=26)
        if self.machine.spool.refused():  # asked for again as soon as there is something after it
            self.seal("last")
            self.run_shipper()
        assert self.collector.committed.get(self.machine.chain, {}) == self.sealed
        self.machine.spool.close()
        shutil.rmtree(self.home)


class SpoilError(Exception):
    """A process that died."""


TestAnyOrder = pytest.mark.worlds(AnyOrder.TestCase)
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=20)


def test_sections_the_collector_holds_are_named_by_digest_only(machine: Machine) -> None:
    def contents(link: Link) -> dict[str, Any]:
        statement = statement_from_envelope(envelope_from_bytes(machine.spool.envelope(link)))
        return {name: section.content for name, section in statement.report.sections.items()}

    first = machine.report("a", packages={"names": ["x"]})
    assert contents(first)["packages"] == {"names": ["x"]}
    second = machine.report("b", packages={"names": ["x"]})
    assert contents(second)["packages"] == {"names": ["x"]}, "nothing was acknowledged yet"
    Shipper(machine.folder, machine.spool, machine.identity, machine.collector, machine.collector.clock).run()
    third = machine.report("c", packages={"names": ["x"]})
    assert contents(third) == {"host": {"hostname": "c"}, "packages": None}
    machine.report("c", packages={"names": ["x", "y"]})
    back = machine.report("c", packages={"names": ["x"]})
    assert contents(back)["packages"] == {"names": ["x"]}, "another one was sent since"


def test_a_report_that_does_not_fit_numbers_nothing_and_received_envelopes_make_room(
    tmp_path: Path, collector: Collector
) -> None:
    machine = Machine(tmp_path / "state", collector, max_bytes=1 << 20)
    first = machine.report("a", packages={"names": [os.urandom(400_000).hex()]})
    with pytest.raises(SpoolFull, match="all of it unsent"):
        machine.report("b", packages={"names": [os.urandom(400_000).hex()]})
    assert [link.sequence for link in machine.spool.unsent()] == [first.sequence]
    assert machine.spool.used_bytes() <= 1 << 20
    Shipper(machine.folder, machine.spool, machine.identity, collector, collector.clock).run()
    assert machine.report("b", packages={"names": [os.urandom(400_000).hex()]}).sequence == 2
    machine.spool.close()


def test_of_received_reports_only_the_newest_envelopes_are_kept(machine: Machine) -> None:
    for number in range(KEPT_ENVELOPES + 10):
        machine.report(str(number))
    Shipper(machine.folder, machine.spool, machine.identity, machine.collector, machine.collector.clock).run()
    kept = machine.spool.between(machine.chain, 1, 1000)
    assert len(kept) == KEPT_ENVELOPES
    assert machine.report("next").previous == kept[-1].digest


def test_the_heartbeat_counter_only_rises(machine: Machine) -> None:
    machine.report("a")
    first = [machine.heartbeat().counter for _ in range(3)]
    machine.report("b")
    machine.spool.close()
    machine.spool = machine.open()
    assert [*first, machine.heartbeat().counter] == [1, 2, 3, 4]


def test_another_epoch_is_another_chain(machine: Machine) -> None:
    machine.report("a")
    chain = machine.chain._replace(epoch=2)
    link = machine.spool.add_report(
        chain, report_of("a"), lambda r, n, p: seal_report(r, chain, n, p, NOW, machine.key)
    )
    assert (link.sequence, link.previous) == (1, None)
    assert [kept.chain.epoch for kept in machine.spool.unsent()] == [1, 2]


def test_its_file_is_nobody_elses(machine: Machine) -> None:
    machine.report()
    for path in machine.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_newer_releases_spool_is_left_as_it_is(machine: Machine) -> None:
    machine.report()
    machine.spool.close()
    with apsw.Connection(str(machine.folder / FILE)) as connection:
        connection.pragma("user_version", 99)
    connection.close()
    before = (machine.folder / FILE).read_bytes()
    with pytest.raises(NewerState, match="schema 99"):
        machine.open()
    assert (machine.folder / FILE).read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_spool_is_named_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    with pytest.raises(StateDamaged, match="is damaged"):
        Spool(tmp_path, max_bytes=1 << 20)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ("3.51.3", True), ("3.51.2", False), ("3.51.10", True), ("3.52.0", True), ("3.54.1", True),
        ("3.50.7", True), ("3.50.6", False), ("3.44.6", True), ("3.44.5", False), ("3.45.9", False),
        ("3.40.1", False), ("4.0.0", True),
    ],
)  # fmt: skip
def test_only_a_sqlite_without_the_wal_reset_fault_is_used(version: str, fixed: bool) -> None:
    assert is_fixed(version) is fixed


def test_journal_and_synchronisation_are_as_durable_as_promised(machine: Machine) -> None:
    connection = machine.spool._database._connection
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
