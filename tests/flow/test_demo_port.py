"""Two demonstrations on one machine stay apart."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging" / "demo"))

from vonggac_demo import __main__ as demo


def test_a_port_that_is_kept_is_nobody_else_s_until_the_collector_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with demo.hold(0) as held:
        port = held.getsockname()[1]
        monkeypatch.setattr(demo, "PORT", port)
        assert demo.free_port() != port
        with socket.create_server(("127.0.0.1", port)):
            assert demo.listens(os.getpid(), port)
            with pytest.raises(SystemExit, match=str(port)):
                demo.hold(port)


def test_who_answers_on_the_port_is_not_taken_for_a_collector_that_does_not_listen() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child,
    ):
        assert not demo.listens(child.pid, other.getsockname()[1])
        child.communicate()
