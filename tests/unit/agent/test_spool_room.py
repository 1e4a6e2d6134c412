"""What gives way when the spool is at its bounds: superseded reports, owned up to, and nothing that was offered."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.agent.twin import Clock, Collector, Machine, problem

from vonggac_agent.errors import SpoolFull, Unreachable
from vonggac_agent.link import Answer
from vonggac_agent.ship import Shipper
from vonggac_agent.spool import Spool
from vonggac_agent.spool_room import DROPPED
from vonggac_agent.spool_rows import Link
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import Dropped, Report, statement_from_envelope

MIB = 1 << 20


def small(folder: Path, collector: Collector, *, max_looks: int | None = None) -> Machine:
    """A machine with a spool of one mebibyte."""
    machine = Machine(folder, collector, max_bytes=MIB)
    machine.spool.close()
    machine.spool = Spool(folder, max_bytes=MIB, max_looks=max_looks)
    return machine


def noisy(machine: Machine, number: int, size: int = 60_000) -> Link:
    """A report of nearly `size` bytes that no packing makes smaller."""
    noise = random.Random(number).randbytes(size).hex()
    return machine.report(str(number), packages={"names": [noise]})


def ship(machine: Machine) -> None:
    Shipper(
        machine.folder,
        machine.spool,
        machine.identity,
        machine.collector,
        machine.collector.clock,
        lambda: 0.5,
    ).run()


def said(machine: Machine, link: Link) -> Report:
    return statement_from_envelope(envelope_from_bytes(machine.spool.envelope(link))).report


def unsent(machine: Machine) -> list[int]:
    return [link.sequence for link in machine.spool.unsent()]


def test_at_its_size_the_newest_report_takes_the_place_of_those_before_it_and_says_so(
    tmp_path: Path, collector: Collector
) -> None:
    machine = small(tmp_path / "state", collector)
    links = [noisy(machine, n) for n in range(40)]
    kept = unsent(machine)
    assert machine.spool.used_bytes() <= MIB
    assert [link.sequence for link in links] == [*range(1, 41)], "no look was lost and no number left out"
    assert kept == [*range(1, len(kept)), 40], "the beginning of the outage, and the newest"
    assert said(machine, links[-1]).dropped == Dropped(len(kept), 39, links[len(kept) - 2].digest)
    assert machine.spool.counter(DROPPED) == 40 - len(kept)
    ship(machine)
    assert sorted(collector.committed[machine.chain]) == kept
    assert collector.forks == []
    noisy(machine, 41)
    ship(machine)
    assert machine.spool.unsent() == []


def test_after_so_many_looks_without_a_receipt_likewise_whatever_the_clock_says(
    tmp_path: Path, collector: Collector, clock: Clock
) -> None:
    machine = small(tmp_path / "state", collector, max_looks=6)
    machine.report("a")
    clock.forward(days=3650)
    machine.report("b")
    clock.forward(days=-3652)
    machine.report("c")
    machine.heartbeat()
    machine.report("d")
    assert unsent(machine) == [1, 2, 3, 4], "however far a clock jumps, nothing is dropped for it"
    for name in "efg":
        machine.report(name)
    assert unsent(machine) == [1, 2, 3, 4, 7]
    ship(machine)
    assert machine.spool.unsent() == []
    for name in "hi":
        machine.report(name)
    assert unsent(machine) == [8, 9], "a receipt begins the time anew"


def test_what_a_collector_may_have_is_never_dropped(tmp_path: Path, collector: Collector) -> None:
    machine = small(tmp_path / "state", collector, max_looks=1)

    def lost(answer: Answer) -> Answer:
        raise Unreachable("reset by peer")

    machine.report("a")
    collector.refusals = [problem(404, "not-found", "who are you")]
    ship(machine)
    machine.report("b")
    collector.lies = [lost]
    ship(machine)  # the collector has it, and waits for the first
    for name in "cde":
        machine.report(name)
    assert unsent(machine) == [2, 5]
    ship(machine)
    assert sorted(collector.committed[machine.chain]) == [1, 2, 5]
    assert collector.forks == []


def test_one_report_too_large_for_the_spool_drops_nothing_that_it_has_to(
    tmp_path: Path, collector: Collector
) -> None:
    machine = small(tmp_path / "state", collector)
    noisy(machine, 1, 400_000)
    before = unsent(machine)
    with pytest.raises(SpoolFull):
        noisy(machine, 2, 700_000)
    assert unsent(machine) == before
    assert machine.spool.counter(DROPPED) == 0


class _Told:
    """A collector's newest content of each section, made from what is received in order."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}

    def take(self, report: Report) -> None:
        for name, section in report.sections.items():
            if section.content is not None:
                self.held[name] = section.digest
            assert self.held.get(name) == section.digest, f"{name} is named and not there"


@pytest.mark.worlds
@pytest.mark.timeout(240)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "ship", "one", "busy"]), max_size=24))
def test_whatever_is_dropped_every_section_is_there_when_a_report_names_it(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(Clock())
        machine = small(Path(folder) / "state", collector, max_looks=3)
        for step in steps:
            if step == "ship":
                ship(machine)
            elif step == "one":
                collector.refusals = []
                collector.lies = [lambda a: a, lambda a: a._replace(status=500)]
                ship(machine)
                collector.lies = []
            elif step == "busy":
                collector.refusals = [problem(500, "internal", "no")]
                ship(machine)
            else:
                machine.report(step, packages={"names": [step]})
        collector.refusals = []
        ship(machine)
        assert machine.spool.unsent() == []
        told = _Told()
        for _, found in sorted(collector.committed.get(machine.chain, {}).items()):
            told.take(collector.statements[found].report)
        assert collector.forks == []
        machine.spool.close()


@pytest.mark.parametrize(
    ("status", "code"), [(413, "too-large"), (422, "malformed"), (422, "content-mismatch")]
)
def test_the_next_report_takes_the_place_of_one_that_is_never_taken(
    machine: Machine, collector: Collector, status: int, code: str
) -> None:
    first = machine.report("a")
    ship(machine)
    for name in "bc":
        machine.report(name)
        collector.refusals = [problem(status, code, "over 100000 keys")]
        ship(machine)
    last = machine.report("d")
    assert said(machine, last).dropped == Dropped(2, 3, first.digest)
    assert machine.spool.counter(DROPPED) == 2
    ship(machine)
    assert sorted(collector.committed[machine.chain]) == [1, 4]
    assert collector.forks == []
    assert (machine.spool.unsent(), machine.spool.refused()) == ([], [])


@pytest.mark.parametrize(
    ("status", "code"), [(413, ""), (422, "unknown-schema"), (409, "too-large"), (404, "malformed")]
)
def test_a_refusal_that_may_end_lets_nothing_go(
    machine: Machine, collector: Collector, status: int, code: str
) -> None:
    machine.report("a")
    ship(machine)
    machine.report("b")
    collector.refusals = [problem(status, code, "malformed")]
    ship(machine)
    assert said(machine, machine.report("c")).dropped is msgspec.UNSET
    assert [link.sequence for link in machine.spool.refused()] == [2]


def test_the_first_of_an_epoch_is_never_let_go_as_nothing_is_there_to_follow(
    machine: Machine, collector: Collector
) -> None:
    machine.report("a")
    collector.refusals = [problem(413, "too-large", "over")]
    ship(machine)
    assert said(machine, machine.report("b")).dropped is msgspec.UNSET
    assert [link.sequence for link in machine.spool.refused()] == [1]


def test_the_word_is_left_out_where_nothing_was_dropped(machine: Machine) -> None:
    assert said(machine, machine.report("a")).dropped is msgspec.UNSET


def test_what_was_carried_away_on_a_medium_is_never_dropped(tmp_path: Path, collector: Collector) -> None:
    machine = small(tmp_path / "state", collector, max_looks=1)
    links = [machine.report(name) for name in "ab"]
    machine.spool.mark_offered(*links)
    for name in "cde":
        machine.report(name)
    assert unsent(machine) == [1, 2, 5]
