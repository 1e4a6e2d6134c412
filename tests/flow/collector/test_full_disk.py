"""The ledger's disk is full, or fails to synchronise: nothing is acknowledged that is not kept, and work goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import httpx
import pytest
from tests.flow.collector.serving import ENVELOPE, PASSWORD
from tests.services.ports import free_port
from tests.unit.collector.conftest import ADMIN, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.state import make_state
from vonggac_collector.verification import verify_ledger

pytestmark = [pytest.mark.disk, pytest.mark.timeout(180)]
PATIENCE_S = 60.0
SIZE = 24 << 20


class Served:
    """A collector in a folder, and one machine that is enrolled there."""

    def __init__(self, folder: Path, prefix: tuple[str, ...] = ()) -> None:
        self.folder, self.log = folder, folder / "log"
        make_state(folder)
        now = datetime.now(UTC)
        with closing(open_ledger(self.url, upgrade=True)) as ledger:
            plant(ledger, now - timedelta(days=1))
            add_user(ledger, "admin", "administrator", "vn", PASSWORD, now=now, actor="test")
            expires = now + timedelta(hours=1)
            token, _ = create_token(ledger, ADMIN, "ha-noi/so-y-te", "hsyt", 1, expires, now)
        port = free_port()
        environment = {
            **os.environ,
            "VONGGAC_STATE_DIR": str(folder),
            "VONGGAC_LISTEN": f"127.0.0.1:{port}",
            "VONGGAC_INSECURE_COOKIES": "true",
        }
        code = "import sys; from vonggac_collector.cli import main; sys.exit(main())"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-P", "-c", code, "serve", "--no-pages"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
        self.wait(lambda: self.client.get("/readyz").status_code == 200)
        self.machine = Machine()
        answer = self.client.post(
            "/agent/v1/enrol", content=self.machine.request(token, datetime.now(UTC)), headers=ENVELOPE
        )
        self.machine.enrolled(answer.content)
        self.receipts: list[str] = []

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/ledger.db"

    def wait(self, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                if ready():
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, self.log.read_text()[-3_000:]
            assert time.monotonic() < until
            time.sleep(0.05)

    def send(self, raw: bytes) -> httpx.Response:
        """One try; the receipt is kept if there is one, else the answer has to be one to wait after."""
        answer = self.client.post("/agent/v1/envelopes", content=raw, headers=ENVELOPE)
        if answer.status_code == 200:
            self.receipts.append(self.machine.receipt(answer.content).digest)
        else:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
        return answer

    def report(self) -> bytes:
        return self.machine.report(datetime.now(UTC), {self.machine.sequence % 14})

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.client.close()

    def check(self) -> None:
        """Every receipt's report is there, once, and every chain is whole."""
        with closing(open_ledger(self.url)) as ledger:
            with ledger.read() as tx:
                kept = [e.digest for e in tx.chain.walk(self.machine.agent_id, (0, 0), 10_000)]
            assert verify_ledger(ledger).faults == []
        assert len(set(self.receipts)) == len(self.receipts)
        assert kept == self.receipts


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, part: float) -> None:
    """Use the disk up to that part; 1: to the last byte."""
    with (folder / "filler").open("ab", buffering=0) as stream:
        try:
            while part == 1 or shutil.disk_usage(folder).used < part * SIZE:
                stream.write(bytes(4096))
        except OSError:
            assert part == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_on_a_full_disk_nothing_is_acknowledged_pages_are_read_and_work_resumes_by_itself(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        served = Served(disk)
        try:
            full_disk(served, disk)
        finally:
            served.stop()
        served.check()
        log = served.log.read_text()
        assert "log lines were lost" in log
        assert "Traceback" not in log


def full_disk(served: Served, disk: Path) -> None:
    for _ in range(5):
        assert served.send(served.report()).status_code == 200
    assert served.client.get("/readyz").json()["disk"]["warning"] is False
    signed_in = served.client.post("/api/v1/session", json={"name": "admin", "password": PASSWORD})
    assert signed_in.status_code == 200, signed_in.text
    with closing(apsw.Connection(str(disk / "ledger.db"))) as hand:
        hand.execute("UPDATE sessions SET seen_at = seen_at - 600000000")
    fill(disk, 0.86)
    told = served.client.get("/readyz").json()["disk"]
    assert told["warning"] is True
    assert told["used"] >= 0.85
    assert f"vonggac_disk_used_ratio {told['used']}" in served.client.get("/metrics").text
    assert served.send(served.report()).status_code == 200
    fill(disk, 1)
    raw, sent = served.report(), 0
    # The log of changes may have room left in its file.
    while served.send(raw).status_code == 200:
        raw, sent = served.report(), sent + 1
        fill(disk, 1)
        assert sent < 500
    acknowledged = len(served.receipts)
    for _ in range(3):
        assert served.send(raw).status_code == 503
        page = served.client.get(f"/api/v1/hosts/{served.machine.agent_id}")
        assert page.status_code == 200, page.text
        assert len(page.json()["reports"]) >= 1
        assert served.client.get("/healthz").status_code == 200
        assert served.client.get("/readyz").status_code == 200
    assert len(served.receipts) == acknowledged
    (disk / "filler").unlink()
    served.wait(lambda: served.send(raw).status_code == 200)
    for _ in range(5):
        assert served.send(served.report()).status_code == 200
    assert served.client.get("/readyz").json()["disk"]["warning"] is False


FIRST, EVERY, REPORTS = 30, 7, 80
"""The times that a thread synchronises at which the disk reports an error; not yet while the programs start."""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the disk fail")
def test_after_a_failed_fsync_the_connection_is_given_up_and_no_receipt_is_without_its_report(
    tmp_path: Path,
) -> None:
    call = "fdatasync"
    strace = ("strace", "-D", "-f", "-qq", "-o", f"{tmp_path}/traced", "-e", f"trace={call}")
    served = Served(tmp_path, prefix=(*strace, "-e", f"inject={call}:error=EIO:when={FIRST}+{EVERY}"))
    tries = 0
    try:
        for _ in range(REPORTS):
            raw = served.report()
            while served.send(raw).status_code != 200:
                tries += 1
                assert tries < 100
    finally:
        served.stop()
    # The desk tries again by itself and finds out what became of it, so hardly anybody is told to wait.
    assert (tmp_path / "traced").read_text().count("INJECTED") >= 5
    assert len(served.receipts) == REPORTS
    served.check()
