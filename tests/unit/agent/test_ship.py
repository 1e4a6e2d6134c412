"""What each answer of a collector means: only a receipt for exactly this envelope lets it go."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.agent.twin import Clock, Collector, Machine, problem, rulebook_bytes

from vonggac_agent import rulebooks
from vonggac_agent.errors import Unreachable
from vonggac_agent.link import MAX_ANSWER_BYTES, Answer
from vonggac_agent.look import look
from vonggac_agent.settings import load_settings
from vonggac_agent.ship import CAP_S, Outcome, Shipper
from vonggac_agent.spool_rows import Link
from vonggac_contract.envelope import REPORT, envelope_from_bytes, envelope_to_bytes, seal
from vonggac_contract.report import SECTION_TOPICS, statement_from_envelope


def ship(machine: Machine, chance: float = 0.5) -> Outcome:
    collector = machine.collector
    return Shipper(
        machine.folder, machine.spool, machine.identity, collector, collector.clock, lambda: chance
    ).run()


def sent(collector: Collector) -> int:
    return sum(path == "/agent/v1/envelopes" for _, path, _ in collector.asked)


def test_reports_go_out_oldest_first_and_a_receipt_lets_each_go(machine: Machine) -> None:
    links = [machine.report(name) for name in "abc"]
    outcome = ship(machine)
    assert outcome == Outcome(3, 0, False, "")
    assert machine.collector.committed[machine.chain] == {link.sequence: link.digest for link in links}
    assert machine.spool.unsent() == []
    assert machine.spool.sizes() == (0, 0)


def test_a_heartbeat_goes_out_after_the_report_it_names(machine: Machine) -> None:
    machine.report()
    machine.heartbeat()
    assert ship(machine).received == 2
    assert machine.collector.heartbeats == {machine.chain: 1}
    beat = machine.spool.beat(machine.chain)
    assert beat is not None
    assert beat.state == "received"


def test_the_same_bytes_go_out_again_when_the_reply_was_lost(machine: Machine) -> None:
    def lost(answer: Answer) -> Answer:
        raise Unreachable("reset by peer")

    machine.report()
    machine.collector.lies = [lost]
    assert ship(machine).again
    machine.collector.clock.forward(hours=1)  # type: ignore[attr-defined]
    assert ship(machine).received == 1
    bodies = [body for _, path, body in machine.collector.asked if path.endswith("envelopes")]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    assert machine.collector.forks == []


BadAck = Callable[[Machine, Link, Answer], Answer]


def _receipt(**other: object) -> BadAck:
    def make(machine: Machine, link: Link, _: Answer) -> Answer:
        sealed = machine.collector.sealed(machine.chain, link.digest, **{"sequence": link.sequence, **other})
        return Answer(200, {}, envelope_to_bytes(sealed))

    return make


def _by_another_key(machine: Machine, link: Link, answer: Answer) -> Answer:
    machine.collector.key = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    return _receipt()(machine, link, answer)


def _by_the_agents_own_key(machine: Machine, link: Link, answer: Answer) -> Answer:
    machine.collector.key = machine.key
    return _receipt()(machine, link, answer)


def _as_another_type(machine: Machine, link: Link, answer: Answer) -> Answer:
    payload = machine.collector.sealed(machine.chain, link.digest, sequence=1).payload
    return Answer(200, {}, envelope_to_bytes(seal(REPORT, payload, machine.collector.key)))


def _altered(machine: Machine, link: Link, answer: Answer) -> Answer:
    envelope = machine.collector.sealed(machine.chain, "0" * 64, sequence=1)
    payload = envelope.payload.replace(b"0" * 64, link.digest.encode())
    return Answer(200, {}, envelope_to_bytes(msgspec.structs.replace(envelope, payload=payload)))


BAD_ACKS: dict[str, BadAck] = {
    "a captive portal's page": lambda m, k, a: Answer(200, {}, b"<html>Dang nhap Wi-Fi</html>"),
    "nothing": lambda m, k, a: Answer(200, {}, b""),
    "a receipt cut short": lambda m, k, a: Answer(200, {}, a.body[:-20]),
    "plain JSON that says it is fine": lambda m, k, a: Answer(200, {}, b'{"status": "ok"}'),
    "a packed receipt": lambda m, k, a: Answer(200, {}, gzip.compress(a.body)),
    "another machine's receipt": _receipt(agent_id="11111111-2222-3333-4444-555555555555"),
    "another epoch's receipt": _receipt(epoch=2),
    "another number's receipt": _receipt(sequence=2),
    "another envelope's receipt": _receipt(digest="f" * 64),
    "a heartbeat's receipt": _receipt(sequence=0, counter=1),
    "a receipt of an unknown schema": _receipt(schema=2),
    "a receipt by another key": _by_another_key,
    "a receipt by the machine's own key": _by_the_agents_own_key,
    "a receipt under another payload type": _as_another_type,
    "a receipt altered after it was signed": _altered,
    "the envelope itself": lambda m, k, a: Answer(200, {}, m.spool.envelope(k)),
}


@pytest.mark.net
@pytest.mark.parametrize("name", BAD_ACKS)
def test_no_other_answer_than_its_receipt_lets_a_report_go(machine: Machine, name: str) -> None:
    link = machine.report()
    machine.report("b")
    machine.collector.lies = [lambda answer: BAD_ACKS[name](machine, link, answer)]
    outcome = ship(machine)
    assert outcome.received == 0
    assert outcome.again
    assert [kept.sequence for kept in machine.spool.unsent()] == [1, 2]
    assert machine.spool.counter("posture_bad_ack_total") == 1
    assert sent(machine.collector) == 1, "after a lie nothing more is sent in this round"


@pytest.mark.net
@pytest.mark.parametrize("name", BAD_ACKS)
def test_no_bad_receipt_changes_by_what_the_machine_is_judged(machine: Machine, name: str) -> None:
    before = rulebooks.judged_by(machine.folder)
    machine.collector.profile = "forged"
    link = machine.report()
    machine.collector.lies = [lambda answer: BAD_ACKS[name](machine, link, answer)]
    ship(machine)
    assert rulebooks.judged_by(machine.folder) == before


def test_missing_reports_are_sent_again_oldest_first_when_the_collector_asks(machine: Machine) -> None:
    for name in "abc":
        machine.report(name)
    ship(machine)
    machine.collector.committed.clear()  # as after a restore from an old backup
    machine.report("d")
    outcome = ship(machine)
    assert outcome.received == 4
    assert sorted(machine.collector.committed[machine.chain]) == [1, 2, 3, 4]
    assert machine.spool.unsent() == []


def test_an_endless_wish_for_what_is_not_here_ends_the_round(machine: Machine) -> None:
    machine.report("a")
    ship(machine)
    machine.report("b")
    wish = Answer(202, {}, b'{"status": "pending", "missing": [1, 9007199254740991]}')
    machine.collector.refusals = [wish] * 50
    outcome = ship(machine)
    assert outcome.again
    assert sent(machine.collector) <= 4


@pytest.mark.parametrize("body", [b"", b"{}", b'{"status": "pending", "missing": "all"}', b"[1]", b"null"])
def test_a_pending_answer_in_any_other_form_keeps_the_report(machine: Machine, body: bytes) -> None:
    machine.report()
    machine.collector.refusals = [Answer(202, {}, body)]
    assert ship(machine).again
    assert len(machine.spool.unsent()) == 1


@pytest.mark.parametrize("code", ["seq-fork", "agent-quarantined"])
def test_a_fork_stops_sending_for_good_and_keeps_everything(machine: Machine, code: str) -> None:
    machine.report("a")
    machine.report("b")
    machine.collector.refusals = [problem(409, code, "another report has number 1")]
    ship(machine)
    assert machine.spool.quarantined(machine.chain) is not None
    machine.collector.clock.forward(days=2)  # type: ignore[attr-defined]
    machine.heartbeat()
    assert ship(machine) == Outcome(0, 0, False, "")
    assert sent(machine.collector) == 1
    assert machine.spool.sizes()[0] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415, 422])
def test_a_refused_report_is_kept_marked_with_the_reason_and_not_sent_again(
    machine: Machine, status: int
) -> None:
    machine.report("a")
    machine.collector.refusals = [problem(status, "malformed", "line 1 is wrong")]
    assert ship(machine).refused == 1
    (refused,) = machine.spool.refused()
    assert refused.reason == f"{status} malformed line 1 is wrong"
    machine.collector.clock.forward(days=2)  # type: ignore[attr-defined]
    ship(machine)
    assert sent(machine.collector) == 1
    assert machine.spool.envelope(refused)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_machine_spares_the_other_reports(machine: Machine, status: int) -> None:
    for name in "abc":
        machine.report(name)
    machine.collector.refusals = [problem(status, "unknown-key", "who are you")]
    ship(machine)
    assert len(machine.spool.unsent()) == 2


def test_a_machine_that_is_known_again_delivers_what_was_refused(machine: Machine) -> None:
    machine.report("a")
    known, machine.collector.agents = machine.collector.agents, {}
    ship(machine)
    assert len(machine.spool.refused()) == 1
    machine.collector.agents = known
    machine.collector.clock.forward(hours=2)  # type: ignore[attr-defined]
    machine.report("b")
    ship(machine)
    assert sorted(machine.collector.committed[machine.chain]) == [1, 2]
    assert machine.spool.refused() == []


def test_a_heartbeat_brings_back_the_reports_that_the_collector_misses(machine: Machine) -> None:
    for name in "ab":
        machine.report(name)
    ship(machine)
    machine.collector.committed.clear()
    machine.heartbeat()
    assert ship(machine) == Outcome(3, 0, False, "")
    assert sorted(machine.collector.committed[machine.chain]) == [1, 2]
    assert machine.collector.heartbeats == {machine.chain: 1}


def test_a_report_refused_for_itself_is_sent_again_at_most_once_a_day(machine: Machine) -> None:
    machine.report("a")
    machine.collector.refusals = [problem(422, "malformed", "no")]
    ship(machine)
    machine.report("b")
    ship(machine)
    assert sent(machine.collector) == 3, "the second waits for the first, which is not sent again"
    machine.collector.clock.forward(hours=25)  # type: ignore[attr-defined]
    assert ship(machine).received == 2


@pytest.mark.parametrize(
    ("header", "least", "most"), [("120", 120, 150), ("soon", 30, 38), ("99999999", CAP_S, CAP_S)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_collector_is_left_alone_as_long_as_it_asks(
    machine: Machine, clock: Clock, status: int, header: str, least: float, most: float
) -> None:
    machine.report()
    machine.collector.refusals = [problem(status, "busy", "later", **{"retry-after": header})]
    assert ship(machine, chance=0.9).again
    clock.forward(seconds=least - 1)
    assert ship(machine).received == 0
    assert sent(machine.collector) == 1
    clock.forward(seconds=most - least + 2)
    assert ship(machine).received == 1


def test_a_clock_that_was_set_back_does_not_silence_the_agent(machine: Machine, clock: Clock) -> None:
    machine.report()
    machine.collector.refusals = [problem(503, "busy", "later", **{"retry-after": "600"})]
    ship(machine)
    clock.forward(days=-2)
    assert ship(machine).received == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308, 204, 206, 500, 502, 504])
def test_any_other_status_keeps_the_report_for_later(machine: Machine, clock: Clock, status: int) -> None:
    machine.report()
    machine.collector.refusals = [Answer(status, {"location": "http://elsewhere/"}, b"")]
    assert ship(machine, chance=0.0).again
    assert len(machine.spool.unsent()) == 1
    assert ship(machine).received == 1


def test_a_new_rulebook_is_fetched_checked_and_put_in_force(machine: Machine) -> None:
    machine.report("a")
    machine.collector.rulebook = rulebook_bytes("2")
    assert ship(machine) == Outcome(1, 0, False, "")
    book, profile, notice = rulebooks.in_force(machine.folder)
    assert (book.digest, profile, notice) == (machine.collector.rulebook_digest, "test-level-3", "")


@pytest.mark.policy
@pytest.mark.parametrize(
    "served", [b"", b"{}", rulebook_bytes("3"), b"\x00" * 100, rulebook_bytes("2") + b" "]
)
def test_a_rulebook_other_than_the_receipt_names_is_not_kept(machine: Machine, served: bytes) -> None:
    before = rulebooks.in_force(machine.folder)[0].digest
    machine.report("a")
    machine.collector.rulebook = rulebook_bytes("2")
    machine.collector.lies = [lambda a: a, lambda a: Answer(200, {}, served)]
    outcome = ship(machine)
    assert outcome.received == 1
    assert "rulebook" in outcome.trouble
    kept = {path.name for path in machine.folder.glob("rulebook-*")}
    assert kept == {f"rulebook-{before}.json"}


def test_an_answer_larger_than_the_limit_is_no_answer(machine: Machine) -> None:
    machine.report()
    machine.collector.lies = [lambda answer: Answer(200, {}, b"x" * (MAX_ANSWER_BYTES + 1))]
    assert "bytes" in ship(machine).trouble


def test_a_clock_that_differs_from_the_collectors_is_noted(machine: Machine, clock: Clock) -> None:
    machine.report()
    machine.collector.clock = lambda: clock() + timedelta(minutes=7)
    Shipper(machine.folder, machine.spool, machine.identity, machine.collector, clock, lambda: 0.5).run()
    assert machine.spool.note("clock_offset_s") == "420.000"


def test_what_a_collector_that_went_back_lacks_and_is_no_longer_here_is_said_once_by_a_report(
    machine: Machine,
) -> None:
    disabled = ",".join(sorted(set(SECTION_TOPICS.values()) - {"os.release"}))
    given = {"VONGGAC_STATE_DIR": str(machine.folder), "VONGGAC_DISABLED_FACTS": disabled}
    settings, _ = load_settings(environment=given)

    def again() -> str:
        clock = machine.collector.clock
        return look(machine.folder, machine.spool, machine.identity, machine.key, settings, clock).kind

    committed = machine.collector.committed.setdefault(machine.chain, {})
    for name in "ab":
        machine.report(name)
    assert again() == "report"
    ship(machine)
    with closing(sqlite3.connect(machine.folder / "spool.db")) as spool, spool:
        spool.execute("UPDATE link SET envelope = NULL WHERE sequence <= 2")
    del committed[2], committed[3]  # as after a restore from an old backup
    assert again() == "heartbeat"
    assert ship(machine).again
    assert machine.spool.note("lacking") == "2-2"
    machine.collector.clock.forward(hours=1)  # type: ignore[attr-defined]
    assert again() == "report"
    tail = machine.spool.tail(machine.chain)
    assert tail is not None
    notices = statement_from_envelope(envelope_from_bytes(machine.spool.envelope(tail))).report.notices
    assert notices == ["the collector lacks reports 2-2, which are no longer here; their receipts are"]
    assert ship(machine).again
    assert sorted(machine.collector.pending[machine.chain]) == [3, 4]
    assert again() == "heartbeat"
