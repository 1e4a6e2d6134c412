"""A machine whose key was revoked says so and stops sending; what it holds stays, and a new key goes on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.agent.twin import Machine, problem

from vonggac_agent import revoked, rounds, status
from vonggac_agent.link import Answer
from vonggac_agent.settings import Settings, load_settings
from vonggac_agent.ship import Outcome

GONE = problem(403, "key-revoked", "key is no longer valid")


@pytest.fixture
def settings(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    return load_settings(None)[0]


def ship(settings: Settings, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    class Link:
        ask = staticmethod(machine.collector.ask)

        def __init__(self, *_: Any) -> None: ...
        def close(self) -> None: ...

    monkeypatch.setattr("vonggac_agent.link.HttpLink", Link)
    return rounds.ship_round(settings)


def test_it_stops_sending_keeps_what_is_unsent_and_says_so(
    settings: Settings, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [machine.report(name) for name in "abc"]
    machine.heartbeat()
    machine.collector.refusals = [GONE] * 9
    assert "key-revoked" in ship(settings, machine, monkeypatch).trouble
    asked = len(machine.collector.asked)
    assert asked == 1
    for _ in range(3):
        outcome = ship(settings, machine, monkeypatch)
        assert (outcome.again, "key-revoked" in outcome.trouble) == (False, True)
    assert len(machine.collector.asked) == asked
    assert [link.digest for link in machine.spool.unsent()] == [link.digest for link in links]
    told = status.status(settings, machine.collector.clock())
    assert (told["state"], told["health"]) == ("revoked", "red")
    assert told["spool"]["refused"] == []
    assert "this machine's key was revoked" in told["problems"][0]


def test_with_another_key_it_sends_again(
    settings: Settings, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.report()
    revoked.note(machine.spool, machine.identity, "403 key-revoked", machine.collector.clock())
    other = msgspec.structs.replace(machine.identity, keyid="0" * 64)
    assert revoked.read(machine.spool, other) is None
    assert revoked.read(machine.spool, machine.identity) is not None


def test_only_the_collectors_own_word_ends_the_sending(
    settings: Settings, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.report()
    machine.collector.refusals = [Answer(403, {}, b"<html> key-revoked </html>")]
    ship(settings, machine, monkeypatch)
    assert revoked.read(machine.spool, machine.identity) is None
