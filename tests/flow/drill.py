"""A restore drill: a collector that serves, real agents that report to it, a backup meanwhile, and its day of need.

The collector is a process of its own. Agents look, seal and ship as their service's children do, in this process;
backup and restore are called as their commands call them.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.flow.agent_program import CHEAP
from tests.services.ports import free_port
from tests.unit.agent.twin import rulebook_bytes
from tests.unit.collector.conftest import ADMIN

from vonggac_agent import rounds
from vonggac_agent.enrol import enrol
from vonggac_agent.link import HttpLink, parse_address
from vonggac_agent.settings import load_settings as load_agent_settings
from vonggac_agent.state import open_state
from vonggac_agent.status import status
from vonggac_collector import rulebooks
from vonggac_collector.backup.making import make_backup
from vonggac_collector.backup.restoring import Restored, restore
from vonggac_collector.enrolment import create_token
from vonggac_collector.errors import LedgerDamaged
from vonggac_collector.gaps import Gap, missing
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.settings import Settings
from vonggac_collector.state import make_state
from vonggac_collector.verification import verify_ledger

AGENTS = 3
PATIENCE_S = 120.0
PROGRAM = (
    *(sys.executable, "-P", "-c"),
    "import sys; from vonggac_collector.cli import main; sys.exit(main())",
)
Place = tuple[str, int, int]
"""Agent, epoch and sequence."""


def quiet(_text: str) -> None:
    """Nobody sits at a terminal."""


class Agent:
    """One machine's agent."""

    def __init__(self, folder: Path, collector: str) -> None:
        self.state, self.collector = folder, collector

    def enrol(self, token: str, *, again: bool = False) -> None:
        folder = open_state(self.state, create=True)
        with closing(HttpLink(parse_address(self.collector), "")) as link:
            enrol(
                folder,
                collector=self.collector,
                ca="",
                token=token,
                transport=link,
                now=rounds.utc_now,
                again=again,
            )

    def report(self, steps: Sequence[int]) -> None:
        """For each step look, find other content than at the step before, and ship."""
        for step in steps:
            disabled = CHEAP if step % 2 else [*CHEAP, "os.release"]
            given = {"VONGGAC_STATE_DIR": str(self.state), "VONGGAC_DISABLED_FACTS": ",".join(disabled)}
            settings, _ = load_agent_settings(environment=given)
            assert rounds.look_round(settings)["kind"] == "report"
            # Whoever was refused or told to wait would wait some seconds.
            self._change("UPDATE note SET value = '' WHERE name = 'not_before'")
            rounds.ship_round(settings)

    def status(self) -> dict[str, Any]:
        settings, _ = load_agent_settings(environment={"VONGGAC_STATE_DIR": str(self.state)})
        return status(settings, rounds.utc_now())

    def receipts(self) -> dict[Place, str]:
        """Digest of everything that it has a receipt for."""
        with closing(sqlite3.connect(self.state / "spool.db")) as spool:
            rows = spool.execute(
                "SELECT agent_id, epoch, sequence, digest FROM link WHERE state = 'received'"
            )
            return {(row[0], row[1], row[2]): row[3] for row in rows}

    def let_go(self, last: int) -> None:
        """It no longer has the envelopes of reports up to `last`, as if many more had been receipted since."""
        self._change("UPDATE link SET envelope = NULL WHERE sequence <= ? AND state = 'received'", last)

    def _change(self, statement: str, *values: int) -> None:
        with closing(sqlite3.connect(self.state / "spool.db")) as spool, spool:
            spool.execute(statement, values)


class Drill:
    """A collector's settings and ledger, and agents. `given`: settings beside the folder's and the address."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.port = free_port()
        self.backups, self.log = folder / "backups", folder / "log"
        self.backups.mkdir()
        state, listen = folder / "collector", f"127.0.0.1:{self.port}"
        self.settings = Settings(state_dir=state, listen=listen, **given)
        named = {"state_dir": state, "listen": listen, **given}
        self.environment = os.environ | {f"VONGGAC_{k.upper()}": str(v) for k, v in named.items()}
        make_state(state)
        now = datetime.now(UTC)
        with self.opened(upgrade=True) as ledger:
            with ledger.write() as tx:
                tx.tree.add_unit(Unit("vn", None, "root", "Việt Nam", "Viet Nam", False, now))
                tx.tree.add_unit(Unit("so-y-te", "vn", "agency", "Sở Y tế", "Health", False, now))
            rulebooks.publish(ledger, rulebook_bytes(), now=now, actor="test")
        self.agents = [Agent(folder / f"agent-{n}", f"http://{listen}") for n in range(AGENTS)]

    @contextmanager
    def opened(self, *, upgrade: bool = False) -> Iterator[SqlLedger]:
        """The ledger, as a command opens it."""
        file = self.settings.ledger_password_file
        ledger = open_ledger(self.settings.ledger_url, upgrade=upgrade, password_file=file)
        with closing(ledger):
            yield ledger

    def token(self, host: str | None = None) -> str:
        now = datetime.now(UTC)
        with self.opened() as ledger:
            return create_token(ledger, ADMIN, "so-y-te", None, 1, now + timedelta(hours=1), now, host=host)[
                0
            ]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The collector, web process and worker, until the block ends."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*PROGRAM, "serve", "--no-pages"], env=self.environment, stdout=log, stderr=log
            )
        try:
            until = time.monotonic() + PATIENCE_S
            while self.ready() is None:
                assert process.poll() is None, self.log.read_text()[-3_000:]
                assert time.monotonic() < until
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)

    def ready(self) -> dict[str, Any] | None:
        """What /readyz says, None if it does not."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False, timeout=30)
        except httpx.TransportError:
            return None
        said: dict[str, Any] = answer.json()
        return said if answer.status_code == 200 else None

    def settled(self) -> None:
        """The index was told everything."""
        until = time.monotonic() + PATIENCE_S
        while (said := self.ready()) is None or said["search"]["waiting"]:
            assert time.monotonic() < until, said
            time.sleep(0.05)

    def committed(self) -> dict[Place, str]:
        """Digest of every report in a chain."""
        with self.opened() as ledger, ledger.read() as tx:
            return {
                (a.id, e.epoch, e.sequence): e.digest
                for a in tx.agents.all()
                for e in tx.chain.walk(a.id, (0, 0), 10_000)
            }

    def missing(self) -> list[Gap]:
        with self.opened() as ledger:
            return list(missing(ledger, datetime.now(UTC)))

    def audited(self, action: str) -> list[tuple[str, str]]:
        """Subject and detail of every such row."""
        with self.opened() as ledger, ledger.read() as tx:
            return [(r.subject, r.detail) for r in tx.trail.walk(0, 100_000) if r.action == action]

    def save(self) -> Path:
        return make_backup(self.settings, self.backups, now=datetime.now(UTC), report=quiet)[0]

    def restore(self, backup: Path, *, replace: bool) -> Restored:
        now = datetime.now(UTC)
        return restore(self.settings, backup, now=now, actor="test", replace=replace, report=quiet)


def drill(made: Drill) -> None:
    """What was backed up comes back, what came after it comes again from the machines, what cannot is named."""
    *whole, poor = made.agents
    with made.serving():
        for agent in made.agents:
            agent.enrol(made.token())
            agent.report([0])
        reporting = [threading.Thread(target=a.report, args=([1, 2, 3],)) for a in made.agents]
        for thread in reporting:
            thread.start()
        backup = made.save()
        for thread in reporting:
            thread.join()
        for agent in made.agents:
            agent.report([4, 5])
        made.settled()
    before = made.committed()
    acknowledged = {place: digest for agent in made.agents for place, digest in agent.receipts().items()}
    assert acknowledged == before
    assert len(before) == 6 * AGENTS
    poor.let_go(6)

    with pytest.raises(LedgerDamaged, match="--replace"):
        made.restore(backup, replace=False)
    restored = made.restore(backup, replace=True)
    assert (restored.faults, restored.key) == ([], "in place")
    assert restored.aside
    held = made.committed()
    assert held.items() <= before.items()
    assert len(held) == restored.reports == restored.manifest.rows["envelopes"] < len(before)
    said = f"from the backup made at {restored.manifest.made_at.isoformat()}, 0 faults"
    assert made.audited("restored") == [(backup.name, said)]

    with made.serving():
        for agent in made.agents:
            agent.report([6])
        (gap,) = made.missing()
        had = max(s for a, _, s in held if a == gap.agent)
        assert (gap.agent, gap.epoch) == (poor.status()["agent_id"], 1)
        assert (gap.head, gap.first, gap.last) == (had, had + 1, 6)
        assert gap.digest == acknowledged[gap.agent, 1, 6], "the receipt that the agent has proves it"
        assert poor.status()["lacking"] == f"{had + 1}-6"
        now = made.committed()
        for agent in whole:
            assert agent.receipts().items() <= now.items(), "nothing is lost that it still had"
            assert max(s for a, _, s in now if a == agent.status()["agent_id"]) == 7
        poor.enrol(made.token(gap.agent), again=True)
        poor.report([7, 8])
        assert made.missing() == []
        made.settled()
        assert poor.status()["spool"]["unsent"] == 0
    with made.opened() as ledger:
        assert verify_ledger(ledger).faults == []
    told = made.log.read_text()
    assert told.count("the index is rebuilt from the ledger") == 2
    assert "it was never built" in told
