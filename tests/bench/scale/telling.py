"""How far search is behind the ledger while changed reports come in, and how fast the index takes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

import httpx
from tests.bench.figures import Figure
from tests.load.summary import percentile

from vonggac_agent.link import Address
from vonggac_collector.ledger.rows import Lag
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger

from .options import Options
from .traffic import Traffic
from .world import World

EVERY_S: Final = 0.25
LONGEST_S: Final = 600.0
"""How long catching up is waited for."""


def caught_up(world: World) -> float:
    """Seconds until the index was told everything that waits now; the worker's rounds go on announcing."""
    began, now = time.monotonic(), datetime.now(UTC)
    with closing(open_ledger(world.place.url)) as ledger:
        while (oldest := _lag(ledger).oldest) is not None and oldest <= now:
            if time.monotonic() - began > LONGEST_S:
                print(f"  the index still lacks what changed at {oldest}", flush=True)
                break
            time.sleep(EVERY_S)
    return time.monotonic() - began


def figures(world: World, address: Address, beats: float, chosen: Options) -> Iterator[Figure]:
    """The lag under load: the age of the oldest change that search does not have yet, looked at four times a second."""
    written, began = written_documents(world), time.monotonic()
    with (
        closing(open_ledger(world.place.url)) as ledger,
        Traffic(address, world, beats, chosen.reports) as sent,
    ):
        ages = []
        while time.monotonic() - began < chosen.seconds:
            lag, now = _lag(ledger), datetime.now(UTC)
            ages.append(0.0 if lag.oldest is None else (now - lag.oldest).total_seconds())
            time.sleep(EVERY_S)
    behind = caught_up(world)
    took = time.monotonic() - began
    yield Figure("index: changed reports taken meanwhile", sent.reports / sent.seconds, "/s")
    yield Figure("index: lag, p95", percentile(sorted(ages), 0.95), "s")
    yield Figure("index: caught up after the last", behind, "s")
    yield Figure("index: reports told", sent.reports / took, "/s")
    if written is not None and (after := written_documents(world)) is not None:
        yield Figure("index: documents written or taken out", (after - written) / took, "/s")


def _lag(ledger: SqlLedger) -> Lag:
    with ledger.read() as tx:
        return tx.outbox.lag()


def written_documents(world: World) -> int | None:
    """How many Elasticsearch wrote and deleted so far; None for the embedded index."""
    if world.place.search is None:
        return None
    answer = httpx.get(f"{world.place.elasticsearch_url}/_stats/indexing", timeout=60, trust_env=False)
    done = answer.json()["_all"]["total"]["indexing"]
    return int(done["index_total"]) + int(done["delete_total"])
