"""Threads beside the collector."""

from __future__ import annotations

import pytest

from vonggac_collector import background
from vonggac_collector.background import Background


class Twice(Background):
    def __init__(self) -> None:
        super().__init__("twice")
        self.begun = 0

    def run(self) -> None:
        self.begun += 1
        if self.begun == 1:
            raise ZeroDivisionError
        self._stop.wait()


def test_a_thread_that_fails_without_anybody_having_foreseen_it_begins_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "_AGAIN_S", 0.0)
    thread = Twice()
    thread.start()
    for _ in range(1_000):
        if thread.begun == 2:
            break
        thread._stop.wait(0.01)
    thread.stop()
    assert thread.begun == 2
