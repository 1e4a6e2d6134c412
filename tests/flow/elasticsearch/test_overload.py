"""A real server with too much to do, too little room, or slow: machines are answered, search is behind and says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from tests.flow.elasticsearch.test_faults import consumer, drain, is_as_rebuilt, now, report, wait_until
from tests.services.between import between, slowly
from tests.services.elasticsearch import Server, own_server
from tests.unit.collector.conftest import ADMIN, Desk
from tests.unit.collector.index.test_consumer import lag
from tests.unit.collector.machines import Machine

from vonggac_collector.errors import IndexFailed
from vonggac_collector.index.elastic.client import Access
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.reads.search import search, sought
from vonggac_collector.search.query import Query, Scope
from vonggac_collector.search.results import Asking, Behind
from vonggac_collector.unit_tree import UnitTree

pytestmark = pytest.mark.es
SMALL = {
    "xpack.security.enabled": "false",
    "thread_pool.write.size": "1",
    "thread_pool.write.queue_size": "1",
    "node.processors": "1",
}


@pytest.fixture(scope="module")
def small(elasticsearch: Server) -> Iterator[Server]:
    """A server of our own that writes one thing after the other and lets one wait."""
    # Where the session's server is not ours, no other is started either.
    _ = elasticsearch.owned
    with own_server(SMALL, java="-Xms384m -Xmx384m") as own:
        own.start()
        yield Server(f"http://127.0.0.1:{own.port}", own)


def made(server: Server, prefix: str) -> ElasticIndex:
    index = ElasticIndex(Access(server.url), prefix)
    with index.building() as build:
        build.finish(0)
    return index


def rejected(server: Server) -> int:
    nodes: dict[str, Any] = server.ask("GET", "/_nodes/stats/thread_pool")["nodes"]
    return sum(node["thread_pool"]["write"]["rejected"] for node in nodes.values())


def behind(desk: Desk, index: ElasticIndex) -> Behind:
    """What a page says of search."""
    with desk.ledger.read() as tx:
        moment = now()
        about = sought(tx, UnitTree(tx.tree.units(moment)), ADMIN, moment)
    return search(index, about, Asking("", "hosts")).behind


def hammer(server: Server, name: str, over: threading.Event) -> None:
    """Somebody else's bulk requests, as many as the server takes and more."""
    lines = b"".join(
        b'{"index":{}}\n' + msgspec.json.encode({"n": n, "text": "x" * 200}) + b"\n" for n in range(500)
    )
    headers = {"content-type": "application/x-ndjson"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        while not over.is_set():
            client.post(f"{server.url}/{name}/_bulk", content=lines, headers=headers)


def test_while_the_server_s_write_queue_is_full_what_it_refuses_is_told_again_until_it_is_in(
    small: Server, desk: Desk, machine: Machine
) -> None:
    with small.prefix() as prefix:
        index = made(small, prefix)
        drain(desk.ledger, index)
        over = threading.Event()
        others = [
            threading.Thread(target=hammer, args=(small, f"{prefix}-other-{n}", over)) for n in range(6)
        ]
        for other in others:
            other.start()
        worker = consumer(desk.ledger, index)
        worker.start()
        try:
            before = rejected(small)
            for turn in range(20):
                report(desk, machine, turn % 14, (turn + 1) % 14)
                time.sleep(0.1)
            wait_until(lambda: rejected(small) > before)
        finally:
            over.set()
            for other in others:
                other.join()
            worker.stop()
        drain(desk.ledger, index, 120)
        is_as_rebuilt(desk.ledger, index)
        index.close()


def test_a_server_whose_disk_is_full_refuses_to_write_and_search_catches_up_when_there_is_room(
    small: Server, desk: Desk, machine: Machine
) -> None:
    with small.prefix() as prefix:
        index = made(small, prefix)
        report(desk, machine, 1)
        drain(desk.ledger, index)
        watermarks(small, "1000pb")
        block = f"/{prefix}-findings-current/_settings/index.blocks.read_only_allow_delete"
        wait_until(lambda: any(s["settings"] for s in small.ask("GET", block).values()), 90)
        report(desk, machine, 2)
        worker = consumer(desk.ledger, index)
        with pytest.raises(IndexFailed, match="cluster_block_exception"):
            worker.tell_some()
        # What is there is still found, and the page says how far behind that is.
        assert index.count(Query("findings"), Scope("vn")) == 1
        assert behind(desk, index).waiting == 1
        watermarks(small, None)
        # It takes the block away by itself.
        drain(desk.ledger, index, 150)
        is_as_rebuilt(desk.ledger, index)
        assert behind(desk, index).waiting == 0
        index.close()


def watermarks(server: Server, room: str | None) -> None:
    """How much room the server wants; None: what it wants by itself, and that is not looked at."""
    watermark = "cluster.routing.allocation.disk.watermark."
    settings: dict[str, Any] = {watermark + name: room for name in ("low", "high", "flood_stage")}
    settings["cluster.routing.allocation.disk.threshold_enabled"] = room is not None or None
    settings["cluster.info.update.interval"] = "10s"
    assert server.ask("PUT", "/_cluster/settings", {"persistent": settings}).get("acknowledged")


def test_a_server_that_takes_too_long_holds_up_nobody_but_search(
    elasticsearch: Server, index: ElasticIndex, prefix: str, desk: Desk, machine: Machine
) -> None:
    drain(desk.ledger, index)
    with between(int(elasticsearch.url.rpartition(":")[2])) as (passed, url):
        cut = ElasticIndex(Access(url, timeout_s=1.0), prefix, sleep=lambda _: None)
        passed.before = slowly(1.5)
        worker = consumer(desk.ledger, cut)
        worker.start()
        try:
            since, took = now(), []
            for turn in range(10):
                began = time.monotonic()
                report(desk, machine, turn)
                took.append(time.monotonic() - began)
                time.sleep(0.3)
            # Nobody waited as long as one of the server's answers takes.
            assert max(took) < 1.0
            shown = behind(desk, cut)
            assert shown.waiting == 10
            assert shown.oldest is not None
            assert (shown.oldest - since).total_seconds() < 1
            passed.before = lambda method, path, body: None
            wait_until(lambda: lag(desk.ledger).waiting == 0, 90)
        finally:
            worker.stop()
            cut.close()
    is_as_rebuilt(desk.ledger, index)
