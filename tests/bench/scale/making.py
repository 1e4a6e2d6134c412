"""Makes the ledger of a country: every machine enrols and reports through the collector's own ingest.

Only systems, tokens and the scores of past days, which pages draw as trends, are written past the doors: those look at
the whole tree for each, and nobody was there on those days. Then the index is built from the ledger.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.bench.disk import file_size
from tests.bench.ingest import checked
from tests.load.agents import Agent

from vonggac_collector import rulebooks
from vonggac_collector.board import BoardMaker
from vonggac_collector.desk import MAX_TOGETHER
from vonggac_collector.enrolment import enrol, token_hash
from vonggac_collector.index.interface import Index
from vonggac_collector.index.opening import EMBEDDED, make_index
from vonggac_collector.index.reading import Reader
from vonggac_collector.index.rebuild import rebuild
from vonggac_collector.ingest.accept import accept, sender_of
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.rows import DailyScore, System, Token
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.reads.trends import CHANGE_DAYS
from vonggac_collector.rollup import day_of
from vonggac_collector.rounds import Keeper
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters
from vonggac_collector.search.query import KINDS, Query, Scope
from vonggac_collector.state import load_key, make_state
from vonggac_collector.structure import add_units
from vonggac_contract.enrolment import open_enrolled
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_rules.builtin import default_rulebook_bytes

from .country import ROOT, SEED, Country, country
from .fleet import Fleet, reports_in
from .kept import Made, Place
from .options import Options

ACTOR: Final = "bench"
PERSON: Final = "bench"
PASSWORD: Final = "a password of the bench"
AGE: Final = timedelta(days=20)
"""How long ago the machines came: long enough to be no news, and less than the shortest retention."""
CHANGED: Final = 10
"""One in so many has sent a changed report since; the project's own figure."""
TREND_DAYS: Final = 60
_INSIDE: Final = (
    "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'search' AND c.relkind = 'r'"
)
"""Bytes of the index inside PostgreSQL."""
_SAY_S: Final = 5.0


def make(place: Place, chosen: Options) -> Made:
    """The whole ledger and its index."""
    land = country(place.hosts)
    fleet = Fleet(reports_in(place.reports, chosen.packages), land.spots)
    make_state(place.state)
    began, cpu = time.monotonic(), time.process_time()
    now = datetime.now(UTC)
    with closing(open_ledger(place.url, upgrade=True)) as ledger:
        key = load_key(place.state)
        tokens = settle(ledger, land, now - AGE)
        agents = [Agent(number) for number in range(place.hosts)]
        arrive(ledger, fleet, agents, [tokens[s.unit, s.system] for s in land.spots], now - AGE, key)
        change(ledger, fleet, agents[::CHANGED], now - AGE / 2, key)
        taken, cpu = time.monotonic() - began, time.process_time() - cpu
        empty_outbox(ledger, now)
        size = ledger_bytes(place)
        shelf = Shelf(ledger)
        # What rounds keep is in the index: without it the first one would have every host told once more.
        Keeper(ledger, BoardMaker(ledger, shelf, load_parameters())).round(now)
        empty_outbox(ledger, now)
        began = time.monotonic()
        with closing(make_index(place.settings)) as index:
            said = Progress("indexed", place.hosts)
            rebuild(
                ledger,
                index,
                Reader(ledger, shelf, lambda: now),
                lambda: now,
                report=lambda done, _: said.at(done),
            )
            rebuild_s = time.monotonic() - began
            documents = documents_in(index)
        put_trends(ledger, land, day_of(now))
    reports = len(agents) + len(agents[::CHANGED])
    return Made(
        place.hosts,
        len(land.units),
        len(land.systems),
        reports,
        taken,
        cpu,
        rebuild_s,
        documents,
        size,
        index_bytes(place),
    )


def settle(ledger: Ledger, land: Country, now: datetime) -> dict[tuple[str, str | None], str]:
    """Rulebook, tree, a person who sees all of it; a token for each place where machines stand."""
    rulebooks.publish(ledger, default_rulebook_bytes(), now=now, actor=ACTOR)
    add_units(ledger, land.units, now=now, actor=ACTOR)
    add_user(ledger, PERSON, "administrator", ROOT, PASSWORD, now=now, actor=ACTOR)
    found: dict[tuple[str, str | None], str] = {}
    with ledger.write() as tx:
        for s in land.systems:
            name = f"Hệ thống thông tin {s.id}"
            tx.tree.add_system(System(s.id, s.unit, name, f"System {s.id}", s.level, False, now))
        for n, (unit, system) in enumerate(sorted({s[:2] for s in land.spots}, key=str)):
            text = found[unit, system] = f"vg1-bench-{n:016x}"
            hashed, end = token_hash(text), now + AGE
            tx.tokens.add(Token(f"{n:016x}", hashed, unit, system, None, 1 << 30, end, ACTOR, now, False))
    return found


def arrive(
    ledger: Ledger,
    fleet: Fleet,
    agents: list[Agent],
    tokens: list[str],
    now: datetime,
    key: Ed25519PrivateKey,
) -> None:
    """Every machine enrols and sends its first report."""
    said = Progress("enrolled and reported", len(agents))
    for some in together(agents):
        with ledger.batch():
            answers = [
                enrol(ledger, fleet.request(a, tokens[a.number], now), now=now, collector_key=key)
                for a in some
            ]
        for agent, answer in zip(some, answers, strict=True):
            public = fleet.key(agent).public_key().public_bytes_raw()
            agent.enrolled(open_enrolled(envelope_from_bytes(checked(answer)), public).agent_id)
        change(ledger, fleet, some, now, key)
        said.at(some[-1].number + 1)


def change(ledger: Ledger, fleet: Fleet, agents: list[Agent], now: datetime, key: Ed25519PrivateKey) -> None:
    """Each sends its next report."""
    for some in together(agents):
        raws = [fleet.report(a, now).raw for a in some]
        with ledger.batch([sender_of(raw) for raw in raws]):
            answers = [accept(ledger, raw, now=now, collector_key=key) for raw in raws]
        for answer in answers:
            checked(answer)


def together(agents: list[Agent]) -> Iterator[list[Agent]]:
    """As many as the collector commits at once."""
    for start in range(0, len(agents), MAX_TOGETHER):
        yield agents[start : start + MAX_TOGETHER]


def empty_outbox(ledger: Ledger, now: datetime) -> None:
    """Take out what the index will be told by its making."""
    while True:
        with ledger.write() as tx:
            rows = tx.outbox.claim(10_000, now, now)
            tx.outbox.done([r.number for r in rows])
        if not rows:
            return


def put_trends(ledger: Ledger, land: Country, today: date) -> None:
    """Made-up scores of every unit for the days up to today that have none, and of every system around that day which
    pages compare with.
    """
    with ledger.read() as tx:
        newest = tx.scores.newest_day()
    back = TREND_DAYS if newest is None else (today - newest).days - 1
    chance, version = random.Random(SEED), load_parameters().version
    units = [("unit", u.code) for u in land.units]
    named = units + [("system", s.id) for s in land.systems]
    scores = [chance.randrange(300, 900) for _ in named]
    for day in (today - timedelta(days=n) for n in range(back, -1, -1)):
        at = datetime(day.year, day.month, day.day, 16, 59, tzinfo=UTC)
        scores = [min(1000, max(0, s + chance.randint(-5, 6))) for s in scores]
        compared = abs((today - day).days - CHANGE_DAYS) <= 10
        with ledger.write() as tx:
            tx.scores.put(
                DailyScore("unit" if kind == "unit" else "system", i, day, at, s, s, 0.97, 600, version)
                for (kind, i), s in zip(named if compared else units, scores, strict=False)
            )


def documents_in(index: Index) -> int:
    """How many there are about hosts."""
    index.refresh()
    return sum(index.count(Query(kind), Scope(ROOT)) for kind in KINDS)


def ledger_bytes(place: Place) -> int:
    """With its indexes."""
    if place.server is None:
        return file_size(str(place.state / "ledger.db"))
    place.run("VACUUM ANALYZE")
    return int(place.run("SELECT pg_database_size(current_database())")[0][0])


def index_bytes(place: Place) -> int:
    """What search takes on its disk."""
    if place.server is None:
        return file_size(str(place.state / EMBEDDED))
    if place.search is None:
        return int(place.run(_INSIDE)[0][0])
    url = place.elasticsearch_url
    httpx.post(f"{url}/_flush", timeout=300, trust_env=False).raise_for_status()
    answer = httpx.get(f"{url}/_stats/store", timeout=60, trust_env=False).json()
    return int(answer["_all"]["total"]["store"]["size_in_bytes"])


class Progress:
    """Says every few seconds how far something is, and how long the rest will take."""

    def __init__(self, what: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._total = total
        self._clock = clock
        self._began = self._said = clock()

    def at(self, done: int) -> None:
        """So many are done."""
        now = self._clock()
        if now - self._said < _SAY_S:
            return
        self._said = now
        rate = done / (now - self._began)
        left = (self._total - done) / rate if rate else 0
        print(f"  {self._what}: {done:,} of {self._total:,}, {rate:,.0f}/s, {left:,.0f} s left", flush=True)
