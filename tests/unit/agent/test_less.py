"""A changed report is sent as what differs from the last one received, and whole by whatever goes wrong with that."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.unit.agent.test_relay import Way
from tests.unit.agent.test_relay import ship as ship_through
from tests.unit.agent.test_ship import ship
from tests.unit.agent.twin import Clock, Machine, problem

from vonggac_agent import boxkey, less
from vonggac_agent.errors import Unreachable
from vonggac_agent.link import Answer
from vonggac_agent.spool_rows import Link
from vonggac_contract.delta import delta_from_envelope
from vonggac_contract.envelope import DELTA, REPORT, envelope_from_bytes

PACKAGES = [{"name": f"p{n}", "version": f"{random.Random(n).random()}"} for n in range(2_000)]


def change(machine: Machine, name: str, **other: Any) -> Link:
    """Seal a report that tells nearly what the one before told, at a length at which that matters."""
    return machine.report(name, packages=[*PACKAGES, name], **other)


def sent(machine: Machine) -> list[tuple[str, int]]:
    """Kind and bytes of what was posted, since this was asked last."""
    bodies = [body for _, path, body in machine.collector.asked if path.endswith("/envelopes")]
    machine.collector.asked.clear()
    return [(envelope_from_bytes(body).payload_type, len(body)) for body in bodies]


def kinds(machine: Machine) -> list[str]:
    return [kind for kind, _ in sent(machine)]


@pytest.fixture
def told(machine: Machine) -> Machine:
    """A machine whose first report was received."""
    change(machine, "a")
    assert ship(machine).received == 1
    assert kinds(machine) == [REPORT]
    return machine


@pytest.mark.parametrize("error", [MemoryError(), ImportError("no zstd"), ValueError()])
def test_whatever_keeps_a_delta_from_being_made_the_whole_report_goes(
    told: Machine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(less, "make_delta", fails)
    change(told, "b")
    assert ship(told).received == 1
    assert kinds(told) == [REPORT]


@pytest.mark.parametrize("status", [200, 202])
def test_a_delta_that_got_no_receipt_goes_whole_the_next_time(told: Machine, status: int) -> None:
    change(told, "b")
    told.collector.lies = [lambda _: Answer(status, {}, b"<html>sign in</html>")]
    assert ship(told).received == 0
    assert ship(told).received == 1
    assert kinds(told) == [DELTA, REPORT]


def test_a_changed_report_goes_as_a_few_bytes_and_the_collector_has_it_whole(told: Machine) -> None:
    link = change(told, "b")
    whole = told.spool.envelope(link)
    assert ship(told).received == 1
    ((kind, size),) = sent(told)
    assert kind == DELTA
    assert size < 2_000 < len(whole) / 10
    assert told.collector.reports[link.digest] == envelope_from_bytes(whole)
    assert told.collector.committed[told.chain][2] == link.digest
    assert told.spool.sizes() == (0, 0)


def test_several_that_wait_go_each_as_what_differs_from_the_one_just_received(told: Machine) -> None:
    links = [change(told, name) for name in "bcd"]
    assert ship(told).received == 3
    assert kinds(told) == [DELTA] * 3
    bases = [delta_from_envelope(envelope).base for envelope in told.collector.deltas]
    assert bases == [told.collector.committed[told.chain][1], links[0].digest, links[1].digest]


def test_a_section_that_is_new_again_is_told_by_the_report_that_brought_it_not_by_those_that_only_name_it(
    told: Machine,
) -> None:
    first = told.collector.committed[told.chain][1]
    for name in "bc":
        told.report(name, packages=[*PACKAGES, "a"])
        ship(told)
    change(told, "d")
    ship(told)
    ((kind, size),) = sent(told)[-1:]
    assert kind == DELTA
    assert size < 2_000
    assert delta_from_envelope(told.collector.deltas[-1]).base == first


def test_what_is_small_or_all_new_goes_whole_as_does_a_heartbeat(told: Machine) -> None:
    told.report("b")
    told.heartbeat()
    ship(told)
    told.report("c", packages=[{"name": "new", "version": str(n * n)} for n in range(3_000)])
    ship(told)
    assert DELTA not in kinds(told)


def test_an_older_collector_is_sent_the_whole_at_once_and_asked_again_a_day_later(
    told: Machine, clock: Clock
) -> None:
    told.collector.knows_deltas = False
    for name in "bc":
        change(told, name)
        assert ship(told).received == 1
    assert kinds(told) == [DELTA, REPORT, REPORT]
    assert told.spool.refused() == []
    told.collector.knows_deltas = True
    clock.forward(days=1)
    change(told, "d")
    ship(told)
    assert kinds(told) == [DELTA]


def test_a_clock_that_was_set_back_keeps_no_delta_from_being_tried(told: Machine, clock: Clock) -> None:
    told.collector.knows_deltas = False
    change(told, "b")
    ship(told)
    clock.forward(days=-400)
    change(told, "c")
    ship(told)
    assert kinds(told) == [DELTA, REPORT, DELTA, REPORT]


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (problem(422, "not-rebuilt", "another zlib"), [REPORT]),
        (problem(422, "malformed", "a frame"), [REPORT]),
        (problem(413, "too-large", "of what was made"), [REPORT]),
        (problem(415, "media-type", "by something between"), [REPORT]),
        (problem(409, "epoch-mismatch", ""), [REPORT]),
        (problem(500, "internal", "a fault of deltas only"), [REPORT]),
        (Answer(418, {}, b"<html>a proxy's own page</html>"), [REPORT]),
        (problem(422, "base-unknown", "let go"), [DELTA]),
    ],
)
def test_whatever_else_is_said_of_a_delta_the_whole_goes_in_the_same_round_and_its_answer_counts(
    told: Machine, answer: Answer, again: list[str]
) -> None:
    told.collector.refusals = [answer]
    change(told, "b")
    outcome = ship(told)
    assert (outcome.received, outcome.refused, outcome.trouble) == (1, 0, "")
    assert kinds(told) == [DELTA, REPORT]
    change(told, "c")
    assert ship(told).received == 1
    assert kinds(told) == again


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (problem(503, "busy", "later", **{"retry-after": "30"}), "unsent"),
        (problem(429, "throttled", "later"), "unsent"),
        (problem(403, "key-revoked", "gone"), "unsent"),
        (problem(401, "unknown-key", "who is it"), "refused"),
        (problem(409, "seq-fork", "another report"), "unsent"),
        (problem(403, "agent-quarantined", "an officer decides"), "unsent"),
    ],
)
def test_what_concerns_the_machine_or_the_moment_is_no_reason_to_send_more(
    told: Machine, answer: Answer, state: str
) -> None:
    told.collector.refusals = [answer]
    change(told, "b")
    assert ship(told).received == 0
    assert kinds(told) == [DELTA]
    tail = told.spool.tail(told.chain)
    assert tail is not None
    assert tail.state == state


@pytest.mark.net
def test_a_delta_without_an_answer_is_followed_by_the_whole_in_the_next_round_and_both_are_one_report(
    told: Machine, clock: Clock
) -> None:
    def lost(_: Answer) -> Answer:
        raise Unreachable("reset by peer")

    told.collector.lies = [lost]
    link = change(told, "b")
    assert ship(told).again
    clock.forward(hours=1)
    assert ship(told).received == 1
    assert kinds(told) == [DELTA, REPORT]
    assert told.collector.committed[told.chain][2] == link.digest
    assert told.collector.forks == []
    change(told, "c")
    ship(told)
    assert kinds(told) == [DELTA]


def test_a_collector_that_was_set_back_gets_all_it_lacks_and_then_deltas_again(told: Machine) -> None:
    for name in "bc":
        change(told, name)
        ship(told)
    sent(told)
    for number in (2, 3):
        told.collector.committed[told.chain].pop(number)
    change(told, "d")
    assert ship(told).received == 3
    # The second is told by the first, which was not lost, and so on to the last, by the third again.
    assert kinds(told) == [DELTA, REPORT, DELTA, DELTA, DELTA]
    change(told, "e")
    ship(told)
    assert kinds(told) == [DELTA]


def test_a_spool_without_room_keeps_nothing_for_deltas(told: Machine) -> None:
    change(told, "b")
    with told.spool._database._connection as connection:
        connection.execute("UPDATE link SET envelope = NULL WHERE state = 'received'")
    assert ship(told).received == 1
    assert kinds(told) == [REPORT]


def test_what_an_earlier_release_packed_otherwise_goes_whole(
    told: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vonggac_contract.envelope._LEVEL", 9)
    change(told, "b")
    monkeypatch.undo()
    assert ship(told).received == 1
    assert kinds(told) == [REPORT]


def test_a_key_that_cannot_be_read_keeps_no_report_back(told: Machine) -> None:
    change(told, "b")
    (key,) = told.folder.glob(f"*{told.identity.keyid}*")
    key.unlink()
    assert ship(told).received == 1
    assert kinds(told) == [REPORT]


@pytest.mark.usb
def test_through_a_relay_goes_no_more_than_on_a_line(told: Machine) -> None:
    way = Way(told.collector)
    boxkey.keep(told.folder, told.collector.public, way.notice())
    change(told, "b")
    assert ship_through(told, way).received == 1
    assert kinds(told) == [DELTA]
    assert len(way.seen[0]) < 3_500
