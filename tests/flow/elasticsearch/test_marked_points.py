"""A worker killed at every point of telling the index: before each step at the outbox, each request, each COMMIT."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from tests.flow.postgres.test_marked_points import killing
from tests.services.elasticsearch import Server
from tests.unit.collector.conftest import Desk, plant
from tests.unit.collector.index.test_consumer import Clock, everything, lag, packages, rebuilt
from tests.unit.collector.machines import Machine

from vonggac_collector.index.consumer import LEASE, Consumer
from vonggac_collector.index.elastic.client import Access
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.index.reading import Reader
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.ledger.sql.outbox import SqlOutbox
from vonggac_collector.rollup import day_of, publish_day
from vonggac_collector.rulebooks import Shelf

pytestmark = [pytest.mark.es, pytest.mark.crash]


def consumer(ledger: Ledger, index: ElasticIndex, now: Callable[[], datetime]) -> Consumer:
    return Consumer(ledger, index, Reader(ledger, Shelf(ledger), now), now)


def killed_at(point: int, url: str, access: Access, prefix: str, now: datetime) -> bool:
    """Have a worker of its own process do one turn, killed before the n-th step; says whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            left = [point]
            ledger = open_ledger(url)
            for name in [n for n in vars(SqlOutbox) if not n.startswith("_")]:
                setattr(SqlOutbox, name, killing(vars(SqlOutbox)[name], left))
            request: Any = killing(Elasticsearch.perform_request, left)
            Elasticsearch.perform_request = request  # type: ignore[method-assign]
            dialect: Any = ledger._writer.dialect
            dialect.do_commit = killing(dialect.do_commit, left)
            consumer(ledger, ElasticIndex(access, prefix), lambda: now).tell_some()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    made = open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True)
    plant(made)
    yield made
    made.close()


@pytest.mark.timeout(900)
def test_a_worker_killed_at_any_point_leaves_what_the_next_one_finishes(
    ledger: SqlLedger, elasticsearch: Server, index: ElasticIndex, prefix: str, tmp_path: Path
) -> None:
    desk, clock = Desk(ledger), Clock()
    worker = consumer(ledger, index, clock.now)
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in (1, 2)]
    for point in itertools.count(1):
        while worker.tell_some():
            pass
        clock.moment += 2 * LEASE
        for place, machine in enumerate(machines):
            failing, names = {(point + place) % 14, 13}, "abcd"[: point % 5]
            sent = machine.report(clock.moment, failing, sections=packages(*names))
            assert desk.accept(sent, clock.moment).status == 200
        publish_day(ledger, day_of(clock.moment), clock.moment)
        access = Access(elasticsearch.url)
        reached = killed_at(point, f"sqlite:///{tmp_path}/ledger.db", access, prefix, clock.moment)
        clock.moment += 2 * LEASE
        while worker.tell_some():
            pass
        assert lag(ledger).waiting == 0, point
        fresh = rebuilt(ledger, clock.now)
        assert everything(index) == everything(fresh), point
        if not reached:
            break
    # Claiming, each request, each COMMIT, marking, being done.
    assert point > 15
    events = elasticsearch.documents(f"{prefix}-events-*")
    assert events == {e.id: e.fields for e in fresh.events.values()}
    scores = elasticsearch.documents(f"{prefix}-scores-daily")
    assert {i: s.get("vonggac.score") for i, s in scores.items()} == {
        i: s.fields.get("vonggac.score") for i, s in fresh.scores.items()
    }
