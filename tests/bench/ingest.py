"""What the collector takes in, on SQLite and PostgreSQL, beside the bare cost of the same (`limits`) in one run."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from tests.load.agents import Agent, Sealer
from tests.load.variety import kinds_of
from tests.load.wire import Connection, NoAnswer
from tests.services import postgres

from vonggac_agent.link import Address
from vonggac_agent.ship import ENVELOPES
from vonggac_collector import rulebooks
from vonggac_collector.auth import Caller
from vonggac_collector.desk import Desk
from vonggac_collector.enrolment import create_token, enrol
from vonggac_collector.ingest.accept import accept, sender_of
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.state import load_key, make_state
from vonggac_collector.structure import NewUnit, add_units
from vonggac_contract.enrolment import open_enrolled
from vonggac_contract.envelope import envelope_from_bytes, keyid_of, pre_authentication_encoding
from vonggac_contract.report import Report
from vonggac_rules.builtin import default_rulebook_bytes

from . import serving
from .figures import Beside, Figure
from .limits import Statement, bare, recorded
from .sealing import real_report

AGENTS: Final = 100
REPORTS: Final = 6
BEATS: Final = 8
CONNECTIONS: Final = 32
FLOOR: Final = "verify, the same rows, a commit each"
PROCESS: Final = "in process"
ENDPOINT: Final = "FastAPI that verifies and answers"
HTTP: Final = "over HTTP"
CALLER: Final = Caller("bench", "bench", "administrator", "vn")


class Place(NamedTuple):
    """A collector's state folder and its ledger."""

    folder: Path
    url: str


class Fleet(NamedTuple):
    """Agents, and what they sealed: of each look one envelope an agent, in the agents' order."""

    keys: dict[str, bytes]
    reports: list[list[bytes]]
    beats: list[list[bytes]]


def figures() -> Iterator[Figure]:
    """Changed reports and heartbeats a second: in process and over HTTP, one web process, each beside its limit."""
    report = real_report()
    with tempfile.TemporaryDirectory(prefix="vonggac-bench-") as folder:
        path = Path(folder)
        first = Place(path / "sqlite", f"sqlite:///{path}/sqlite/ledger.db")
        yield from of_store("SQLite", first, partial(copy_of_files, path), report)
        if postgres.programs() is None:
            return
        with postgres.running() as server:
            first = Place(path / "postgresql", server.url(server.make()))
            yield from of_store("PostgreSQL", first, partial(copy_of_database, path, server), report)


def copy_of_files(path: Path, place: Place, name: str) -> Place:
    """The same collector once more, its ledger as it is now."""
    shutil.copytree(place.folder, path / name)
    return Place(path / name, f"sqlite:///{path}/{name}/ledger.db")


def copy_of_database(path: Path, server: postgres.Server, place: Place, name: str) -> Place:
    """The same on PostgreSQL."""
    shutil.copytree(place.folder, path / f"postgresql-{name}")
    source = place.url.rpartition("/")[2].partition("?")[0]
    server.run(f"CREATE DATABASE bench_{name} TEMPLATE {source}")
    return Place(path / f"postgresql-{name}", server.url(f"bench_{name}"))


def of_store(
    store: str, place: Place, copy: Callable[[Place, str], Place], report: Report
) -> Iterator[Figure]:
    """The figures of one kind of ledger. Each is measured on a copy of its own of the same ledger."""
    fleet = planted(place, report)
    for what, looks in (("changed reports", fleet.reports), ("heartbeats", fleet.beats)):
        name = what.split()[-1]
        rows = written(copy(place, f"{name}_recorded"), looks)
        with ExitStack() as open_:
            ways: dict[str, Way] = {
                FLOOR: open_.enter_context(limit(copy(place, f"{name}_bare"), fleet, looks, rows)),
                PROCESS: open_.enter_context(in_process(copy(place, f"{name}_process"), looks)),
                ENDPOINT: partial(
                    over_http, open_.enter_context(serving.endpoint(place.folder, fleet.keys)), looks
                ),
                HTTP: partial(
                    over_http, open_.enter_context(serving.collector(*copy(place, f"{name}_http"))), looks
                ),
            }
            found = in_turn(ways, len(looks))
        floor, endpoint = (Beside(way, found[way].per_second) for way in (FLOOR, ENDPOINT))
        aim = floor if looks is fleet.reports else endpoint
        title = f"{store}: {what}"
        taken = found[PROCESS]
        yield Figure(f"{title}, {PROCESS}", taken.per_second, "/s", floor.value / 2, True, floor)
        yield Figure(f"{title}, {HTTP}", found[HTTP].per_second, "/s", aim.value / 2, True, aim)
        beside = Beside(FLOOR, found[FLOOR].cpu_s * 1000)
        yield Figure(f"{title}, this process's time", taken.cpu_s * 1000, "ms each", beside=beside)


Way = Callable[[int], int]
"""Takes the look of that number; says how many envelopes that were."""


class Taken(NamedTuple):
    """Medians: envelopes a second, and seconds of this process's processor time for each."""

    per_second: float
    cpu_s: float


def in_turn(ways: Mapping[str, Way], looks: int) -> dict[str, Taken]:
    """Each look by every way before the next, so that a busy machine meets all alike; the first look warms up."""
    rates: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for look in range(looks):
        for name, way in ways.items():
            began, cpu = time.perf_counter(), time.process_time()
            count = way(look)
            rates[name].append((count / (time.perf_counter() - began), (time.process_time() - cpu) / count))
    return {
        n: Taken(*(statistics.median(column) for column in zip(*r[1:], strict=True)))
        for n, r in rates.items()
    }


def planted(place: Place, report: Report) -> Fleet:
    """A ledger with a fleet whose first reports are in, and what the fleet seals next."""
    make_state(place.folder)
    ledger, key, now = open_ledger(place.url, upgrade=True), load_key(place.folder), datetime.now(UTC)
    rulebooks.publish(ledger, default_rulebook_bytes(), now=now, actor="bench")
    add_units(ledger, [NewUnit("vn", "", "root", "Việt Nam", "")], now=now, actor="bench")
    sealer = Sealer(1, kinds_of(report, 1, kinds=4))
    token, _ = create_token(ledger, CALLER, "vn", None, AGENTS, now + timedelta(hours=1), now)
    agents = [Agent(number) for number in range(AGENTS)]
    keys: dict[str, bytes] = {}
    with_receipts = partial(accept, ledger, now=now + timedelta(minutes=1), collector_key=key)
    for agent in agents:
        public = sealer.key(agent).public_key().public_bytes_raw()
        keys[keyid_of(public)] = public
        answer = enrol(ledger, sealer.request(agent, token, now), now=now, collector_key=key)
        agent.enrolled(open_enrolled(envelope_from_bytes(answer.body()), public).agent_id)
        checked(with_receipts(sealer.report(agent, now).raw))
    ledger.close()
    # Three heartbeats an agent and look, so that a look takes as long as one of reports.
    beats = [
        [sealer.heartbeat(a, datetime.now(UTC)).raw for _ in range(3) for a in agents] for _ in range(BEATS)
    ]
    reports = [[sealer.report(a, datetime.now(UTC)).raw for a in agents] for _ in range(REPORTS)]
    return Fleet(keys, reports, beats)


def checked(answer: Answer) -> bytes:
    """The receipt. RuntimeError if there is none."""
    if answer.status != 200:
        raise RuntimeError(f"refused: {answer.code}")
    return answer.body()


def written(place: Place, looks: list[list[bytes]]) -> list[list[list[Statement]]]:
    """The statements by which the collector writes each envelope."""
    ledger, key = open_ledger(place.url), load_key(place.folder)

    def statements_of(raw: bytes) -> list[Statement]:
        with recorded(ledger) as statements:
            checked(take(ledger, raw, key))
        return statements

    found = [[statements_of(raw) for raw in look] for look in looks]
    ledger.close()
    return found


@contextmanager
def limit(
    place: Place, fleet: Fleet, looks: list[list[bytes]], rows: list[list[list[Statement]]]
) -> Iterator[Way]:
    """All there is to do is one signature and these rows."""
    verifying = [[verification(raw, fleet.keys) for raw in look] for look in looks]
    with bare(place.url) as write:

        def work(number: int) -> int:
            for verify, statements in zip(verifying[number], rows[number], strict=True):
                verify()
                write(statements)
            return len(rows[number])

        yield work


def verification(raw: bytes, keys: dict[str, bytes]) -> Callable[[], None]:
    """Verifies the envelope's signature, everything else being done."""
    envelope = envelope_from_bytes(raw)
    signed = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    public = Ed25519PublicKey.from_public_bytes(keys[envelope.keyid])
    return partial(public.verify, envelope.signatures[0].sig, signed)


@contextmanager
def in_process(place: Place, looks: list[list[bytes]]) -> Iterator[Way]:
    """Through the writing thread, receipts sealed, without HTTP."""
    ledger, key = open_ledger(place.url), load_key(place.folder)
    desk = Desk(ledger)
    desk.start()

    def work(number: int) -> int:
        for answer in [desk.submit(partial(take, ledger, raw, key), sender_of(raw)) for raw in looks[number]]:
            checked(answer.result())
        return len(looks[number])

    try:
        yield work
    finally:
        desk.stop()
        ledger.close()


def take(ledger: Ledger, raw: bytes, key: Ed25519PrivateKey) -> Answer:
    """One envelope, as the web process takes it."""
    return accept(ledger, raw, now=datetime.now(UTC), collector_key=key)


def over_http(address: Address, looks: list[list[bytes]], number: int) -> int:
    """Over connections that are kept within a look."""
    asyncio.run(_over_http(address, looks[number]))
    return len(looks[number])


async def _over_http(address: Address, raws: list[bytes]) -> None:
    async def send(number: int) -> None:
        connection = Connection(address, None, number)
        for raw in raws[number::CONNECTIONS]:
            answer = await connection.ask("POST", ENVELOPES, raw)
            if answer.status != 200:
                raise NoAnswer(f"{answer.status} {answer.body[:200]!r}")
        connection.close()

    await asyncio.gather(*(send(number) for number in range(CONNECTIONS)))
