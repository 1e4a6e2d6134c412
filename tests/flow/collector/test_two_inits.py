"""`init` at once, as two operators or two machines may: each succeeds, and together they leave what one leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.services.postgres import Server

from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import open_ledger

AT_ONCE = 3


def init_at_once(folders: list[Path], **settings: str) -> str:
    """What they said together, after all of them succeeded."""
    code = "import sys; from vonggac_collector.cli import main; sys.exit(main())"
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", code, "init"],
            env=os.environ | {"VONGGAC_STATE_DIR": str(folder)} | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in folders
    ]
    said = [process.communicate(timeout=280)[0] for process in started]
    assert [p.returncode for p in started] == [0] * len(started), said
    return "".join(said)


def require_one_of_each(ledger: Ledger, said: str) -> None:
    with ledger.read() as tx:
        assert [u.name for u in tx.people.all()] == ["admin"]
        done = [(row.action, row.subject) for row in tx.trail.walk(0, 100)]
    assert len(done) == len(set(done)) == 4
    assert said.count("(shown this once)") == said.count("root unit vn") == 1
    assert said.count("ready; start it") == AT_ONCE


@pytest.mark.db
@pytest.mark.timeout(400)
def test_in_one_folder_the_key_the_ledger_and_the_administrator_are_made_once(tmp_path: Path) -> None:
    said = init_at_once([tmp_path / "state"] * AT_ONCE)
    assert said.count("made the collector's key") == 1
    with closing(open_ledger(f"sqlite:///{tmp_path}/state/ledger.db")) as ledger:
        require_one_of_each(ledger, said)


@pytest.mark.db
@pytest.mark.timeout(400)
def test_from_several_machines_the_rows_on_one_server_are_made_once(postgres: Server, tmp_path: Path) -> None:
    with postgres.database(empty=True) as url:
        said = init_at_once([tmp_path / str(n) for n in range(AT_ONCE)], VONGGAC_DATABASE_URL=url)
        with closing(open_ledger(url)) as ledger:
            require_one_of_each(ledger, said)
