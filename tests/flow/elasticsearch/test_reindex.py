"""`vonggac-collector reindex` and `work`, as programs, with a ledger on SQLite."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.services.elasticsearch import Server
from tests.unit.collector.conftest import Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.index.elastic.client import Access
from vonggac_collector.index.elastic.index import ElasticIndex
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.search.query import Query, Scope

pytestmark = pytest.mark.es
PROGRAM = Path(sys.executable).with_name("vonggac-collector")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", upgrade=True)
    plant(ledger)
    yield Desk(ledger)
    ledger.close()


def environment(tmp_path: Path, elasticsearch: Server, prefix: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "VONGGAC_STATE_DIR": str(tmp_path),
        "VONGGAC_ELASTICSEARCH_URL": elasticsearch.url,
        "VONGGAC_ELASTICSEARCH_PREFIX": prefix,
    }


def test_the_index_is_made_by_one_command_and_kept_by_the_worker_that_stops_when_told(
    desk: Desk, elasticsearch: Server, prefix: str, tmp_path: Path
) -> None:
    given = environment(tmp_path, elasticsearch, prefix)
    now = datetime.now(UTC)
    machines = [desk.enrol(Machine(f"may-{n}", seed=n)) for n in (1, 2)]
    assert desk.accept(machines[0].report(now, {1, 2}), now).status == 200
    done = subprocess.run(
        [PROGRAM, "reindex"], env=given, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "search has 2 hosts, generation 1\n"
    assert "2 of 2 hosts" in done.stderr
    index = ElasticIndex(Access(elasticsearch.url), prefix)
    index.refresh()
    assert index.count(Query("findings"), Scope("vn")) == 2
    with subprocess.Popen([PROGRAM, "work"], env=given, stderr=subprocess.PIPE) as work:
        try:
            assert desk.accept(machines[1].report(now, {3}), now).status == 200
            until = time.monotonic() + 30
            while index.count(Query("findings"), Scope("vn")) != 3:
                assert time.monotonic() < until
                time.sleep(0.1)
        finally:
            work.send_signal(signal.SIGTERM)
        assert work.wait(20) == 0
    index.close()
