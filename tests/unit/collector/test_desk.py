"""What waits to be written is bounded, and who is sent away is given a turn."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vonggac_collector.desk import LONGEST_TURN_S, MAX_WAITING, Desk, Turns
from vonggac_collector.errors import Full
from vonggac_collector.http.refusals import refused


class Held:
    """A ledger whose writer waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    @contextmanager
    def batch(self, senders: set[str]) -> Iterator[None]:
        """One transaction."""
        yield


def test_no_more_waits_than_may_and_what_waits_is_done_in_the_end() -> None:
    ledger: Any = Held()
    desk, began = Desk(ledger), threading.Event()

    def hold() -> None:
        began.set()
        ledger.go.wait(30)

    desk.start()
    first = desk.submit(hold)
    assert began.wait(30)
    waiting = [desk.submit(lambda n=n: n) for n in range(MAX_WAITING)]  # type: ignore[misc]
    turns = []
    for _ in range(100):
        with pytest.raises(Full) as full:
            desk.submit(lambda: None)
        turns.append(full.value.turn())
    ledger.go.set()
    assert [work.result(30) for work in waiting] == list(range(MAX_WAITING))
    assert first.result(30) is None
    desk.stop()
    assert turns == sorted(turns)
    assert turns[0] > 0


def test_turns_are_given_one_after_the_other_at_the_pace_of_the_desk_behind_all_that_wait() -> None:
    turns = Turns()
    for _ in range(200):
        turns.worked(10, 0.1)
    assert turns.each_s == pytest.approx(0.01)
    given = [turns.give(1000.0, 1_000) for _ in range(9_000)]
    assert given[0] == pytest.approx(10.01, rel=1e-3)
    assert given[-1] == pytest.approx(100, rel=1e-2), "ten thousand in a hundred seconds, as the desk can"
    a_second = [sum(second <= turn < second + 1 for turn in given) for second in range(11, 99)]
    assert min(a_second) >= 99
    assert max(a_second) <= 101
    later = turns.give(1050.0, 0)
    assert later == pytest.approx(50, rel=1e-2), "behind the turns that were given"
    assert turns.give(2000.0, 0) == pytest.approx(0.01), "when nobody is left to come, at once"


def test_none_is_given_for_later_than_agents_look_again_and_a_flood_takes_no_more() -> None:
    turns = Turns()
    random.seed(1)
    given = [turns.give(1000.0, 1_000) for _ in range(300_000)]
    assert max(given) <= LONGEST_TURN_S
    beyond = given[-1_000:]
    assert min(beyond) < 30
    assert max(beyond) > LONGEST_TURN_S - 30
    assert turns.give(1000.0 + LONGEST_TURN_S, 0) < 1, "and is forgotten by then"


def test_a_server_that_is_away_is_no_pace() -> None:
    turns = Turns()
    for _ in range(100):
        turns.worked(1, 30.0)
    assert turns.each_s <= 0.1


class Refusing:
    """A desk's answer as it is told over HTTP."""

    def __init__(self, turn: float) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/agent/v1/envelopes",
            "client": ("::1", 1),
            "headers": [],
        }
        self.counted: list[str] = []
        self.answer = refused(scope, Full(lambda: turn), lambda code, peer, detail: self.counted.append(code))


def test_a_turn_is_told_in_whole_seconds() -> None:
    told = Refusing(10.2)
    assert (told.answer.status_code, told.answer.headers["retry-after"]) == (503, "11")
    assert told.counted == ["busy"]
    assert Refusing(0.01).answer.headers["retry-after"] == "1"
