"""The restore drill on PostgreSQL (`tests.flow.drill`), over TCP with a password, and what is particular there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.flow.drill import Drill, drill
from tests.services.postgres import Server
from tests.unit.collector.conftest import Desk, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.backup.making import make_backup
from vonggac_collector.backup.restoring import FaultsFound, restore
from vonggac_collector.errors import Busy, LedgerDamaged
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.settings import Settings
from vonggac_collector.state import make_state
from vonggac_collector.verification import verify_ledger

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]
NOW = datetime.now(UTC)


def quiet(_text: str) -> None:
    """Nobody sits at a terminal."""


def test_a_collector_restored_from_a_dump_gets_from_its_agents_what_came_after_it(
    postgres: Server, tmp_path: Path
) -> None:
    own = postgres.owned
    name = postgres.make(empty=True)
    file = tmp_path / "password-file"
    file.touch(0o600)
    file.write_text(own.password_file.read_text())
    drill(Drill(tmp_path, database_url=own.tcp(name), database_password_file=file))


def schemas(postgres: Server, name: str) -> set[str]:
    found = postgres.run("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|information_schema'", name)
    return {str(row[0]) for row in found}


def test_what_was_there_is_a_schema_aside_or_there_again_and_a_collector_that_runs_is_not_pulled_away_from(
    postgres: Server, tmp_path: Path
) -> None:
    make_state(tmp_path / "state")
    (tmp_path / "backups").mkdir()
    name = postgres.make()
    settings = Settings(state_dir=tmp_path / "state", database_url=postgres.url(name))  # type: ignore[call-arg]
    with closing(open_ledger(postgres.url(name))) as ledger:
        plant(ledger, NOW - timedelta(days=1))
        desk = Desk(ledger)
        machine = desk.enrol(Machine(), now=NOW)
        desk.accept(machine.report(NOW), NOW)
        backup, manifest = make_backup(settings, tmp_path / "backups", now=NOW, report=quiet)
        assert (manifest.database, manifest.namespace, manifest.rows["envelopes"]) == (
            "postgresql",
            "public",
            1,
        )
        desk.accept(machine.report(NOW, {1}), NOW)
        with pytest.raises(Busy, match="stop every web process"):
            restore(settings, backup, now=NOW, actor="test", replace=True, report=quiet)
    with pytest.raises(LedgerDamaged, match="--replace"):
        restore(settings, backup, now=NOW, actor="test", report=quiet)
    postgres.run("UPDATE envelopes SET keyid = '0'", name)
    broken, _ = make_backup(settings, tmp_path / "backups", now=NOW + timedelta(hours=1), report=quiet)
    with pytest.raises(FaultsFound):
        restore(settings, broken, now=NOW, actor="test", replace=True, report=quiet)
    assert schemas(postgres, name) == {"public"}
    assert postgres.run("SELECT count(*) FROM envelopes", name) == [(2,)]
    done = restore(settings, backup, now=NOW, actor="test", replace=True, report=quiet)
    assert schemas(postgres, name) == {"public", done.aside}
    with closing(open_ledger(postgres.url(name))) as ledger:
        found = verify_ledger(ledger)
        assert (found.envelopes, found.faults) == (1, [])
        assert Desk(ledger).accept(machine.report(NOW, {2}), NOW).status == 202
    kept = f"SELECT count(*) FROM {done.aside}.envelopes"  # noqa: S608  a name that the test was given
    assert postgres.run(kept, name) == [(2,)]
    new = postgres.make(empty=True)
    there = Settings(state_dir=tmp_path / "state", database_url=postgres.url(new))  # type: ignore[call-arg]
    assert restore(there, backup, now=NOW, actor="test", report=quiet).aside == ""
    assert schemas(postgres, new) == {"public"}


ENDED = """
import os, signal, sys
from vonggac_collector.backup import restoring
from vonggac_collector.cli import main
number = getattr(signal, sys.argv.pop())
restoring.verify_ledger = lambda _: os.kill(os.getpid(), number)
sys.exit(main())
"""


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_a_restore_that_is_ended_half_way_leaves_no_ledger_that_looks_whole(
    postgres: Server, tmp_path: Path, number: str
) -> None:
    make_state(tmp_path / "state")
    (tmp_path / "backups").mkdir()
    name = postgres.make()
    settings = Settings(state_dir=tmp_path / "state", database_url=postgres.url(name))  # type: ignore[call-arg]
    with closing(open_ledger(postgres.url(name))) as ledger:
        plant(ledger, NOW - timedelta(days=1))
    backup, _ = make_backup(settings, tmp_path / "backups", now=NOW, report=quiet)
    environment = {
        **os.environ,
        "VONGGAC_STATE_DIR": str(tmp_path / "state"),
        "VONGGAC_DATABASE_URL": postgres.url(name),
    }
    words = (sys.executable, "-P", "-c", ENDED, "restore", str(backup), "--replace", number)
    ended = subprocess.run(words, env=environment, check=False, capture_output=True, timeout=120)
    if number == "SIGTERM":
        assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
        assert schemas(postgres, name) == {"public"}
    else:
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        for upgrade in (False, True):
            with pytest.raises(LedgerDamaged, match="ended half-way"):
                open_ledger(postgres.url(name), upgrade=upgrade)
        restore(settings, backup, now=NOW, actor="test", replace=True, report=quiet)
    with closing(open_ledger(postgres.url(name))) as ledger:
        assert verify_ledger(ledger).faults == []
