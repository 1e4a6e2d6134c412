"""What a machine costs on the ledger's disk: when it comes, for each changed report, for each day without a change.

Times are given, so that days pass at once. Sizes do not depend on what else this machine does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import apsw
from tests.load.agents import Agent, Sealed, Sealer
from tests.load.variety import kinds_of
from tests.services import postgres

from vonggac_collector import rulebooks
from vonggac_collector.enrolment import create_token, enrol
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.state import load_key, make_state
from vonggac_collector.structure import NewUnit, add_units
from vonggac_contract.enrolment import open_enrolled
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import Report
from vonggac_rules.builtin import default_rulebook_bytes

from .figures import Figure
from .ingest import CALLER, Place, checked
from .sealing import real_report

AGENTS: Final = 100
REPORTS: Final = 10
DAYS: Final = 30
BEATS_A_DAY: Final = 2
"""How many there are in a day makes no difference to its one row."""
CHANGES_A_YEAR: Final = 104
"""Two a week; the project's own figure."""


def figures() -> Iterator[Figure]:
    """Bytes a machine, on both databases."""
    report = real_report()
    with tempfile.TemporaryDirectory(prefix="vonggac-bench-") as folder:
        place = Place(Path(folder, "sqlite"), f"sqlite:///{folder}/sqlite/ledger.db")
        yield from of_store("SQLite", place, partial(file_size, f"{folder}/sqlite/ledger.db"), report)
        if postgres.programs() is None:
            return
        with postgres.running() as server:
            name = server.make()
            place = Place(Path(folder, "postgresql"), server.url(name))
            yield from of_store("PostgreSQL", place, partial(database_size, server, name), report)


def file_size(path: str) -> int:
    """Bytes that the ledger needs: its file without the pages that are free."""
    connection = apsw.Connection(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages, free, size = (
            int(connection.pragma(name)) for name in ("page_count", "freelist_count", "page_size")
        )
    finally:
        connection.close()
    return (pages - free) * size


def database_size(server: postgres.Server, name: str) -> int:
    """Bytes of the database with its indexes, once what is over was cleared away."""
    server.run("VACUUM FULL", name)
    return int(str(server.run("SELECT pg_database_size(current_database())", name)[0][0]))


def of_store(store: str, place: Place, size: Callable[[], int], report: Report) -> Iterator[Figure]:
    """Each step's growth by machine, and a year made of them."""
    make_state(place.folder)
    ledger, key, now = open_ledger(place.url, upgrade=True), load_key(place.folder), datetime.now(UTC)
    rulebooks.publish(ledger, default_rulebook_bytes(), now=now, actor="bench")
    add_units(ledger, [NewUnit("vn", "", "root", "Việt Nam", "")], now=now, actor="bench")
    token, _ = create_token(ledger, CALLER, "vn", None, AGENTS, now + timedelta(hours=1), now)
    sealer, agents = Sealer(1, kinds_of(report, 1)), [Agent(number) for number in range(AGENTS)]
    sizes = [size()]

    def all_send(seal: Callable[[Agent, datetime], Sealed]) -> None:
        with ledger.batch():
            answers = [accept(ledger, seal(a, now).raw, now=now, collector_key=key) for a in agents]
        for answer in answers:
            checked(answer)

    for agent in agents:
        answer = enrol(ledger, sealer.request(agent, token, now), now=now, collector_key=key)
        public = sealer.key(agent).public_key().public_bytes_raw()
        agent.enrolled(open_enrolled(envelope_from_bytes(answer.body()), public).agent_id)
    all_send(sealer.report)
    sizes.append(size())
    for _ in range(REPORTS):
        now += timedelta(minutes=15)
        all_send(sealer.report)
    sizes.append(size())
    for _ in range(DAYS * BEATS_A_DAY):
        now += timedelta(days=1) / BEATS_A_DAY
        all_send(sealer.heartbeat)
    sizes.append(size())
    ledger.close()
    came, changed, day = (
        (after - before) / AGENTS / times
        for before, after, times in zip(sizes, sizes[1:], (1, REPORTS, DAYS), strict=False)
    )
    yield Figure(f"{store}: a machine and its first report", came, "bytes")
    yield Figure(f"{store}: a changed report", changed, "bytes")
    yield Figure(f"{store}: a day without a change", day, "bytes")
    year = came + CHANGES_A_YEAR * changed + 365 * day
    yield Figure(f"{store}: a machine's year, {CHANGES_A_YEAR} changes", year / 1e6, "MB")
