"""Everything that is measured of one size: what is kept, what comes in, the worker, pages, search, and the proof."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import msgspec
from tests.bench import serving
from tests.bench.figures import Figure
from tests.load.schedule import DAY_S

from vonggac_collector.board import BoardMaker
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.rollup import day_of, publish_missing
from vonggac_collector.rounds import Keeper
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.state import load_key

from . import asking, taking, telling
from .kept import Place
from .making import empty_outbox, put_trends
from .options import Options
from .traffic import Traffic
from .world import World, alone, resident, world

INTERVAL_S: Final = 900.0
"""Between two looks of a machine."""
CHANGES_A_WEEK: Final = 2
"""Changed reports of a machine; the project's own figure."""
LONGEST_ROUND_S: Final = 1_800.0
ROUND_REPORTS: Final = 100
"""Changed reports between two rounds of the worker."""
_MADE_UP: Final = ("host ", "scores of ", "system ", "unit ")
"""The country's tree and its past scores are written past the commands that the audit log has."""


def measured(place: Place, chosen: Options) -> Iterator[Figure]:
    """All that was chosen."""
    found = world(place, chosen)
    with closing(open_ledger(place.url)) as ledger:
        put_trends(ledger, found.land, day_of(datetime.now(UTC)))
    yield from kept(place)
    yield from taking.fresh(found)
    if "ingest" in chosen.parts:
        yield from taking.figures(found)
    if "round" in chosen.parts:
        yield from rounds(found, chosen)
    if {"pages", "lag"} & set(chosen.parts):
        settle(found)
        yield from served(found, chosen)
    if "verify" in chosen.parts:
        yield from verified(place)


def kept(place: Place) -> Iterator[Figure]:
    """What the ledger and the index take, and how fast they were made."""
    made = place.made
    assert made is not None
    yield Figure("ledger", made.ledger_bytes / made.hosts / 1000, "kB/host")
    yield Figure("index", made.index_bytes / made.hosts / 1000, "kB/host")
    yield Figure("documents", made.documents / made.hosts, "/host")
    yield Figure("index made from the ledger", made.documents / made.rebuild_s, "documents/s")
    yield Figure("index made from the ledger, whole", made.rebuild_s, "s")


class Round(NamedTuple):
    """Seconds of the wall and of the processor; bytes at most."""

    wall_s: float
    cpu_s: float
    bytes: int


def rounds(found: World, chosen: Options) -> Iterator[Figure]:
    """The worker's rounds: the first, one after some changed reports, one in which only time has passed."""
    taken = alone(partial(_rounds, found), chosen.memory)
    if taken is None:
        print(f"  the worker's round needs more than {chosen.memory >> 30} GB", flush=True)
        return
    names = ("first round", f"round after {ROUND_REPORTS} changes", "round an hour later")
    for name, each in zip(names, taken, strict=True):
        yield Figure(f"worker: {name}", each.wall_s, "s")
        yield Figure(f"worker: {name}, processor", each.cpu_s, "s")
    yield Figure("worker: memory of its process", taken[-1].bytes / 1e6, "MB")


def _rounds(found: World) -> list[Round]:
    key = load_key(found.place.state)
    with closing(open_ledger(found.place.url)) as ledger:
        maker = Keeper(ledger, BoardMaker(ledger, Shelf(ledger), load_parameters()))
        with ledger.write() as tx:
            tx.standings.drop(tx.standings.heads())
        first = _timed(lambda: publish_missing(ledger, maker, datetime.now(UTC)))
        for agent in found.agents[-ROUND_REPORTS:]:
            now = datetime.now(UTC)
            accept(ledger, found.fleet.report(agent, now).raw, now=now, collector_key=key)
        second = _timed(lambda: publish_missing(ledger, maker, datetime.now(UTC)))
        step = timedelta(seconds=maker.parameters.age_step_s)
        third = _timed(lambda: publish_missing(ledger, maker, datetime.now(UTC) + step))
        # What is kept is to be of now again.
        publish_missing(ledger, maker, datetime.now(UTC))
        return [first, second, third]


def _timed(work: Callable[[], object]) -> Round:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Round(time.perf_counter() - wall, time.process_time() - cpu, rss)


def settle(found: World) -> None:
    """A round in which nearly everybody came back happens once in a country's life: search is not told of it here."""
    with closing(open_ledger(found.place.url)) as ledger:
        now = datetime.now(UTC)
        Keeper(ledger, BoardMaker(ledger, Shelf(ledger), load_parameters())).round(now)
        empty_outbox(ledger, now)


def served(found: World, chosen: Options) -> Iterator[Figure]:
    """Pages and the index's lag, of processes as in production: on SQLite one, on PostgreSQL one web and one worker."""
    place = found.place
    settings = {**place.environment, "VONGGAC_INSECURE_COOKIES": "true"}
    beats = place.hosts / INTERVAL_S
    reports = place.hosts * CHANGES_A_WEEK / 7 / DAY_S
    with ExitStack() as open_:
        web = {"VONGGAC_ROLE": "web" if place.server is not None else "all"}
        address, pid = open_.enter_context(serving.served(settings | web, memory=chosen.memory))
        pids = {"collector": pid}
        if place.server is not None:
            pids = {
                "web process": pid,
                "worker": open_.enter_context(serving.working(settings, memory=chosen.memory)),
                "PostgreSQL": int((place.server.data / "postmaster.pid").read_text().split()[0]),
            }
        if place.search is not None and place.search.pid is not None:
            pids["Elasticsearch"] = place.search.pid
        yield Figure("index: backlog of the above, told", telling.caught_up(found), "s")
        yield Figure("worker: first round after the start, ended", round_ended(place), "s")
        if "pages" in chosen.parts:
            with Traffic(address, found, beats, reports) as traffic:
                yield from asking.figures(found, address, pid, chosen)
            print(
                f"  in {traffic.seconds:.0f} s {traffic.beats} heartbeats, {traffic.reports} reports, "
                f"{traffic.unanswered} not taken at once",
                flush=True,
            )
            yield Figure("heartbeats meanwhile", traffic.beats / traffic.seconds, "/s")
        if "lag" in chosen.parts:
            yield from telling.figures(found, address, beats, chosen)
        for name, each in pids.items():
            yield Figure(f"memory of {name}", resident(each) / 1e6, "MB")


def round_ended(place: Place) -> float:
    """Seconds until figures of now are kept. At most LONGEST_ROUND_S."""
    began, now = time.monotonic(), datetime.now(UTC)
    with closing(open_ledger(place.url)) as ledger:
        while time.monotonic() - began < LONGEST_ROUND_S:
            with ledger.read() as tx:
                newest = tx.standings.round()
            if newest is not None and newest.as_of >= now:
                break
            time.sleep(0.5)
    return time.monotonic() - began


def verified(place: Place) -> Iterator[Figure]:
    """`ledger verify`, the whole of it, as an auditor runs it."""
    argv = serving.program("ledger", "verify", "--json")
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        argv,
        env=os.environ | place.environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    said = msgspec.json.decode(done.stdout)
    odd = [f for f in said["faults"] if not f["where"].startswith(_MADE_UP)]
    if odd:
        raise RuntimeError(f"the ledger is not what it claims: {odd[:3]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    yield Figure("ledger verify: reports", said["envelopes"] / took, "/s")
    yield Figure("ledger verify: processor", cpu / said["envelopes"] * 1000, "ms each")
