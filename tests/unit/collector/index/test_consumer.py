"""What the ledger commits reaches the index, at least once and in the end exactly; whatever fails between."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.collector.conftest import NOW, Desk
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector import rulebooks
from vonggac_collector.board import BoardMaker
from vonggac_collector.errors import IndexFailed
from vonggac_collector.index.consumer import FEW, LATE, WAY, Consumer
from vonggac_collector.index.interface import HostState, Index, Row, Taken
from vonggac_collector.index.memory import MemoryIndex
from vonggac_collector.index.reading import Reader
from vonggac_collector.index.rebuild import rebuild
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import Lag
from vonggac_collector.rollup import day_of, publish_day
from vonggac_collector.rounds import Keeper
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.search.query import KINDS, Is, Query, Range, Scope, Word
from vonggac_contract.report import Section, section_digest

ALL = Scope("vn")
MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = NOW + MINUTE

    def now(self) -> datetime:
        return self.moment

    def seconds(self) -> float:
        return (self.moment - NOW).total_seconds()


class Failing(MemoryIndex):
    """An index that stops answering: before it took what it was told, or after."""

    def __init__(self) -> None:
        super().__init__()
        self.before = self.after = False

    def put(self, states: Sequence[HostState], *, thorough: bool = False) -> Taken:
        if self.before:
            raise IndexFailed("it does not answer")
        taken = super().put(states, thorough=thorough)
        if self.after:
            raise IndexFailed("its answer was lost")
        return taken


class Watched(MemoryIndex):
    """An index that says of each host whether its inventory was left out, and waits before it takes one."""

    def __init__(self) -> None:
        super().__init__()
        self.same: list[bool] = []
        self.wait: Callable[[], None] = lambda: None

    def put(self, states: Sequence[HostState], *, thorough: bool = False) -> Taken:
        self.same += [s.same for s in states if s.own.get("vonggac.epoch")]
        self.wait()
        return super().put(states, thorough=thorough)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(ledger: Ledger, index: Index, clock: Clock) -> Consumer:
    reader = Reader(ledger, Shelf(ledger), clock.now)
    return Consumer(ledger, index, reader, clock.now, clock=clock.seconds)


def drain(consumer: Consumer) -> None:
    while consumer.turn():
        pass


def everything(index: Index) -> list[list[Row]]:
    """Every row of every kind."""
    index.refresh()
    return [index.search(Query(k), ALL, limit=1_000).rows for k in KINDS]


def rebuilt(ledger: Ledger, now: Callable[[], datetime]) -> MemoryIndex:
    """What an index holds that is made from the ledger just now."""
    made = MemoryIndex()
    rebuild(ledger, made, Reader(ledger, Shelf(ledger), now), now)
    return made


def lag(ledger: Ledger) -> Lag:
    with ledger.read() as tx:
        return tx.outbox.lag()


def packages(*names: str) -> dict[str, Section]:
    content = {"manager": "dpkg", "packages": [[n, "1.0", "amd64", ""] for n in names]}
    return {"packages": Section(section_digest(content), content)}


def rules(index: Index, *words: str) -> list[str]:
    found = index.search(Query("findings", tuple(Word(w) for w in words)), ALL).rows
    return sorted(str(r.fields["rule.id"]) for r in found)


def test_what_a_machine_reports_is_found_and_what_it_mends_is_not(desk: Desk, clock: Clock) -> None:
    index = MemoryIndex()
    consumer = make(desk.ledger, index, clock)
    machine = desk.enrol(Machine("Máy-chủ"))
    drain(consumer)
    assert [r.fields["host.name"] for r in index.search(Query("hosts", (Word("may chu"),)), ALL).rows] == [
        "Máy-chủ"
    ]
    desk.accept(machine.report(NOW, {1, 2}, sections=packages("openssl", "bash")))
    drain(consumer)
    assert rules(index) == ["linux.test.rule-01", "linux.test.rule-02"]
    assert len(index.search(Query("packages"), ALL).rows) == 2
    desk.accept(machine.report(NOW + MINUTE, {2}, sections=packages("bash")))
    drain(consumer)
    assert rules(index) == ["linux.test.rule-02"]
    assert [r.fields["package.name"] for r in index.search(Query("packages"), ALL).rows] == ["bash"]
    assert lag(desk.ledger).waiting == 0
    assert {e.fields["vonggac.outcome"] for e in index.events.values()} == {"fail", "pass"}


def test_rows_wait_while_the_index_does_not_answer_and_machines_are_answered_all_the_same(
    desk: Desk, machine: Machine, clock: Clock
) -> None:
    index = Failing()
    consumer = make(desk.ledger, index, clock)
    drain(consumer)
    index.before = True
    for failing in ({1}, {1, 2}):
        assert desk.accept(machine.report(NOW, failing)).status == 200
        with pytest.raises(IndexFailed):
            consumer.turn()
    assert lag(desk.ledger).waiting == 2
    assert lag(desk.ledger).oldest == NOW
    with desk.ledger.write() as tx:
        far = clock.moment + timedelta(hours=1)
        assert {r.error for r in tx.outbox.claim(9, far, clock.moment)} == {"it does not answer"}
    index.before = False
    clock.moment += timedelta(minutes=2)
    drain(consumer)
    assert rules(index) == ["linux.test.rule-01", "linux.test.rule-02"]
    assert lag(desk.ledger).waiting == 0


def test_what_was_taken_without_an_answer_is_told_again_and_changes_nothing(
    desk: Desk, machine: Machine, clock: Clock
) -> None:
    index = Failing()
    consumer = make(desk.ledger, index, clock)
    drain(consumer)
    desk.accept(machine.report(NOW, {3}))
    index.after = True
    with pytest.raises(IndexFailed):
        consumer.turn()
    before = everything(index)
    assert rules(index) == ["linux.test.rule-03"]
    index.after = False
    clock.moment += timedelta(minutes=2)
    drain(consumer)
    assert everything(index) == before
    assert lag(desk.ledger).waiting == 0


def test_an_inventory_that_is_as_the_index_noted_is_not_made_again(
    desk: Desk, machine: Machine, clock: Clock
) -> None:
    index = Watched()
    consumer = make(desk.ledger, index, clock)
    drain(consumer)
    for failing, names in (({1}, "ab"), ({2}, "ab"), ({2}, "ac")):
        clock.moment += MINUTE
        desk.accept(machine.report(clock.moment, failing, sections=packages(*names)))
        drain(consumer)
    assert index.same == [False, True, False]
    assert [r.fields["package.name"] for r in index.search(Query("packages"), ALL).rows] == ["a", "c"]
    # Where the host is called has changed is in every document of it.
    with desk.ledger.write() as tx:
        tx.tree.describe_host(machine.agent_id, "may-khac", "Debian")
        tx.outbox.add("host", [machine.agent_id], clock.moment)
    drain(consumer)
    assert index.same[-1] is False
    assert {r.fields["host.name"] for r in index.search(Query("packages"), ALL).rows} == {"may-khac"}
    # A generation in the making has not noted it, so that nothing may be left out.
    with index.building():
        desk.accept(machine.report(clock.moment + MINUTE, {3}))
        drain(consumer)
    assert index.same[-1] is False
    assert everything(index) == everything(rebuilt(desk.ledger, clock.now))


def test_a_host_whose_inventory_was_left_out_for_another_generation_is_put_again() -> None:
    index = MemoryIndex()
    assert index.put([HostState("a", 1, {"organization.path": []}, inventory="x", same=True)]).overtaken == {
        "a"
    }


def test_a_turn_that_takes_long_keeps_what_it_claimed(
    desk: Desk, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vonggac_collector.index.consumer.LEASE", timedelta(seconds=0.3))
    index = Watched()
    reader = Reader(desk.ledger, Shelf(desk.ledger), now)
    slow, other = (Consumer(desk.ledger, index, reader, now) for _ in range(2))
    drain(slow)
    desk.accept(machine.report(now(), {1}), now())
    stolen: list[bool] = []

    def wait() -> None:
        for _ in range(8):
            time.sleep(0.1)
            stolen.append(other.tell_some())

    index.wait = wait
    assert slow.tell_some()
    assert stolen == [False] * 8
    assert lag(desk.ledger).waiting == 0


def test_a_host_that_the_index_refuses_becomes_a_dead_letter_and_keeps_nobody_waiting(
    desk: Desk, clock: Clock
) -> None:
    first, second = (desk.enrol(Machine(f"may-{n}", seed=n)) for n in (1, 2))
    index = MemoryIndex(refuses=lambda state: state.agent == first.agent_id)
    consumer = make(desk.ledger, index, clock)
    drain(consumer)
    desk.accept(first.report(NOW, {1}))
    desk.accept(second.report(NOW, {2}))
    drain(consumer)
    assert rules(index) == ["linux.test.rule-02"]
    assert lag(desk.ledger).waiting == 0
    with desk.ledger.read() as tx:
        letters = tx.outbox.buried(10)
    assert {(x.subject, x.error) for x in letters} == {(first.agent_id, "refused by the twin")}


def test_a_new_rulebook_changes_the_texts_of_every_host(desk: Desk, machine: Machine, clock: Clock) -> None:
    index = MemoryIndex()
    consumer = make(desk.ledger, index, clock)
    desk.accept(machine.report(NOW, {1}))
    drain(consumer)
    assert rules(index, "words") == ["linux.test.rule-01"]
    assert rules(index, "warten") == []
    raw = a_rulebook(version="2").replace(b'"words"', b'"warten"')
    rulebooks.publish(desk.ledger, raw, now=NOW + MINUTE, actor="test")
    clock.moment += 2 * MINUTE
    drain(consumer)
    assert rules(index, "warten") == ["linux.test.rule-01"]


def test_scores_are_told_when_they_differ_and_telling_them_is_no_reason_to_publish(
    desk: Desk, machine: Machine, clock: Clock
) -> None:
    index = MemoryIndex()
    consumer = make(desk.ledger, index, clock)
    desk.accept(machine.report(NOW, {1}))
    publish_day(desk.ledger, day_of(NOW), NOW + MINUTE)
    drain(consumer)
    found = {s.fields["vonggac.id"]: s.fields for s in index.scores.values()}
    assert found["ha-noi/so-y-te"]["organization.path"] == ["vn", "ha-noi", "ha-noi/so-y-te"]
    assert found["hsyt"]["organization.id"] == "ha-noi/so-y-te"
    publish_day(desk.ledger, day_of(NOW), NOW + 2 * MINUTE)
    assert lag(desk.ledger).waiting == 0
    desk.accept(machine.report(NOW + 3 * MINUTE, {2, 3}), NOW + 3 * MINUTE)
    before = {s.fields["vonggac.id"]: s for s in index.scores.values()}
    clock.moment += 5 * MINUTE
    publish_day(desk.ledger, day_of(NOW), NOW + 4 * MINUTE)
    drain(consumer)
    told = {i for s in index.scores.values() if s is not before[i := s.fields["vonggac.id"]]}
    assert {"ha-noi/so-y-te", "hsyt"} <= told < set(found)


def test_who_has_nothing_to_do_commits_nothing(desk: Desk, machine: Machine, clock: Clock) -> None:
    consumer = make(desk.ledger, MemoryIndex(), clock)
    drain(consumer)
    before = desk.ledger.version()
    for _ in range(5):
        clock.moment += timedelta(seconds=7)
        assert not consumer.turn()
    assert desk.ledger.version() == before


@pytest.mark.parametrize("lost", ["everything", "the newest"])
def test_an_index_that_lost_what_it_was_told_is_noticed_and_rebuilt(
    desk: Desk, machine: Machine, clock: Clock, lost: str
) -> None:
    index = MemoryIndex()
    drain(make(desk.ledger, index, clock))
    desk.accept(machine.report(NOW, {1}))
    drain(make(desk.ledger, index, clock))
    # Emptied, or restored from a copy that was made before it was told the newest.
    other = MemoryIndex()
    if lost == "the newest":
        other.mark(index.health().ticket - 1)
    drain(make(desk.ledger, other, clock))
    assert everything(other) == everything(index)
    assert other.health().generation == 2


def test_an_index_from_the_future_of_a_restored_ledger_is_rebuilt(
    desk: Desk, machine: Machine, clock: Clock
) -> None:
    index = MemoryIndex()
    consumer = make(desk.ledger, index, clock)
    drain(consumer)
    index.mark(1_000_000)
    desk.accept(machine.report(NOW, {1}))
    clock.moment += 2 * MINUTE
    drain(consumer)
    assert rules(index) == ["linux.test.rule-01"]
    assert index.health().ticket < 1_000_000


def test_what_went_missing_unseen_is_back_within_a_day(desk: Desk, machine: Machine, clock: Clock) -> None:
    index = MemoryIndex()
    consumer = make(desk.ledger, index, clock)
    desk.accept(machine.report(NOW, {1}))
    drain(consumer)
    whole = everything(index)
    index.lose(machine.agent_id)
    assert everything(index) != whole
    for _ in range(24):
        clock.moment += timedelta(hours=1, seconds=1)
        drain(consumer)
    assert everything(index) == whole


def keeper_of(ledger: Ledger, clock: Clock) -> Keeper:
    return Keeper(ledger, BoardMaker(ledger, Shelf(ledger), load_parameters()), clock.now)


def test_a_machine_that_falls_silent_is_found_so_and_is_told_of_when_that_begins_and_ends(
    desk: Desk, clock: Clock
) -> None:
    def hosts(*terms: Is | Range) -> list[str]:
        drain(consumer)
        return [r.fields["host.name"] for r in index.search(Query("hosts", terms), ALL).rows]

    def announced() -> int:
        keeper.round(clock.moment)
        return lag(desk.ledger).waiting

    index = MemoryIndex()
    consumer, keeper = make(desk.ledger, index, clock), keeper_of(desk.ledger, clock)
    quiet, other = (desk.enrol(Machine(f"may-{n}", seed=n)) for n in (1, 2))
    silent, loud = Is("silent", (True,)), Is("silent", (False,))
    assert hosts(silent) == hosts(loud) == []
    assert announced() == 2
    assert hosts(silent, Range("silent-since", NOW, NOW)) == ["may-1", "may-2"]
    for machine in (quiet, other):
        desk.accept(machine.report(clock.moment, {1}), clock.moment)
    assert announced() == 4
    assert (hosts(silent), hosts(loud, Range("score", 1, 999))) == ([], ["may-1", "may-2"])
    heard = clock.moment = clock.moment + timedelta(hours=1)
    desk.accept(quiet.heartbeat(heard), heard)
    for _ in range(14):
        clock.moment += timedelta(days=1)
        desk.accept(other.heartbeat(clock.moment), clock.moment)
        # Both grow old and one is heard of: neither changes anything that search says.
        assert announced() == (_ == 13)
    quarter = heard.replace(minute=0, second=0)
    assert hosts(silent, Range("silent-since", quarter, heard)) == ["may-1"]
    clock.moment += timedelta(days=1)
    desk.accept(other.heartbeat(clock.moment), clock.moment)
    assert announced() == 0
    desk.accept(quiet.heartbeat(clock.moment), clock.moment)
    clock.moment += timedelta(minutes=31)
    assert announced() == 1
    assert (hosts(silent), hosts(loud)) == ([], ["may-1", "may-2"])
    assert everything(index) == everything(rebuilt(desk.ledger, clock.now))


def test_a_machine_of_which_reports_are_missing_is_found_so_until_they_are_here(
    desk: Desk, machine: Machine, clock: Clock
) -> None:
    index = MemoryIndex()
    consumer = make(desk.ledger, index, clock)
    first, second, third = (machine.report(NOW, {n}) for n in range(3))
    for raw, missing in ((third, True), (second, True), (first, False)):
        desk.accept(raw, clock.moment)
        drain(consumer)
        found = index.search(Query("hosts", (Is("missing", (True,)),)), ALL)
        assert bool(found.rows) == missing
        assert everything(index) == everything(rebuilt(desk.ledger, clock.now))


def test_after_any_history_the_index_is_what_a_rebuild_makes_it(desk: Desk, clock: Clock) -> None:
    rng = random.Random(11)
    index = Failing()
    consumers = [make(desk.ledger, index, clock) for _ in range(2)]
    keeper = keeper_of(desk.ledger, clock)
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in range(1, 5)]
    for step in range(60):
        clock.moment += timedelta(seconds=rng.randrange(1, 200), days=rng.choice((0, 0, 0, 9)))
        machine = rng.choice(machines[: 2 + step // 20])
        if rng.random() < 0.3:
            keeper.round(clock.moment)
        failing = set(rng.sample(range(14), rng.randrange(5)))
        sent = machine.report(
            clock.moment, failing, sections=packages(*rng.sample("abcdef", rng.randrange(6)))
        )
        assert desk.accept(sent, clock.moment).status == 200
        index.before, index.after = rng.random() < 0.2, rng.random() < 0.2
        try:
            rng.choice(consumers).turn()
        except IndexFailed:
            continue
    index.before = index.after = False
    clock.moment += timedelta(hours=1)
    for consumer in consumers:
        drain(consumer)
    fresh = rebuilt(desk.ledger, clock.now)
    assert everything(index) == everything(fresh)
    assert index.events == fresh.events
    assert lag(desk.ledger) == Lag(0, None, 0)


def test_while_machines_wait_little_is_done_at_once_and_most_of_the_time_is_theirs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in range(1, 41)]
    busy = False
    reader = Reader(desk.ledger, Shelf(desk.ledger), now)
    consumer = Consumer(desk.ledger, MemoryIndex(), reader, now, busy=lambda: busy)
    waits: list[float] = []
    monkeypatch.setattr(consumer._stop, "wait", waits.append)
    seconds = iter(range(1_000))
    monkeypatch.setattr("vonggac_collector.index.consumer.time.thread_time", lambda: float(next(seconds)))
    for busy in (False, True):
        for machine in machines:
            desk.accept(machine.report(now()), now())
        while consumer.tell_some():
            pass
        assert waits == ([WAY] * (len(machines) // FEW) if busy else [])
        assert lag(desk.ledger).waiting == 0
    # Search that is behind takes more of the time.
    desk.accept(machines[0].report(now()), now() - LATE)
    assert consumer.tell_some()
    assert waits[-1] == 1.0


def test_it_stops_when_it_is_told_to(desk: Desk, machine: Machine, clock: Clock) -> None:
    index = MemoryIndex()
    reader = Reader(desk.ledger, Shelf(desk.ledger), clock.now)
    consumer = Consumer(desk.ledger, index, reader, clock.now, pause_s=0.01)
    consumer.start()
    desk.accept(machine.report(NOW, {1}))
    for _ in range(500):
        if rules(index):
            break
        consumer._stop.wait(0.01)
    consumer.stop()
    assert rules(index) == ["linux.test.rule-01"]
