"""A fleet reports while its collector is killed: the oracle outside finds every receipt's report in its place."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import psycopg
import pytest
from tests.flow.collector.serving import PASSWORD
from tests.flow.collector.test_killed import Program
from tests.load.rows import open_rows
from tests.load.summary import Run
from tests.services.ports import free_port
from tests.services.postgres import Server
from tests.unit.collector.conftest import ADMIN, NOW, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.state import make_state
from vonggac_contract.decode import decode_as
from vonggac_contract.facts import FactKey
from vonggac_contract.snapshot import Snapshot, known, snapshot_to_bytes

AGENTS = 50
BACK = 300
"""Of the 10,000 that `docs/capacity.md` tells of."""
PACKAGES = [["openssl", "3.0.17-1", "amd64"], ["zlib1g", "1:1.2.13", "amd64"], ["bash", "5.2.15-2", "amd64"]]
HOST = {
    **{"hostname": "vm", "machine_id": "m" * 64, "architecture": "x86_64"},
    **{"addresses": [], "memory": 1 << 30, "cpus": 2, "container": ""},
}


def reports_in(url: str) -> int:
    with open_rows(url) as held:
        return sum(row.state == "committed" for row in held.rows)


def prepare(folder: Path, agents: int) -> str:
    """A collector's state with a token for so many and an administrator, and what machines say; the ledger's URL."""
    make_state(folder)
    now, url = datetime.now(UTC), f"sqlite:///{folder}/ledger.db"
    ledger = open_ledger(url, upgrade=True)
    plant(ledger, now - timedelta(days=1))
    token, _ = create_token(ledger, ADMIN, "ha-noi/so-y-te", "hsyt", agents, now + timedelta(hours=1), now)
    add_user(ledger, "admin", "administrator", "vn", PASSWORD, now=now, actor="test")
    ledger.close()
    (folder / "token").write_text(token)
    (folder / "password").write_text(PASSWORD)
    facts = {
        FactKey("host.identity"): known("host.identity", HOST),
        FactKey("package.inventory"): known("package.inventory", {"manager": "dpkg", "packages": PACKAGES}),
    }
    (folder / "facts").write_bytes(snapshot_to_bytes(Snapshot(now, "linux", facts)))
    return url


@pytest.mark.crash
@pytest.mark.scale
@pytest.mark.timeout(180)
def test_a_fleet_loses_nothing_when_its_collector_is_killed(tmp_path: Path) -> None:
    url = prepare(tmp_path, AGENTS)
    port = free_port()
    program = Program(tmp_path, port)
    fleet = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "tests.load.fleet",
                "--agents",
                str(AGENTS),
                "--processes",
                "2",
                "--json",
            ),
            *("--collector", f"http://127.0.0.1:{port}", "--token-file", str(tmp_path / "token")),
            *("--facts", str(tmp_path / "facts"), "--ledger", url, "--seconds", "6", "--interval", "0"),
            *("--changed", "0.4", "--ahead", "5", "--concurrency", "16", "--hurry", "0.02", "--seed", "1"),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + 60
        while reports_in(url) < 3 * AGENTS:
            assert fleet.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        program.kill()
        program = Program(tmp_path, port)
        said, _ = fleet.communicate(timeout=120)
    finally:
        fleet.kill()
        program.kill()
    run = decode_as(said, Run)
    joined, timed, _ = run.phases
    assert (run.faults, run.unsent, fleet.returncode) == ([], 0, 0)
    assert joined.reports == AGENTS
    assert timed.reports > AGENTS
    assert timed.beats > AGENTS
    # It was killed in the middle: somebody waited in vain.
    assert timed.unanswered
    assert (timed.refused, run.found) == ({}, sum(p.reports for p in run.phases))
    assert run.receipts == sum(p.reports + p.beats for p in run.phases)


@pytest.mark.scale
@pytest.mark.timeout(600)
def test_a_fleet_that_comes_back_after_a_day_is_taken_whole_and_people_read_meanwhile(tmp_path: Path) -> None:
    url, port = prepare(tmp_path, BACK), free_port()
    program = Program(tmp_path, port)
    fleet = [sys.executable, "-m", "tests.load.fleet", "--json", "--seed", "3", "--agents", str(BACK)]
    fleet += ["--collector", f"http://127.0.0.1:{port}", "--token-file", str(tmp_path / "token")]
    fleet += ["--facts", str(tmp_path / "facts"), "--ledger", url, "--concurrency", "64", "--hurry", "0.1"]
    fleet += ["--burst", "24", "--changes-per-day", "3", "--seconds", "1", "--drain", "400"]
    fleet += ["--reader", "admin", "--reader-password-file", str(tmp_path / "password")]
    try:
        said = subprocess.run(
            [*fleet, "--pid", str(program.process.pid)], stdout=subprocess.PIPE, check=True, timeout=540
        ).stdout
    finally:
        program.kill()
    run = decode_as(said, Run)
    _, *back = run.phases
    # Nothing but receipts and being told to come later: no other status, nobody left without an answer.
    assert (run.faults, run.unsent) == ([], 0)
    assert [(p.refused, p.unanswered) for p in run.phases] == [({}, {})] * 3
    assert sum(p.reports for p in back) > 2 * BACK
    assert run.found == sum(p.reports for p in run.phases)
    assert run.seen is not None
    assert run.seen.failed == {}
    assert run.seen.answers > 10
    # A second at most on a machine that does nothing else.
    assert run.seen.p50_ms < 3_000
    assert 0 < run.seen.collector_rss_bytes < 600_000_000


def test_on_postgresql_the_same_rows_are_read_and_none_can_be_written(postgres: Server) -> None:
    with postgres.database() as url:
        ledger = open_ledger(url)
        plant(ledger)
        desk = Desk(ledger)
        machine = desk.enrol(Machine())
        for _ in range(2):
            assert desk.accept(machine.report(NOW)).status == 200
        assert desk.accept(machine.heartbeat(NOW)).status == 200
        ledger.close()
        with open_rows(url) as held:
            first, second = held.rows
            assert list(held.beats) == [(machine.agent_id, 1)]
        assert (first.sequence, first.previous, first.state) == (1, None, "committed")
        assert (second.sequence, second.previous, second.digest) == (2, first.digest, machine.previous)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), open_rows(url) as held:
            held.run("DELETE FROM envelopes")


def test_a_ledger_is_read_over_a_connection_that_cannot_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    open_ledger(url, upgrade=True).close()
    before = (tmp_path / "ledger.db").read_bytes()
    with open_rows(url) as held:
        assert (list(held.rows), list(held.beats)) == ([], [])
        with pytest.raises(apsw.ReadOnlyError):
            held.run("DELETE FROM envelopes")
    assert (tmp_path / "ledger.db").read_bytes() == before
    with pytest.raises(apsw.CantOpenError), open_rows(f"sqlite:///{tmp_path}/none.db"):
        pass
