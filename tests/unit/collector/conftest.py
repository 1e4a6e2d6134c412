"""A collector's ledger with a small tree, and what is needed to talk to it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.collector.machines import Machine, a_rulebook

from vonggac_collector import rulebooks
from vonggac_collector.auth import Caller
from vonggac_collector.enrolment import create_token, enrol
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_collector.rotation import rotate
from vonggac_collector.state import make_state
from vonggac_collector.structure import add_system

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
ADMIN = Caller("u-1", "admin", "administrator", "vn")


def plant(ledger: Ledger, now: datetime = NOW) -> None:
    """Two provinces, three agencies, one system each in the first two."""
    with ledger.write() as tx:
        for code, parent, kind in (
            ("vn", None, "root"),
            ("ha-noi", "vn", "province"),
            ("hue", "vn", "province"),
            ("ha-noi/so-y-te", "ha-noi", "agency"),
            ("ha-noi/so-noi-vu", "ha-noi", "agency"),
            ("hue/so-y-te", "hue", "agency"),
        ):
            tx.tree.add_unit(Unit(code, parent, kind, code.title(), code, False, now))  # type: ignore[arg-type]
    add_system(ledger, "hsyt", "ha-noi/so-y-te", 3, "Hồ sơ", "Records", now=now, actor="test")
    add_system(ledger, "hue-portal", "hue/so-y-te", 1, "Cổng", "Portal", now=now, actor="test")
    rulebooks.publish(ledger, a_rulebook(), now=now, actor="test")


class Desk:
    """What a machine's counterpart does, in one call each."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def token(
        self,
        unit: str = "ha-noi/so-y-te",
        system: str | None = "hsyt",
        now: datetime = NOW,
        **more: object,
    ) -> str:
        uses = int(str(more.get("uses", 100)))
        host = more.get("host")
        return create_token(
            self.ledger,
            ADMIN,
            unit,
            system,
            uses,
            now + timedelta(days=400),
            now,
            host=str(host) if host is not None else None,
        )[0]

    def enrol(self, machine: Machine, token: str | None = None, now: datetime = NOW) -> Machine:
        answer = enrol(
            self.ledger,
            machine.request(token or self.token(now=now), now),
            now=now,
            collector_key=KEY,
            peer="test",
        )
        assert answer.status == 200, answer.body()
        machine.enrolled(answer.body())
        return machine

    def rotate(self, raw: bytes, now: datetime = NOW) -> Answer:
        return rotate(self.ledger, raw, now=now, collector_key=KEY, peer="test")

    def accept(self, raw: bytes, now: datetime = NOW) -> Answer:
        return accept(self.ledger, raw, now=now, collector_key=KEY, peer="test")


@functools.cache
def _empty() -> bytes:
    """A ledger as the migrations leave it: they take longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        open_ledger(f"sqlite:///{folder}/ledger.db", upgrade=True).close()
        assert [p.name for p in Path(folder).iterdir()] == ["ledger.db"]
        return Path(folder, "ledger.db").read_bytes()


def sqlite_ledger(folder: Path) -> Ledger:
    """A new one there."""
    file = Path(folder, "ledger.db")
    file.touch(mode=0o600)
    file.write_bytes(_empty())
    return open_ledger(f"sqlite:///{folder}/ledger.db")


@pytest.fixture
def sql_ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = sqlite_ledger(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture(params=["sql", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    made: Ledger = sqlite_ledger(tmp_path) if request.param == "sql" else MemoryLedger()
    yield made
    made.close()


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    plant(ledger)
    return Desk(ledger)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder with the collector's key."""
    made = tmp_path / "state"
    make_state(made)
    return made


@pytest.fixture
def machine(desk: Desk) -> Machine:
    return desk.enrol(Machine())


MakeLedger = Callable[[], Ledger]
