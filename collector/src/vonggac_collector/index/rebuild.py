"""Makes the whole index anew from the ledger, while the old one answers and changes go to both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import structlog

from vonggac_collector.errors import CollectorError, IndexFailed, IndexMissing
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import DeadLetter

from .interface import Build, Index, Taken
from .reading import Read, Reader

ABOUT_HOSTS: Final = frozenset({"look", "host"})
TOGETHER: Final = 25
"""Hosts that are read and written at once: some 15,000 documents, a few bulk requests."""
SCORE_DAYS: Final = 400
"""Days of published scores that are told again; pages show at most a year."""
_ATTEMPTS: Final = 8
_LOG: Final = structlog.get_logger("vonggac.index")


class Stopped(CollectorError):
    """The process is ending; the rebuild begins anew with the next."""


def tell(
    index: Index,
    reader: Reader,
    agents: Sequence[str],
    ticket: int,
    *,
    thorough: bool = False,
    size: Callable[[], int] = lambda: TOGETHER,
    after: Callable[[], None] = lambda: None,
) -> Taken:
    """Put the hosts as the ledger has them, `size` of them at once; `after` each time something may be done.

    Raises IndexFailed.
    """
    refused: dict[str, str] = {}
    overtaken: frozenset[str] = frozenset()
    for some in pieces(agents, size):
        noted = index.looks(some)
        if thorough:
            noted = {agent: each._replace(inventory="") for agent, each in noted.items()}
        read = reader.read(some, ticket, noted, events=index.keeps_events)
        index.add_events(read.events)
        taken = index.put(read.states, thorough=thorough)
        refused |= read.broken | dict(taken.refused)
        overtaken |= taken.overtaken
        after()
    return Taken(refused, overtaken)


def pieces(agents: Sequence[str], size: Callable[[], int]) -> Iterator[Sequence[str]]:
    """All of them in order, each time as many as `size` says then."""
    start = 0
    while start < len(agents):
        end = start + size()
        yield agents[start:end]
        start = end


def rebuild(
    ledger: Ledger,
    index: Index,
    reader: Reader,
    now: Callable[[], datetime],
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
    meanwhile: Callable[[], object] = lambda: None,
    size: Callable[[], int] = lambda: TOGETHER,
    stop: threading.Event | None = None,
) -> int:
    """Returns how many hosts the new generation has.

    `report` is given how many are done, of how many; `meanwhile` is called between: what changes must not wait for the
    end. While some hosts are put, the next are read. Raises IndexFailed if the index stays away, Stopped.
    """
    stop = stop or threading.Event()
    hosts, done = reader.hosts(), 0

    def read(agents: Sequence[str]) -> Read:
        with ledger.write() as tx:
            ticket = tx.outbox.ticket()
        return reader.read(agents, ticket, {}, events=index.keeps_events)

    with index.building() as build, ThreadPoolExecutor(1, "rebuild") as pool:
        for found in _ahead(pool, read, pieces(hosts, size)):
            if stop.is_set():
                raise Stopped("the index is not rebuilt yet")
            _patiently(lambda found=found: _put(ledger, index, build, found, now), stop)  # type: ignore[misc]
            done += len(found.states) + len(found.broken)
            report(done, len(hosts))
            try:
                meanwhile()
            except IndexMissing:
                # What is rebuilt is missing.
                continue
        _patiently(lambda: _put_scores(ledger, reader, build, now()), stop)
        with ledger.write() as tx:
            ticket = tx.outbox.ticket()
        build.finish(ticket)
    with ledger.write() as tx:
        tx.outbox.mark(ticket)
    return len(hosts)


def _ahead(
    pool: ThreadPoolExecutor, read: Callable[[Sequence[str]], Read], pieces: Iterator[Sequence[str]]
) -> Iterator[Read]:
    """What is read of each piece, in order; the one after it is read in the pool meanwhile."""
    coming: Future[Read] | None = None
    for some in pieces:
        last, coming = coming, pool.submit(read, some)
        if last is not None:
            yield last.result()
    if coming is not None:
        yield coming.result()


def _put(ledger: Ledger, index: Index, build: Build, read: Read, now: Callable[[], datetime]) -> None:
    index.add_events(read.events)
    refused = read.broken | dict(build.put(read.states).refused)
    if refused:
        with ledger.write() as tx:
            for agent, why in refused.items():
                tx.outbox.bury(DeadLetter(tx.outbox.ticket(), "host", agent, why, now()))


def _put_scores(ledger: Ledger, reader: Reader, build: Build, now: datetime) -> None:
    with ledger.write() as tx:
        ticket, newest = tx.outbox.ticket(), tx.scores.newest_day()
    if newest is None:
        return
    for scores in reader.scores(newest - timedelta(days=back) for back in range(SCORE_DAYS)):
        if scores:
            build.put_scores(scores, ticket)


def _patiently(work: Callable[[], None], stop: threading.Event) -> None:
    """Do it, and again after a pause if the index does not answer; not if something of it went missing."""
    for attempt in range(_ATTEMPTS):
        try:
            work()
        except IndexMissing:
            raise
        except IndexFailed as e:
            if attempt == _ATTEMPTS - 1:
                raise
            _LOG.warning("the rebuild waits for the index", detail=str(e))
            stop.wait(2.0**attempt / 4)
        else:
            return
        if stop.is_set():
            raise Stopped("the index is not rebuilt yet")
