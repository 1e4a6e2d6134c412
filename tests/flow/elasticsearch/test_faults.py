"""Elasticsearch down, busy, read-only, emptied, cut off: machines are answered, and search catches up by itself."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from tests.services.between import Between, between, busy, slowly, times
from tests.services.elasticsearch import Server
from tests.unit.collector.conftest import Desk
from tests.unit.collector.index.machines import a_state, agent_id, fails
from tests.unit.collector.index.test_consumer import everything, lag, packages, rebuilt
from tests.unit.collector.machines import Machine

from vonggac_collector.errors import IndexFailed, IndexMissing
from vonggac_collector.index import schema
from vonggac_collector.index.consumer import Consumer
from vonggac_collector.index.elastic.client import Access
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.index.elastic.layout import GRACE_S
from vonggac_collector.index.interface import Event, HostState
from vonggac_collector.index.reading import Reader
from vonggac_collector.index.rebuild import rebuild
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.search.query import Query, Scope

pytestmark = pytest.mark.es
ALL = Scope("vn")


def now() -> datetime:
    return datetime.now(UTC)


def reader(ledger: Ledger) -> Reader:
    return Reader(ledger, Shelf(ledger), now)


def consumer(ledger: Ledger, index: ElasticIndex) -> Consumer:
    return Consumer(ledger, index, reader(ledger), now, pause_s=0.05)


def drain(ledger: Ledger, index: ElasticIndex, seconds: float = 60) -> None:
    """Let a worker run until nothing waits."""
    worker = consumer(ledger, index)
    worker.start()
    try:
        wait_until(lambda: lag(ledger).waiting == 0, seconds)
    finally:
        worker.stop()


def wait_until(holds: object, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.05)


def is_as_rebuilt(ledger: Ledger, index: ElasticIndex) -> None:
    assert everything(index) == everything(rebuilt(ledger, now))


def report(desk: Desk, machine: Machine, *failing: int) -> None:
    sent = machine.report(now(), set(failing), sections=packages(*"abc"[: len(failing)]))
    assert desk.accept(sent, now()).status == 200


@pytest.fixture
def through(elasticsearch: Server) -> Iterator[tuple[Between, str]]:
    with between(int(elasticsearch.url.rpartition(":")[2])) as made:
        yield made


@pytest.fixture
def cut(through: tuple[Between, str], index: ElasticIndex, prefix: str) -> Iterator[ElasticIndex]:
    """The same index, with something in between."""
    made = ElasticIndex(Access(through[1], timeout_s=2.0), prefix, sleep=lambda _: None)
    yield made
    made.close()


def test_while_the_server_is_away_machines_are_answered_and_then_search_catches_up(
    elasticsearch: Server, index: ElasticIndex, desk: Desk, machine: Machine
) -> None:
    report(desk, machine, 1)
    drain(desk.ledger, index)
    elasticsearch.owned.stop()
    worker = consumer(desk.ledger, index)
    for failing in range(2, 6):
        report(desk, machine, failing)
        with pytest.raises(IndexFailed, match="does not answer"):
            worker.tell_some()
    assert lag(desk.ledger).waiting == 4
    assert lag(desk.ledger).oldest is not None
    with pytest.raises(IndexFailed):
        index.search(Query("hosts"), ALL)
    elasticsearch.owned.start()
    drain(desk.ledger, index)
    is_as_rebuilt(desk.ledger, index)
    assert [r.fields["rule.id"] for r in index.search(Query("findings"), ALL).rows] == ["linux.test.rule-05"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_until_it_takes_what_it_refused(
    through: tuple[Between, str], cut: ElasticIndex, status: int
) -> None:
    through[0].before = times(3, lambda: busy(status))
    assert cut.put([a_state(failing=fails("linux.a"))]).refused == {}
    cut.refresh()
    assert cut.count(Query("findings"), ALL) == 1
    through[0].before = times(100, lambda: busy(status))
    with pytest.raises(IndexFailed, match="busy"):
        cut.put([a_state(ticket=2, failing=fails("linux.b"))])


def test_only_what_a_busy_server_refused_of_a_bulk_is_sent_again(
    through: tuple[Between, str], cut: ElasticIndex
) -> None:
    once = [True]
    sent: list[int] = []

    def refuse_one(method: str, path: str, answer: tuple[int, bytes]) -> tuple[int, bytes]:
        if "_bulk" in path:
            body = msgspec.json.decode(answer[1])
            sent.append(len(body["items"]))
            if once[0] and len(body["items"]) == 3:
                once[0] = False
                body["items"][1]["index"] |= {
                    "status": 429,
                    "error": {"type": "es_rejected_execution_exception"},
                }
                return answer[0], msgspec.json.encode(body)
        return answer

    through[0].after = refuse_one
    cut.put([a_state(failing=fails("linux.a", "linux.b", "linux.c"))])
    assert sent == [1, 3, 1, 1]


def test_a_read_only_index_holds_up_search_only_and_is_written_again_when_it_may_be(
    elasticsearch: Server, index: ElasticIndex, prefix: str, desk: Desk, machine: Machine
) -> None:
    report(desk, machine, 1)
    drain(desk.ledger, index)
    block = {"index.blocks.read_only_allow_delete": True}
    elasticsearch.ask("PUT", f"/{prefix}-*/_settings", block)
    report(desk, machine, 2)
    worker = consumer(desk.ledger, index)
    with pytest.raises(IndexFailed, match="cluster_block_exception"):
        worker.tell_some()
    # What is there is still found.
    assert index.count(Query("findings"), ALL) == 1
    elasticsearch.ask("PUT", f"/{prefix}-*/_settings", {"index.blocks.read_only_allow_delete": None})
    drain(desk.ledger, index)
    is_as_rebuilt(desk.ledger, index)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"vonggac.nowhere": "x"}, "strict_dynamic_mapping_exception"),
        ({"vonggac.since": "yesterday"}, "document_parsing_exception"),
        ({"event.severity": "much"}, "document_parsing_exception"),
        ({"vonggac.reason": "x" * 40_000}, "vonggac.reason"),
    ],
)
def test_a_document_that_does_not_fit_keeps_no_other_out_and_is_not_sent_again(
    through: tuple[Between, str], cut: ElasticIndex, fields: dict[str, str], why: str
) -> None:
    good = [a_state(n, failing=fails("linux.a", "linux.b")) for n in (1, 2)]
    spoilt = msgspec.structs.replace(good[0].items[0], fields=good[0].items[0].fields | fields)
    state = msgspec.structs.replace(good[0], items=(spoilt, good[0].items[1]))
    through[0].requests.clear()
    taken = cut.put([state, good[1]])
    assert list(taken.refused) == [agent_id(1)]
    assert why in taken.refused[agent_id(1)]
    # Heads, findings, heads: nothing was sent twice.
    assert through[0].asked("_bulk") == 3
    cut.refresh()
    assert cut.count(Query("findings"), ALL) == 3
    assert cut.count(Query("hosts"), ALL) == 2


def test_a_bulk_that_is_too_large_for_the_server_is_sent_in_halves(
    through: tuple[Between, str], cut: ElasticIndex
) -> None:
    def limit(method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
        return (413, b"{}") if "_bulk" in path and len(body) > 4_000 else None

    through[0].before = limit
    long = a_state(1, failing=fails(*(f"linux.rule-{n}" for n in range(20))))
    huge = msgspec.structs.replace(
        long.items[0], fields=long.items[0].fields | {"vonggac.reason": "x" * 5_000}
    )
    taken = cut.put([msgspec.structs.replace(long, items=(huge, *long.items[1:]))])
    assert "too large" in taken.refused[agent_id(1)]
    cut.refresh()
    assert cut.count(Query("findings"), ALL) == 19


@pytest.mark.parametrize(
    "lost", ["findings-current-*", "hosts-current-*", "state", "scores-daily-*", "events-*", "*", "alias"]
)
def test_an_index_that_is_deleted_under_load_is_rebuilt_without_an_operator(
    elasticsearch: Server, index: ElasticIndex, prefix: str, desk: Desk, machine: Machine, lost: str
) -> None:
    report(desk, machine, 1, 2)
    drain(desk.ledger, index)
    generation = index.health().generation
    for _ in range(3):
        report(desk, machine, 3)
    if lost == "alias":
        elasticsearch.ask("DELETE", f"/{prefix}-findings-current-*/_alias/{prefix}-findings-current")
    else:
        for row in elasticsearch.ask("GET", f"/_cat/indices/{prefix}-{lost}?format=json&h=index"):
            elasticsearch.ask("DELETE", f"/{row['index']}")
    assert index.health().state == "missing"
    # Events are not searched, so pages do not ask about them.
    assert index.state() == ("ready" if lost == "events-*" else "missing")
    for failing in range(4, 7):
        report(desk, machine, failing, 1)
    drain(desk.ledger, index)
    wait_until(lambda: index.health().state == "ready")
    is_as_rebuilt(desk.ledger, index)
    assert (index.health().generation > generation) == (lost != "*")
    elasticsearch.ask("POST", f"/{prefix}-events-*/_refresh")
    events = elasticsearch.ask("GET", f"/{prefix}-events-*/_count")["count"]
    with desk.ledger.read() as tx:
        assert events == len(tx.findings.history(machine.agent_id))


def test_templates_that_are_gone_are_put_back(
    elasticsearch: Server, index: ElasticIndex, prefix: str
) -> None:
    elasticsearch.ask("DELETE", f"/_index_template/{prefix}-*")
    assert index.health().state == "ready"
    held = elasticsearch.ask("GET", f"/_index_template/{prefix}-*")["index_templates"]
    assert sorted(t["name"].removeprefix(f"{prefix}-") for t in held) == [
        "events",
        "findings-current",
        "hosts-current",
        "inventory-current",
        "scores-daily",
    ]


def test_a_bulk_whose_answer_is_lost_is_told_again_and_nothing_is_there_twice(
    through: tuple[Between, str], cut: ElasticIndex, desk: Desk, machine: Machine
) -> None:
    report(desk, machine, 1)
    drain(desk.ledger, cut)
    rng = random.Random(3)
    through[0].after = lambda method, path, answer: None if "_bulk" in path and rng.random() < 0.4 else answer
    for failing in range(2, 10):
        report(desk, machine, failing, 1)
        try:
            consumer(desk.ledger, cut).tell_some()
        except IndexFailed:
            continue
    through[0].after = lambda method, path, answer: answer
    drain(desk.ledger, cut, 120)
    is_as_rebuilt(desk.ledger, cut)


def test_a_bulk_that_arrives_after_its_time_limit_never_brings_back_what_is_over(
    through: tuple[Between, str], cut: ElasticIndex, index: ElasticIndex
) -> None:
    index.put([a_state(1, 1, failing=fails("linux.a"))])
    through[0].before = slowly(2.5)
    with pytest.raises(IndexFailed):
        cut.put([a_state(1, 2, failing=fails("linux.a", "linux.late"))])
    index.put([a_state(1, 3, failing=fails("linux.b"))])
    time.sleep(1.5)
    index.refresh()
    found = index.search(Query("findings"), ALL).rows
    assert [r.fields["rule.id"] for r in found] == ["linux.b"]


def test_who_was_overtaken_is_told_so(index: ElasticIndex) -> None:
    index.put([a_state(1, 5, failing=fails("linux.a"))])
    taken = index.put([a_state(1, 4, failing=fails("linux.b")), a_state(2, 4)])
    assert taken.overtaken == {agent_id(1)}
    index.put([HostState(agent_id(2), 6, gone=True)])
    assert index.put([a_state(2, 5)]).overtaken == {agent_id(2)}
    index.refresh()
    assert index.count(Query("hosts"), ALL) == 1


def test_two_workers_and_a_rebuild_at_once_leave_what_a_rebuild_makes(
    index: ElasticIndex, elasticsearch: Server, prefix: str, desk: Desk
) -> None:
    rng = random.Random(5)
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in range(1, 7)]
    other = ElasticIndex(Access(elasticsearch.url), prefix)
    workers = [consumer(desk.ledger, i) for i in (index, other)]
    for worker in workers:
        worker.start()
    try:
        for turn in range(40):
            report(desk, rng.choice(machines), *rng.sample(range(14), 3))
            if turn == 15:
                rebuild(desk.ledger, other, reader(desk.ledger), now)
            time.sleep(0.02)
        wait_until(lambda: lag(desk.ledger).waiting == 0)
    finally:
        for worker in workers:
            worker.stop()
        other.close()
    is_as_rebuilt(desk.ledger, index)


def test_a_month_of_events_that_is_deleted_is_not_made_again_by_the_next_event(
    index: ElasticIndex, elasticsearch: Server, prefix: str, desk: Desk, machine: Machine
) -> None:
    worker = consumer(desk.ledger, index)
    report(desk, machine, 1)
    worker.turn()
    month = elasticsearch.ask("GET", f"/_cat/indices/{prefix}-events-*?format=json&h=index")[0]["index"]
    elasticsearch.ask("DELETE", f"/{month}")
    report(desk, machine, 2)
    with pytest.raises(IndexMissing):
        worker.tell_some()
    drain(desk.ledger, index)
    elasticsearch.ask("POST", f"/{month}/_refresh")
    assert elasticsearch.ask("GET", f"/{month}/_count")["count"] == 3


def test_months_of_events_that_are_no_longer_kept_are_dropped_and_not_missed(
    index: ElasticIndex, elasticsearch: Server, prefix: str, desk: Desk, machine: Machine
) -> None:
    report(desk, machine, 1)
    drain(desk.ledger, index)
    with desk.ledger.read() as tx:
        changes = tx.findings.history(machine.agent_id)
    months = ("2025.12", "2026.01")
    index.add_events([Event(f"{month}-event", month, {}) for month in months])
    now = f"{changes[0].looked_at:%Y.%m}"
    assert index.forget_events("2025.12") == []
    assert index.forget_events("2026.01") == ["2025.12"]
    assert index.forget_events(now) == ["2026.01"]
    assert index.health().state == "ready"
    held = elasticsearch.ask("GET", f"/_cat/indices/{prefix}-events-*?format=json&h=index")
    assert [h["index"] for h in held] == [f"{prefix}-events-{now}"]
    # One that comes after all makes its month anew.
    index.add_events([Event("late-event", "2026.01", {})])
    assert index.health().state == "ready"


def test_a_rebuild_leaves_no_gap_for_those_who_search(
    index: ElasticIndex, desk: Desk, elasticsearch: Server, prefix: str
) -> None:
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in range(1, 31)]
    for machine in machines:
        report(desk, machine, 1, 2)
    drain(desk.ledger, index)
    index.refresh()
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(index.count(Query("findings"), ALL))

    looking = threading.Thread(target=look)
    looking.start()
    progress: list[tuple[int, int]] = []
    try:
        rebuild(desk.ledger, index, reader(desk.ledger), now, report=lambda n, of: progress.append((n, of)))
    finally:
        done.set()
        looking.join()
    assert progress == [(25, 30), (30, 30)]
    assert len(seen) > 3
    assert set(seen) == {60}
    left = elasticsearch.ask("GET", f"/_cat/indices/{prefix}-findings-*?format=json&h=index")
    assert sorted(row["index"] for row in left) == [f"{prefix}-findings-current-00000{n}" for n in (1, 2)]
    # Who searches in the old one has a while to end.
    noted = {"generation": 2, "schema": schema.DIGEST, "since": time.time() - GRACE_S - 1}
    elasticsearch.ask("PUT", f"/{prefix}-state/_doc/layout", noted)
    assert index.health().state == "ready"
    left = elasticsearch.ask("GET", f"/_cat/indices/{prefix}-findings-*?format=json&h=index")
    assert [row["index"] for row in left] == [f"{prefix}-findings-current-000002"]


def test_a_rebuild_that_was_killed_halfway_is_cleaned_up_by_the_next(
    index: ElasticIndex, desk: Desk, elasticsearch: Server, prefix: str, machine: Machine
) -> None:
    report(desk, machine, 1)
    drain(desk.ledger, index)
    # All that a process did that is killed then.
    index._layout.make_next()
    assert index.health().state == "rebuilding"
    report(desk, machine, 2)
    drain(desk.ledger, index)
    elasticsearch.ask("PUT", f"/{prefix}-state/_doc/build", {"beat": time.time() - 1_000})
    assert index.health().detail == "a rebuild was left halfway"
    drain_once = consumer(desk.ledger, index)
    drain_once.turn()
    assert index.health().state == "ready"
    is_as_rebuilt(desk.ledger, index)
    names = elasticsearch.ask("GET", f"/_cat/indices/{prefix}-findings-*?format=json&h=index")
    assert len(names) == 2
