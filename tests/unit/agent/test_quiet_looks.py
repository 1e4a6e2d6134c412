"""When the service speaks to its collector: at once of what is new, once an hour of looks that there is nothing new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.agent.twin import NOW, Clock, Machine, problem

from vonggac_agent import rounds
from vonggac_agent.child import main as child
from vonggac_agent.rotation import ASKED, want
from vonggac_agent.settings import load_settings
from vonggac_agent.ship import Outcome, Shipper


def ship(machine: Machine) -> Outcome:
    return Shipper(machine.folder, machine.spool, machine.identity, machine.collector, Clock()).run()


@pytest.fixture
def due(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Whether the service would send now; the machine's first report was received."""
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    machine.report()
    assert ship(machine).received == 1
    return lambda: rounds.has_to_send(load_settings(None)[0])


def test_of_four_looks_that_find_nothing_new_the_last_is_told(
    machine: Machine, due: Callable[[], bool]
) -> None:
    for _ in range(3):
        told = []
        for _ in range(4):
            machine.heartbeat()
            told.append(due())
        assert told == [False, False, False, True]
        assert ship(machine).received == 1
        assert not due()


def test_what_is_new_is_told_at_once_and_counts_as_having_spoken(
    machine: Machine, due: Callable[[], bool]
) -> None:
    for _ in range(3):
        machine.heartbeat()
    machine.report("new")
    assert due()
    assert ship(machine).received == 1
    for _ in range(3):
        machine.heartbeat()
        assert not due()


@pytest.mark.parametrize(
    ("interval", "heartbeat", "looks"), [(60, 60, 1), (3600, 900, 1), (1000, 3600, 3), (900, 21_600, 24)]
)
def test_an_hour_is_counted_in_looks(
    machine: Machine,
    due: Callable[[], bool],
    monkeypatch: pytest.MonkeyPatch,
    interval: int,
    heartbeat: int,
    looks: int,
) -> None:
    """And not by a clock: one that is set, or a machine that slept, makes nobody silent or talkative."""
    monkeypatch.setenv("VONGGAC_INTERVAL_S", str(interval))
    monkeypatch.setenv("VONGGAC_HEARTBEAT_S", str(heartbeat))
    made = 0
    while not due():
        machine.heartbeat()
        made += 1
    assert made == looks


def test_while_an_officer_has_to_decide_or_something_went_wrong_it_asks_after_every_look(
    machine: Machine, due: Callable[[], bool]
) -> None:
    machine.spool.write_notes(rotation='{"undecided": true}')
    assert due()
    machine.spool.write_notes(rotation="")
    assert not due()
    want(machine.folder)
    assert due()
    (machine.folder / ASKED).unlink()
    assert not due()
    machine.report("new")
    machine.collector.refusals = [problem(503, "busy", "later", **{"retry-after": "0"})]
    ship(machine)
    machine.spool.write_notes(not_before="")
    assert due()
    assert ship(machine).received == 1
    assert not due()
    machine.spool.quarantine(machine.chain, "409 seq-fork report 1", NOW + timedelta(days=1))
    assert due()


def test_a_child_that_has_nothing_to_tell_opens_no_line(
    machine: Machine, due: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its collector's address leads nowhere: a line that was tried would be a failure."""
    monkeypatch.setattr(
        rounds, "restrain", lambda *_, **__: None
    )  # or this very process would be modest for good
    machine.heartbeat()
    machine.spool.close()
    assert not due()
    assert child(["ship-due"]) == 0
    assert child(["ship"]) == 75
