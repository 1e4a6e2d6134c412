"""A collector that really listens: on a free loopback port, with a ledger in a folder of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from tests.unit.collector.conftest import ADMIN, KEY, plant
from tests.unit.collector.machines import Machine

from vonggac_collector.app import create_app, utc_now
from vonggac_collector.enrolment import create_token
from vonggac_collector.http.protocol import Gate, Limits, protocol_within
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.people import add_user
from vonggac_collector.server import make_server
from vonggac_collector.settings import Settings

ENVELOPE = {"Content-Type": "application/vnd.dsse.envelope+json"}
PASSWORD = "rat-dai-va-kho-doan"


class Running(NamedTuple):
    """`url`, and what stands behind it."""

    url: str
    port: int
    ledger: SqlLedger
    client: httpx.Client

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        return self.client.post(path, content=body, headers=ENVELOPE | headers)

    def enrol(self, machine: Machine) -> Machine:
        now = datetime.now(UTC)
        token, _ = create_token(
            self.ledger, ADMIN, "ha-noi/so-y-te", "hsyt", 1, now + timedelta(hours=1), now
        )
        answer = self.post("/agent/v1/enrol", machine.request(token, now))
        assert answer.status_code == 200, answer.text
        machine.enrolled(answer.content)
        return machine


@contextmanager
def serving(
    folder: Path, limits: dict[str, float] | None = None, ledger: SqlLedger | None = None, **settings: Any
) -> Iterator[Running]:
    """Serve until the block ends. `limits`: shorter times of `http.protocol.Limits`; `ledger`: an empty one, which
    is closed in the end, instead of a file in `folder`.
    """
    now = datetime.now(UTC)
    ledger = ledger or open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True)
    plant(ledger, now - timedelta(days=2))
    for name, role, unit in (
        ("admin", "administrator", "vn"),
        ("hue", "officer", "hue"),
        ("kiem", "auditor", "vn"),
    ):
        add_user(ledger, name, role, unit, PASSWORD, now=now, actor="test")
    with listening(ledger, folder, limits, **settings) as running:
        yield running
    ledger.close()


@contextmanager
def listening(
    ledger: SqlLedger,
    folder: Path,
    limits: dict[str, float] | None = None,
    now: Callable[[], datetime] = utc_now,
    **settings: Any,
) -> Iterator[Running]:
    """A collector on that ledger until the block ends, as it is."""
    given = Settings(state_dir=folder, listen="127.0.0.1:0", insecure_cookies=True, **settings)
    app = create_app(given, ledger, KEY, now=now, pages=False)
    server = make_server(app, given)
    if limits is not None:
        gate = Gate(given.connections, given.connections_per_source)
        server.config.http = protocol_within(Limits(gate, app.state.refuse, **limits))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            yield Running(url, port, ledger, client)
    finally:
        server.should_exit = True
        thread.join()


def refusals(ledger: Ledger) -> dict[str, int]:
    """Counted refusals by code."""
    with ledger.read() as tx:
        return tx.trail.counts()


def settled(ledger: Ledger) -> dict[str, int]:
    """Counted refusals once none is on its way any more: they are written a moment after the sender was answered."""
    counted, since = refusals(ledger), time.monotonic()
    while time.monotonic() - since < 1.0:
        time.sleep(0.05)
        if (now := refusals(ledger)) != counted:
            counted, since = now, time.monotonic()
    return counted
