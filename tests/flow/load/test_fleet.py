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
from tests.flow.collector.test_killed import Program, free_port
from tests.load.rows import open_rows
from tests.load.summary import Run
from tests.services.postgres import Server
from tests.unit.collector.conftest import ADMIN, NOW, Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.state import make_state
from vonggac_contract.decode import decode_as
from vonggac_contract.facts import FactKey
from vonggac_contract.snapshot import Snapshot, known, snapshot_to_bytes

AGENTS = 50
PACKAGES = [["openssl", "3.0.17-1", "amd64"], ["zlib1g", "1:1.2.13", "amd64"], ["bash", "5.2.15-2", "amd64"]]
HOST = {
    **{"hostname": "vm", "machine_id": "m" * 64, "architecture": "x86_64"},
    **{"addresses": [], "memory": 1 << 30, "cpus": 2, "container": ""},
}


def reports_in(url: str) -> int:
    with open_rows(url) as held:
        return sum(row.state == "committed" for row in held.rows)


@pytest.mark.crash
@pytest.mark.scale
@pytest.mark.timeout(180)
def test_a_fleet_loses_nothing_when_its_collector_is_killed(tmp_path: Path) -> None:
    make_state(tmp_path)
    now = datetime.now(UTC)
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = open_ledger(url, upgrade=True)
    plant(ledger, now - timedelta(days=1))
    token, _ = create_token(ledger, ADMIN, "ha-noi/so-y-te", "hsyt", AGENTS, now + timedelta(hours=1), now)
    ledger.close()
    (tmp_path / "token").write_text(token)
    facts = {
        FactKey("host.identity"): known("host.identity", HOST),
        FactKey("package.inventory"): known("package.inventory", {"manager": "dpkg", "packages": PACKAGES}),
    }
    (tmp_path / "facts").write_bytes(snapshot_to_bytes(Snapshot(now, "linux", facts)))
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
