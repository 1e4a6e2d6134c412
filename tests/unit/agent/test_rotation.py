"""A machine changes its key by itself, and never is without one; after a fork it goes on as soon as it may."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.agent.real import RealCollector, Station, reported
from tests.unit.agent.twin import Clock, problem
from tests.unit.collector.conftest import ADMIN, KEY, NOW
from tests.unit.collector.test_forks import OFFICER

from vonggac_agent.errors import StateDamaged, Unreachable
from vonggac_agent.link import Answer
from vonggac_agent.rotation import ASKED, FILE, Told, is_old, last_said, want
from vonggac_collector.forks import decide
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.revocation import revoke
from vonggac_contract.envelope import ENROLLED, RECEIPT, envelope_from_bytes, envelope_to_bytes, seal


@pytest.fixture
def collector() -> RealCollector:
    return RealCollector(Clock(NOW))


@pytest.fixture
def station(tmp_path: Path, collector: RealCollector) -> Station:
    return reported(tmp_path, collector)


def keys(station: Station) -> list[str]:
    return [p.name for p in station.folder.glob("key-*")]


def said(station: Station) -> Told | None:
    with station.opened() as spool:
        return last_said(spool)


def test_a_key_is_changed_when_it_is_wanted_and_reports_go_on_in_the_next_epoch(station: Station) -> None:
    before = station.who
    want(station.folder)
    assert not station.ship().trouble
    assert (station.who.enrolled.epoch, station.who.keyid != before.keyid) == (2, True)
    assert keys(station) == [f"key-{station.who.keyid}.pem"]
    assert not {FILE, ASKED} & {p.name for p in station.folder.iterdir()}
    station.look("b")
    assert station.ship().received == 1
    assert station.collector.committed(before.enrolled.agent_id) == [(1, 1), (2, 1)]
    assert station.collector.faults() == []


def test_a_key_grows_old_and_is_then_changed_once(station: Station) -> None:
    station.collector.clock.forward(days=300)
    station.ship()
    assert station.who.enrolled.epoch == 1
    station.collector.clock.forward(days=65)
    station.again()
    station.ship()
    assert (station.who.enrolled.epoch, len(station.collector.rotations())) == (2, 1)


def test_keys_enrolled_together_are_not_changed_together_and_none_later_than_its_time(
    station: Station,
) -> None:
    ages = set()
    for first in ("00000000", "80000000", "ffffffff"):
        who = msgspec.structs.replace(station.who, keyid=first + "0" * 56)
        ages.add(next(d for d in range(1, 400) if is_old(who, 365, NOW + timedelta(days=d))))
    assert ages == {329, 347, 365}
    assert not is_old(station.who, 0, NOW + timedelta(days=9999))


def test_a_clock_that_ran_ahead_changes_the_key_once_more_and_not_at_every_round(station: Station) -> None:
    station.collector.clock.forward(days=3650)
    station.ship()
    station.collector.clock.forward(days=-3650)
    station.again()
    station.ship()
    assert station.who.enrolled.epoch == 3


def test_nothing_is_asked_for_while_anything_is_unsent(station: Station) -> None:
    station.look("b")
    want(station.folder)
    station.collector.lies = [lambda answer: problem(503, "busy", "later")]
    assert station.ship().again
    assert station.collector.rotations() == []
    station.collector.clock.forward(hours=1)
    station.ship()
    assert station.who.enrolled.epoch == 2


def test_no_private_key_leaves_the_machine(station: Station) -> None:
    want(station.folder)
    station.ship()
    secret = (station.folder / keys(station)[0]).read_bytes()
    assert all(secret not in body for _, body in station.collector.asked)


def _lost(_: Answer) -> Answer:
    raise Unreachable("reset by peer")


def test_a_lost_answer_is_asked_for_with_the_very_same_bytes(station: Station) -> None:
    want(station.folder)
    station.collector.lies = [_lost]
    assert station.ship().again
    assert station.who.enrolled.epoch == 1
    station.ship()
    assert station.who.enrolled.epoch == 2
    first, again = station.collector.rotations()
    assert first == again
    assert station.collector.faults() == []


def test_what_was_sealed_while_the_answer_was_lost_is_sealed_again_and_received(station: Station) -> None:
    want(station.folder)
    station.collector.lies = [_lost]
    station.ship()
    station.look("b")
    station.beat()
    station.look("c")
    station.again()
    agent = station.who.enrolled.agent_id
    assert station.collector.committed(agent) == [(1, 1), (2, 1), (2, 2)]
    assert station.unsent() == []
    assert station.collector.faults() == []


def test_a_request_that_never_arrived_names_the_new_end_of_the_chain_when_it_is_made_again(
    station: Station,
) -> None:
    def never(method: str, path: str, body: bytes | None = None, *, limit: int = 0) -> Answer:
        raise Unreachable("no route")

    want(station.folder)
    asks = station.collector.ask
    station.collector.ask = never  # type: ignore[method-assign]
    assert station.ship().again
    station.collector.ask = asks  # type: ignore[method-assign]
    station.look("b")
    station.again()
    assert station.collector.committed(station.who.enrolled.agent_id) == [(1, 1), (1, 2)]
    assert station.who.enrolled.epoch == 2
    assert station.collector.faults() == []


STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


def _other(key: Ed25519PrivateKey = KEY, kind: str = ENROLLED, **other: object) -> Callable[[Answer], Answer]:
    def change(answer: Answer) -> Answer:
        enrolled = msgspec.json.decode(envelope_from_bytes(answer.body).payload)
        return Answer(200, {}, envelope_to_bytes(seal(kind, msgspec.json.encode(enrolled | other), key)))

    return change


LIES: dict[str, Callable[[Answer], Answer]] = {
    "a captive portal": lambda a: Answer(200, {}, b"<html>"),
    "cut short": lambda a: Answer(200, {}, a.body[:-9]),
    "sealed by another key than the pinned one": _other(STRANGER),
    "another collector's from now on": _other(
        STRANGER, collector_key=STRANGER.public_key().public_bytes_raw()
    ),
    "another pin under the pinned key": _other(collector_key=STRANGER.public_key().public_bytes_raw()),
    "another machine": _other(agent_id="0b9e4a52-7c3d-4f61-9a58-2f4d6c1e8b70"),
    "the same epoch": _other(epoch=1),
    "an epoch too far": _other(epoch=3),
    "another key": _other(public_key="A" * 43 + "="),
    "another payload type": _other(kind=RECEIPT),
    "202 of nobody": lambda a: Answer(202, {}, b"<html>"),
}


@pytest.mark.hostile
@pytest.mark.parametrize("name", LIES)
def test_a_false_answer_changes_no_key_and_the_true_one_is_asked_for_again(
    station: Station, name: str
) -> None:
    before = station.who
    want(station.folder)
    station.collector.lies = [LIES[name]]
    assert station.ship().again
    assert station.who == before
    station.ship()
    assert station.who.enrolled.epoch == 2


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(403, {}, b"<html>"),
        Answer(404, {}, b""),
        problem(500, "internal", "x"),
        problem(503, "busy", "x"),
    ],
)
def test_a_refusal_by_something_in_the_collectors_place_gives_no_key_up(
    station: Station, refusal: Answer
) -> None:
    want(station.folder)
    station.collector.lies = [lambda _: refusal]
    assert station.ship().again
    station.ship()
    assert station.who.enrolled.epoch == 2


def test_a_refusal_is_told_and_made_again_a_day_later_at_the_earliest(station: Station) -> None:
    station.days = 1
    station.collector.clock.forward(days=2)
    station.collector.lies = [lambda _: problem(409, "head-mismatch", "it ends elsewhere")]
    assert "head-mismatch" in station.ship().trouble
    for _ in range(3):
        station.ship()
    assert len(station.collector.rotations()) == 1
    told = said(station)
    assert told is not None
    assert "head-mismatch" in told.why
    station.collector.clock.forward(days=1)
    station.ship()
    assert (station.who.enrolled.epoch, said(station)) == (2, None)


def test_an_answer_that_was_lost_after_a_refusal_is_asked_for_as_soon_as_the_old_key_is_refused(
    station: Station,
) -> None:
    want(station.folder)
    station.collector.lies = [lambda _: problem(409, "head-mismatch", "it ends elsewhere")]
    station.ship()
    station.look("b")
    station.ship()
    assert station.who.enrolled.epoch == 2
    assert station.again().trouble == ""
    assert station.collector.committed(station.who.enrolled.agent_id) == [(1, 1), (2, 1)]


def test_a_revoked_machine_gets_no_new_key_and_keeps_the_one_it_has(station: Station) -> None:
    revoke(station.collector.ledger, ADMIN, station.who.enrolled.agent_id, "stolen", NOW)
    before = keys(station)
    want(station.folder)
    assert "key-revoked" in station.ship().trouble
    assert keys(station) == before
    assert not (station.folder / FILE).exists()


def test_what_an_epoch_left_unsent_is_sealed_again_after_a_new_enrolment(station: Station) -> None:
    agent = station.who.enrolled.agent_id
    revoke(station.collector.ledger, ADMIN, agent, "disk lost", NOW)
    station.look("b")
    station.ship()
    station.look("c")
    station.enrol(station.collector.desk.token(host=agent), again=True)
    station.ship()
    assert station.collector.committed(agent) == [(1, 1), (2, 1), (2, 2)]
    assert station.collector.faults() == []


@pytest.mark.parametrize("after", [0, 1])
def test_a_collector_restored_from_before_the_change_gets_key_and_reports_from_the_machine(
    station: Station, after: int
) -> None:
    ledger = station.collector.ledger
    assert isinstance(ledger, MemoryLedger)
    saved = copy.deepcopy(ledger._store)
    for name in "bc"[:after]:
        station.look(name)
        station.ship()
    want(station.folder)
    station.ship()
    station.look("d")
    station.ship()
    assert station.who.enrolled.epoch == 2
    ledger._store = saved
    station.look("e")
    for _ in range(3):
        station.ship()
    station.look("f")
    station.again()
    agent = station.who.enrolled.agent_id
    expected = [*((1, n) for n in range(1, 2 + after)), (2, 1), (2, 2), (2, 3)]
    assert station.collector.committed(agent) == expected
    assert station.collector.faults() == []


class Parted:
    """A machine and a copy of its state from before its last report; each has sealed and sent since."""

    def __init__(self, station: Station, tmp_path: Path) -> None:
        self.collector, self.now = station.collector, station
        self.then = station.copied(tmp_path / "snapshot")
        self.agent = station.who.enrolled.agent_id
        self.now.look("b")
        assert self.now.ship().received == 1
        self.then.look("c")
        assert "seq-fork" in self.then.ship().trouble
        self.now.look("d")
        assert "agent-quarantined" in self.now.ship().trouble

    def decide(self, decision: str) -> None:
        decide(self.collector.ledger, OFFICER, self.agent, decision, "đã hỏi", self.collector.clock())


@pytest.fixture
def parted(station: Station, tmp_path: Path) -> Parted:
    return Parted(station, tmp_path)


def test_a_machine_set_back_to_a_snapshot_goes_on_by_itself_after_the_decision_and_loses_nothing(
    parted: Parted,
) -> None:
    parted.then.look("e")
    parted.then.again()
    told = said(parted.then)
    assert told is not None
    assert told.undecided
    assert parted.then.who.enrolled.epoch == 1
    parted.decide("restored")
    parted.then.ship()
    assert (parted.then.who.enrolled.epoch, said(parted.then)) == (2, None)
    parted.then.ship()
    assert parted.collector.committed(parted.agent) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    parted.then.look("f")
    assert parted.then.ship().received == 1
    assert parted.collector.faults() == []


def test_a_machine_that_waits_for_a_decision_leaves_a_collector_alone_that_asks_for_it(
    parted: Parted,
) -> None:
    with parted.then.opened() as spool:
        later = parted.collector.clock() + timedelta(minutes=30)
        spool.write_notes(not_before=later.isoformat())
    asked = len(parted.collector.asked)
    assert parted.then.ship().again
    assert len(parted.collector.asked) == asked


def test_the_other_machine_does_not_go_on_and_says_why(parted: Parted) -> None:
    parted.decide("restored")
    parted.now.ship()
    told = said(parted.now)
    assert told is not None
    assert "the other machine goes on" in told.why
    assert parted.now.who.enrolled.epoch == 1
    asked = len(parted.collector.rotations())
    parted.now.again()
    assert len(parted.collector.rotations()) == asked
    parted.then.ship()
    parted.collector.clock.forward(days=2)
    assert "key-revoked" in parted.now.ship().trouble


def test_after_a_copy_that_is_gone_the_machine_whose_chain_is_here_goes_on(parted: Parted) -> None:
    parted.decide("stray")
    parted.now.again()
    assert parted.now.who.enrolled.epoch == 2
    assert parted.collector.committed(parted.agent) == [(1, 1), (1, 2), (2, 1)]
    assert parted.collector.faults() == []


def test_two_machines_that_both_live_come_back_with_a_token_each(parted: Parted) -> None:
    parted.decide("clone")
    for each in (parted.now, parted.then):
        assert each.ship().code == "key-revoked"
    parted.now.enrol(parted.collector.desk.token(host=parted.agent), again=True)
    parted.then.enrol(parted.collector.desk.token(), again=True)
    for each in (parted.now, parted.then):
        each.look("z")
        each.ship()
    assert parted.collector.committed(parted.agent) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    other = parted.then.who.enrolled.agent_id
    assert other != parted.agent
    assert parted.collector.committed(other) == [(1, 1)]
    assert parted.collector.faults() == []


def test_a_restored_machine_whose_answer_was_lost_asks_again_and_is_answered_alike(parted: Parted) -> None:
    parted.decide("restored")
    parted.collector.lies = [_lost]
    assert parted.then.ship().again
    assert parted.then.who.enrolled.epoch == 1
    parted.then.again()
    assert parted.then.who.enrolled.epoch == 2
    assert parted.collector.faults() == []


def test_a_damaged_request_is_named(station: Station) -> None:
    (station.folder / FILE).write_bytes(b"{")
    with pytest.raises(StateDamaged, match=FILE):
        station.ship()
