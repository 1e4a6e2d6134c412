"""The disk of the PostgreSQL server is full: nothing is acknowledged, pages are read, and it goes on by itself."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.flow.collector.serving import PASSWORD, Running, serving
from tests.services.postgres import OwnServer, Server, programs
from tests.unit.collector.machines import Machine

from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.verification import verify_ledger

pytestmark = [
    pytest.mark.disk,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]
SIZE = 256 << 20
PATIENCE_S = 60.0


@contextmanager
def on_a_small_disk() -> Iterator[OwnServer]:
    """A server whose folder is a disk of its own, not among those of the session: this one is left without space."""
    found = programs()
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="vonggac-full-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "tmpfs", str(folder)], check=True)
    try:
        own = OwnServer(found, folder)
        own.initialise()
        own.start()
        try:
            yield own
        finally:
            (folder / "filler").unlink(missing_ok=True)
            if (own.data / "postmaster.pid").exists():
                own.stop("immediate")
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def fill(folder: Path) -> None:
    with (folder / "filler").open("ab", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return


class Sender:
    """One machine; the digests of its receipts."""

    def __init__(self, collector: Running) -> None:
        self.collector = collector
        self.machine = collector.enrol(Machine())
        self.receipts: list[str] = []

    def report(self) -> bytes:
        return self.machine.report(datetime.now(UTC), {self.machine.sequence % 14})

    def sent(self, raw: bytes) -> bool:
        answer = self.collector.post("/agent/v1/envelopes", raw)
        if answer.status_code == 200:
            self.receipts.append(self.machine.receipt(answer.content).digest)
            return True
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        return False


def test_on_a_full_disk_of_the_server_nothing_is_acknowledged_and_work_resumes_by_itself(
    tmp_path: Path,
) -> None:
    with on_a_small_disk() as own:
        server = Server(own.admin, own)
        with serving(tmp_path, ledger=open_ledger(server.url(server.make()))) as collector:
            sender = Sender(collector)
            for _ in range(5):
                assert sender.sent(sender.report())
            signed_in = collector.client.post("/api/v1/session", json={"name": "admin", "password": PASSWORD})
            assert signed_in.status_code == 200
            # A whole segment of the server's log is at hand: without one it would stop, not refuse.
            server.run("SELECT pg_switch_wal()")
            server.run("CHECKPOINT")
            fill(own.folder)
            raw, taken = sender.report(), 0
            while sender.sent(raw):
                raw, taken = sender.report(), taken + 1
                assert taken < 300
            acknowledged = len(sender.receipts)
            for _ in range(3):
                assert not sender.sent(raw)
                page = collector.client.get(f"/api/v1/hosts/{sender.machine.agent_id}")
                assert page.status_code == 200, page.text
            assert len(sender.receipts) == acknowledged
            (own.folder / "filler").unlink()
            until = time.monotonic() + PATIENCE_S
            while not sender.sent(raw):
                assert time.monotonic() < until
                time.sleep(0.1)
            for _ in range(5):
                assert sender.sent(sender.report())
            with collector.ledger.read() as tx:
                kept = [e.digest for e in tx.chain.walk(sender.machine.agent_id, (0, 0), 10_000)]
            assert kept == sender.receipts
            assert verify_ledger(collector.ledger).faults == []
