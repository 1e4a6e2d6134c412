"""Several web processes: when they are started again, and where they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_collector.cli import main
from vonggac_collector.processes import pause_after

LIVES = st.lists(st.floats(0, 300), max_size=40)


def pauses(lives: list[float]) -> list[float]:
    made = [0.0]
    for lived in lives:
        made.append(pause_after(lived, made[-1]))
    return made[1:]


@given(LIVES)
def test_a_process_is_started_again_within_a_minute_whatever_it_did_before(lives: list[float]) -> None:
    assert all(1 <= pause <= 60 for pause in pauses(lives))


def test_one_that_dies_again_and_again_waits_longer_each_time_until_it_has_lived_a_minute() -> None:
    assert pauses([1.0] * 8) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pauses([1.0, 1.0, 1.0, 90.0, 1.0]) == [1, 2, 4, 1, 2]


def test_sqlite_has_one_process_and_the_refusal_says_what_more_would_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(tmp_path / "state"))
    assert main(["init", "--password-file", str(tmp_path / "password")]) == 0
    assert main(["serve", "--workers", "2"]) == 2
    monkeypatch.setenv("VONGGAC_WORKERS", "3")
    assert main(["serve"]) == 2
    told = capsys.readouterr().err
    for number in (2, 3):
        assert f"{number} web processes need PostgreSQL: SQLite lets one process write at a time" in told
    for wrong in ("0", "65", "x"):
        with pytest.raises(SystemExit):
            main(["serve", "--workers", wrong])
    monkeypatch.setenv("VONGGAC_WORKERS", "0")
    assert main(["serve"]) == 2
    assert "VONGGAC_WORKERS" in capsys.readouterr().err
