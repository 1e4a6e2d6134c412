"""A disk that fills up is said once, in figures always, and costs nobody a page; neither does a log without space."""

from __future__ import annotations

import errno
import io
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.unit.collector.conftest import NOW, plant

from vonggac_collector import space
from vonggac_collector.auth import sessions
from vonggac_collector.auth.throttle import Throttle
from vonggac_collector.errors import StoreFailed
from vonggac_collector.ledger.interface import Ledger, Transaction
from vonggac_collector.log import Patient
from vonggac_collector.people import add_user
from vonggac_collector.space import Disk, Watch, disk_of


def test_a_disk_that_fills_up_is_said_once_and_so_is_that_it_has_space_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []
    watch = Watch(tmp_path)
    for used in (0.5, 0.84, 0.85, 0.99, 0.84, 0.86, 0.79, 0.84, 0.9):
        monkeypatch.setattr(space, "disk_of", lambda _folder, used=used: Disk(used, 1_000))
        with capture_logs() as logs:
            watch.look()
        told += [f"{used} {line['event']}" for line in logs]
    assert told == [
        "0.85 the ledger's disk fills up",
        "0.79 the ledger's disk has space again",
        "0.9 the ledger's disk fills up",
    ]


def test_a_disk_that_cannot_be_asked_is_said(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Watch(tmp_path / "gone").look()
    assert [line["event"] for line in logs] == ["the ledger's disk cannot be asked"]


def test_used_is_what_df_says(tmp_path: Path) -> None:
    disk = disk_of(tmp_path)
    assert 0 <= disk.used <= 1
    assert disk.warning is (disk.used >= 0.85)


class Full(io.StringIO):
    """A disk without space until `space` is set."""

    space = False

    def write(self, text: str) -> int:
        if not self.space:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_lines_that_the_logs_disk_had_no_space_for_are_counted_and_told() -> None:
    inner = Full()
    stream = Patient(inner)
    for n in range(3):
        assert stream.write(f"{n}\n") == 2
    inner.space = True
    stream.write("3\n")
    stream.write("4\n")
    assert inner.getvalue() == '{"event": "log lines were lost", "number": 3}\n3\n4\n'


class Unwritable:
    """A ledger whose disk is full."""

    def __init__(self, inner: Ledger) -> None:
        self.read = inner.read

    def write(self) -> AbstractContextManager[Transaction]:
        raise StoreFailed("FullError: database or disk is full")


def test_a_session_is_good_while_its_use_cannot_be_written_down(ledger: Ledger) -> None:
    plant(ledger)
    add_user(ledger, "lan", "auditor", "vn", "rat-dai-va-kho-doan", now=NOW, actor="test")
    secret = sessions.sign_in(ledger, Throttle(ledger), "lan", "rat-dai-va-kho-doan", now=NOW, peer="test")
    later = NOW + timedelta(minutes=30)
    found = sessions.find(Unwritable(ledger), secret, later)  # type: ignore[arg-type]
    assert found is not None
    assert found[1].name == "lan"
    assert found[0].seen_at == NOW
