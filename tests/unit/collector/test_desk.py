"""What waits to be written is bounded, and who is sent away is given a turn."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vonggac_collector.desk import MAX_WAITING, Desk, Turns
from vonggac_collector.errors import Full
from vonggac_collector.http.refusals import MOST_RETRY_AFTER_S, at_turn


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


def test_a_turn_is_told_in_whole_seconds_and_none_is_later_than_agents_look_again() -> None:
    assert at_turn(0.01) == {"Retry-After": "1"}
    assert at_turn(10.2) == {"Retry-After": "11"}
    random.seed(1)
    told = [int(at_turn(5_000.0)["Retry-After"]) for _ in range(1_000)]
    assert 1 <= min(told) < 30
    assert MOST_RETRY_AFTER_S - 30 < max(told) <= MOST_RETRY_AFTER_S
