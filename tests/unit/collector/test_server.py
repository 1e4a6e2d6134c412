"""The address that the collector listens on, and the files of secrets that it is given."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from vonggac_collector.errors import SettingsError
from vonggac_collector.server import listening
from vonggac_collector.settings import load_settings
from vonggac_collector.state import read_secret


def test_an_address_that_is_taken_is_named_with_the_setting_that_changes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setenv("VONGGAC_LISTEN", taken)
        with pytest.raises(SettingsError, match=f"{taken} .*Address already in use.*VONGGAC_LISTEN="):
            listening(load_settings(None))


def test_an_address_of_another_machine_is_refused_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VONGGAC_BEHIND_PROXY", "true")
    monkeypatch.setenv("VONGGAC_LISTEN", "192.0.2.1:8440")
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:8440 .*VONGGAC_LISTEN="):
        listening(load_settings(None))


def test_what_is_listened_on_is_said_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VONGGAC_LISTEN", "127.0.0.1:0")
    settings = load_settings(None)
    with capture_logs() as said, listening(settings) as listener:
        port = listener.getsockname()[1]
    assert [line["event"] for line in said] == [f"listening on http://127.0.0.1:{port}"]


def test_a_secret_that_cannot_be_read_is_named_with_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"word: No such file .*; is the path right"):
        read_secret(tmp_path / "word")
