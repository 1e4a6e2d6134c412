"""A power cut at any write: every report whose commit returned is there, and the spool opens without an operator."""

from __future__ import annotations

from pathlib import Path
from random import Random

import apsw
import pytest
from tests.unit.agent.power_loss import PowerCut, forgetful_disk, image
from tests.unit.agent.twin import Clock, Collector, Machine

from vonggac_agent.spool import FILE, Spool
from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.report import statement_from_envelope

SEEDS = 60


def _work(machine: Machine, returned: list[str]) -> None:
    for name in range(12):
        returned.append(machine.report(str(name)).digest)
        machine.heartbeat()


@pytest.mark.worlds
@pytest.mark.disk
@pytest.mark.crash
def test_every_report_whose_commit_returned_survives_a_power_cut(tmp_path: Path) -> None:
    early = late = 0
    for seed in range(SEEDS):
        chance = Random(seed)
        home = tmp_path / str(seed)
        home.mkdir(mode=0o700)
        returned: list[str] = []
        with forgetful_disk() as disk:
            machine = Machine(home / "state", Collector(Clock()))
            disk.left = chance.randrange(90)
            try:
                _work(machine, returned)
            except (PowerCut, apsw.Error):
                early += 1
            else:
                late += 1
            after = home / "after"
            after.mkdir(mode=0o700)
            image(disk, machine.folder, after, chance)
            disk.left = None
            machine.spool.close()
        spool = Spool(after, max_bytes=1 << 24)
        links = spool.between(machine.chain, 1, 1000)
        digests = [link.digest for link in links]
        assert digests[: len(returned)] == returned
        assert len(digests) <= len(returned) + 1
        before = None
        for link in links:
            statement = statement_from_envelope(envelope_from_bytes(spool.envelope(link)))
            assert statement.previous == before
            before = link.digest
        spool.close()
        connection = apsw.Connection(str(after / FILE))
        assert connection.pragma("integrity_check") == "ok"
        connection.close()
    assert early > SEEDS / 2, "the cut came too late to prove anything"


@pytest.mark.disk
def test_the_disk_that_forgets_does_forget(tmp_path: Path) -> None:
    """With synchronous=NORMAL the same cut takes back what was committed: so the test above can fail."""
    lost = 0
    for seed in range(20):
        home, after = tmp_path / str(seed), tmp_path / f"{seed}-after"
        home.mkdir()
        after.mkdir()
        with forgetful_disk() as disk:
            connection = apsw.Connection(str(home / "x.db"))
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", 1)
            connection.execute("CREATE TABLE t (n)")
            for number in range(20):
                connection.execute("INSERT INTO t VALUES (?)", (number,))
            image(disk, home, after, Random(seed))
            connection.close()
        found = apsw.Connection(str(after / "x.db"))
        try:
            lost += len(list(found.execute("SELECT n FROM t"))) < 20
        except apsw.Error:
            lost += 1
        found.close()
    assert lost > 10
