"""Several web processes on one address: one that dies is started again while the others serve, and all end together."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.services.ports import free_port
from tests.services.postgres import Server
from tests.unit.collector.conftest import plant

from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.processes import GRACE_S
from vonggac_collector.rollup import day_of
from vonggac_collector.state import make_state

PATIENCE_S = 120.0
"""Until something happens that does within seconds, on a machine that does other things as well."""
WORKERS = 3


class Crew:
    """`vonggac-collector serve --workers 3`, with what it wrote down."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    def said(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def pids(self) -> dict[str, int]:
        """The newest process of each name."""
        return {str(line["name"]): int(str(line["pid"])) for line in self.said("process started")}

    def get(self, path: str) -> httpx.Response:
        """On a connection of its own, which any of them may take."""
        return httpx.get(self.url + path, trust_env=False, timeout=30)

    def serving(self) -> bool:
        """Every web process has come so far as to count."""
        webs = [pid for name, pid in self.pids().items() if name != "work"]
        counting = [list(self._log.parent.glob(f"vonggac-metrics-*/histogram_{pid}.db")) for pid in webs]
        return len(webs) == WORKERS and all(counting) and self.ready()

    def ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def crew(url: str, folder: Path) -> Iterator[Crew]:
    make_state(folder)
    port, log = free_port(), folder / "log"
    given = {"STATE_DIR": str(folder), "DATABASE_URL": url, "LISTEN": f"127.0.0.1:{port}"}
    code = "import sys; from vonggac_collector.cli import main; sys.exit(main())"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, "serve", "--no-pages", "--workers", str(WORKERS)],
            env=os.environ
            | {f"VONGGAC_{name}": value for name, value in given.items()}
            | {"TMPDIR": str(folder)},
            stdout=file,
            stderr=file,
        )
    made = Crew(process, log, port)
    try:
        until(made.serving)
        yield made
    finally:
        process.kill()
        process.wait()


def until(happened) -> None:  # type: ignore[no-untyped-def]
    limit = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answers(crew: Crew, seconds: float) -> Counter[str]:
    """What asking again and again is answered with."""
    told, limit = Counter[str](), time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            told[str(crew.get("/healthz").status_code)] += 1
        except httpx.TransportError as e:
            told[type(e).__name__] += 1
    return told


def published(ledger: SqlLedger, now: datetime) -> bool:
    with ledger.read() as tx:
        return bool(tx.scores.day(day_of(now)))


@pytest.mark.crash
@pytest.mark.db
@pytest.mark.timeout(600)
def test_one_that_is_killed_comes_back_while_the_others_serve_and_all_end_together(
    postgres: Server, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    with postgres.database() as url, closing(open_ledger(url)) as ledger:
        plant(ledger, now - timedelta(days=1))
        with crew(url, tmp_path) as made:
            before = made.pids()
            assert set(before) == {"web 1", "web 2", "web 3", "work"}
            until(lambda: published(ledger, now))

            told: list[Counter[str]] = []
            asking = threading.Thread(target=lambda: told.append(answers(made, 4.0)))
            asking.start()
            for victim in ("web 2", "work"):
                os.kill(before[victim], signal.SIGKILL)
            until(lambda: all(made.pids()[v] != before[v] for v in ("web 2", "work")))
            asking.join()
            assert {(e["name"], e["code"]) for e in made.said("process ended")} == {
                ("web 2", -9),
                ("work", -9),
            }
            # Whoever was being answered by the one that died is not answered; nobody else notices.
            assert told[0]["200"] > 2
            assert told[0].total() - told[0]["200"] <= 1

            until(made.ready)
            pids = made.pids()
            assert all(map(alive, pids.values()))
            began = time.monotonic()
            made.process.send_signal(signal.SIGTERM)
            assert made.process.wait(PATIENCE_S) == 0
            assert time.monotonic() - began < GRACE_S
            assert made.said("process killed") == []
            assert not any(map(alive, pids.values()))


@pytest.mark.db
@pytest.mark.timeout(600)
def test_any_of_them_answers_for_all_with_the_figures(postgres: Server, tmp_path: Path) -> None:
    def counted() -> int:
        text = made.get("/metrics").text
        found = re.findall(
            r'^vonggac_http_requests_total\{method="GET",status="404"\} ([0-9.]+)$', text, re.MULTILINE
        )
        return int(float(found[0])) if found else 0

    with postgres.database() as url, closing(open_ledger(url)) as ledger:
        plant(ledger, datetime.now(UTC) - timedelta(days=1))
        with crew(url, tmp_path) as made:
            for _ in range(60):
                assert made.get("/nowhere").status_code == 404
            assert [counted() for _ in range(12)] == [60] * 12
            # What a process counted that is gone still counts.
            for name, pid in made.pids().items():
                if name != "work":
                    os.kill(pid, signal.SIGKILL)
            until(made.ready)
            assert counted() == 60
            assert "vonggac_index_waiting" in made.get("/metrics").text


@pytest.mark.crash
@pytest.mark.db
@pytest.mark.timeout(600)
def test_when_the_parent_is_killed_the_others_end_by_themselves(postgres: Server, tmp_path: Path) -> None:
    with postgres.database() as url, closing(open_ledger(url)) as ledger:
        plant(ledger, datetime.now(UTC) - timedelta(days=1))
        with crew(url, tmp_path) as made:
            pids = made.pids()
            made.process.kill()
            made.process.wait()
            until(lambda: not any(map(alive, pids.values())))


@pytest.mark.crash
@pytest.mark.db
@pytest.mark.timeout(600)
def test_one_that_cannot_start_while_postgresql_is_away_is_tried_again_and_the_rest_stays(
    postgres: Server, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    with postgres.database() as url, closing(open_ledger(url)) as ledger:
        plant(ledger, now - timedelta(days=1))
        with crew(url, tmp_path) as made:
            before = made.pids()
            # The one that works begins beside the others, and is not to be among those that cannot start.
            until(lambda: published(ledger, now))
            postgres.owned.stop("immediate")
            try:
                os.kill(before["web 1"], signal.SIGKILL)
                until(
                    lambda: any(e["name"] == "web 1" and e["code"] == 1 for e in made.said("process ended"))
                )
                assert made.said("process failed")
                assert made.get("/readyz").status_code == 503
            finally:
                postgres.owned.start()
            until(made.serving)
            assert {name for name, pid in made.pids().items() if pid != before[name]} == {"web 1"}
