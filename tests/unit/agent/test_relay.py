"""Through a relay that does what it likes: what it passes on arrives, what it makes up is believed nowhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.agent.twin import Clock, Collector, Machine, problem

from vonggac_agent import boxkey, relay
from vonggac_agent.cli import main
from vonggac_agent.errors import StateDamaged, Unreachable
from vonggac_agent.link import MAX_ANSWER_BYTES, Answer
from vonggac_agent.relay import Relay, RelayLink
from vonggac_agent.ship import Outcome, Shipper
from vonggac_contract.box import BoxKey
from vonggac_contract.envelope import envelope_to_bytes
from vonggac_contract.errors import BadBox
from vonggac_contract.media import BoxKeyNotice, seal_box_key
from vonggac_contract.sealed import answer_to_bytes, request_from_content

pytestmark = pytest.mark.usb
BOX, NEXT = BoxKey(b"b" * 32), BoxKey(b"n" * 32)


class Way:
    """The relay and the collector behind it, which opens boxes with `key`. `seen`: all that the relay could read.

    `does`: what the relay does with a box and the way it was answered; None: it passes both on.
    """

    def __init__(self, collector: Collector) -> None:
        self.collector, self.key = collector, BOX
        self.seen: list[bytes] = []
        self.does: Callable[[bytes, Callable[[bytes], Answer]], Answer] | None = None

    def notice(self) -> bytes:
        later = timedelta(days=self.key is NEXT)
        said = BoxKeyNotice(1, self.collector.clock() + later, self.key.public)
        return envelope_to_bytes(seal_box_key(said, self.collector.key))

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES
    ) -> Answer:
        if path == boxkey.PATH:
            return Answer(200, {}, self.notice())
        assert (method, path) == ("POST", relay.SEALED)
        assert body is not None
        self.seen.append(body)
        answer = self.does(body, self.answered) if self.does is not None else self.answered(body)
        self.seen.append(answer.body)
        return answer

    def close(self) -> None:
        """Nothing is open."""

    def answered(self, box: bytes) -> Answer:
        try:
            asked, body = request_from_content(self.key.open(box))
        except BadBox as error:
            return problem(422, "bad-box", str(error))
        given = self.collector.ask(asked.method, asked.path, body, limit=1 << 24)
        later = int(given.headers.get("retry-after", "0"))
        return Answer(
            200, {}, answer_to_bytes(box, given.status, given.body, self.collector.key, retry_after=later)
        )


@pytest.fixture
def way(machine: Machine, collector: Collector) -> Way:
    made = Way(collector)
    boxkey.keep(machine.folder, collector.public, made.notice())
    return made


def ship(machine: Machine, way: Way) -> Outcome:
    link = RelayLink(machine.folder, machine.collector.public, way)
    return Shipper(machine.folder, machine.spool, machine.identity, link, machine.collector.clock).run()


def test_what_goes_through_a_relay_arrives_and_the_relay_reads_nothing_of_it(
    machine: Machine, way: Way
) -> None:
    links = [machine.report(name) for name in "ab"]
    machine.heartbeat()
    raw = machine.spool.envelope(links[0])
    assert ship(machine, way).received == 3
    assert machine.spool.unsent() == []
    assert machine.collector.committed[machine.chain] == {link.sequence: link.digest for link in links}
    there = b"".join(way.seen[::2])
    for word in (raw, raw[20:60], b"payload", machine.identity.keyid.encode(), b"/agent/v1"):
        assert word not in there


def test_a_gap_is_asked_for_through_the_relay_as_on_a_line(machine: Machine, way: Way) -> None:
    first, second = machine.report("a"), machine.report("b")
    machine.spool.mark_received(first, b"receipt")  # of a collector that was restored since
    assert ship(machine, way).received == 2
    assert machine.collector.committed[machine.chain] == {1: first.digest, 2: second.digest}


def test_a_collector_that_is_busy_says_so_through_the_relay(machine: Machine, way: Way, clock: Clock) -> None:
    machine.report()
    machine.collector.refusals = [problem(503, "busy", "later", **{"retry-after": "600"})]
    assert ship(machine, way).again
    assert len(machine.collector.asked) == 1
    assert ship(machine, way).received == 0, "not before its time"
    clock.forward(hours=1)
    assert ship(machine, way).received == 1


Relayed = Callable[[bytes, Callable[[bytes], Answer]], Answer]
STOLEN = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
LIES: dict[str, Relayed] = {
    "drops it": lambda box, on: Answer(504, {}, b""),
    "drops the answer": lambda box, on: (on(box), Answer(502, {}, b""))[1],
    "says it is received": lambda box, on: Answer(200, {}, b'{"status":"ok"}'),
    "answers with nothing": lambda box, on: Answer(200, {}, b""),
    "makes up a fork": lambda box, on: problem(409, "seq-fork", "another report"),
    "makes up a refusal": lambda box, on: problem(422, "malformed", "no"),
    "makes up a revocation": lambda box, on: problem(403, "key-revoked", "no"),
    "signs a fork itself": lambda box, on: Answer(
        200, {}, answer_to_bytes(box, 409, problem(409, "seq-fork", "no").body, STOLEN)
    ),
    "changes the box": lambda box, on: on(box[:-1] + bytes([box[-1] ^ 1])),
    "changes the answer": lambda box, on: Answer(200, {}, on(box).body[:-2] + b"}}"),
    "cuts the answer": lambda box, on: Answer(200, {}, on(box).body[:-1]),
    "takes the body away": lambda box, on: Answer(200, {}, on(box).body.partition(b"\n")[0] + b"\n"),
    "sends it twice and mixes the answers": lambda box, on: Answer(
        200, {}, on(box).body.partition(b"\n")[0] + b"\n" + b"x"
    ),
}


@pytest.mark.hostile
@pytest.mark.parametrize("lie", LIES)
def test_whatever_a_relay_does_the_report_stays_and_goes_out_when_it_is_honest_again(
    machine: Machine, way: Way, clock: Clock, lie: str
) -> None:
    link = machine.report()
    way.does = LIES[lie]
    outcome = ship(machine, way)
    assert (outcome.received, outcome.refused, outcome.again) == (0, 0, True)
    assert machine.spool.unsent() == [link]
    assert machine.spool.quarantined(machine.chain) is None
    way.does = None
    clock.forward(hours=2)
    assert ship(machine, way).received == 1
    assert machine.collector.forks == []


@pytest.mark.hostile
def test_an_answer_of_before_is_none_for_what_is_asked_now(machine: Machine, way: Way, clock: Clock) -> None:
    machine.report("a")
    assert ship(machine, way).received == 1
    old = way.seen[1]
    link = machine.report("b")
    way.does = lambda box, on: Answer(200, {}, old)
    assert ship(machine, way).again
    assert machine.spool.unsent() == [link]


@pytest.mark.hostile
def test_boxes_that_come_late_twice_and_in_any_order_change_nothing_that_is_committed(
    machine: Machine, way: Way, clock: Clock
) -> None:
    links = [machine.report(name) for name in "abc"]
    assert ship(machine, way).received == 3
    boxes = way.seen[:6:2]
    clock.forward(days=30)
    for box in (*reversed(boxes), *boxes):
        way.answered(box)
    assert machine.collector.committed[machine.chain] == {link.sequence: link.digest for link in links}
    assert machine.collector.forks == []


def test_after_the_key_for_boxes_was_changed_the_next_round_has_the_new_one(
    machine: Machine, way: Way, clock: Clock
) -> None:
    machine.report()
    way.key = NEXT
    assert ship(machine, way).again
    clock.forward(hours=2)
    assert ship(machine, way).received == 1


def test_without_a_key_for_boxes_nothing_goes_out(machine: Machine, way: Way) -> None:
    (machine.folder / boxkey.FILE).unlink()
    link = RelayLink(machine.folder, machine.collector.public, way)
    with pytest.raises(Unreachable, match="key for boxes is not here"):
        link.ask("POST", "/agent/v1/envelopes", b"{}")
    assert way.seen == []


def test_which_relay_is_kept_in_the_state_folder_alone(machine: Machine) -> None:
    assert relay.read(machine.folder) is None
    one = Relay("https://relay.example:8440", "w" * 20, "")
    relay.write(machine.folder, one)
    assert relay.read(machine.folder) == one
    assert (machine.folder / relay.FILE).stat().st_mode & 0o077 == 0
    relay.write(machine.folder, None)
    relay.write(machine.folder, None)
    assert relay.read(machine.folder) is None
    (machine.folder / relay.FILE).write_text("{}")
    with pytest.raises(StateDamaged, match=relay.FILE):
        relay.read(machine.folder)


def test_a_word_that_everybody_may_read_is_not_called_a_token(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(machine.folder))
    boxkey.keep(machine.folder, machine.collector.public, Way(machine.collector).notice())
    word = tmp_path / "word"
    word.write_text("a-word-of-the-site")
    word.chmod(0o644)
    given = ["relay", "https://relay.example", "--token-file", str(word), "--lang", "vi"]
    assert main(given) == 78
    said = capsys.readouterr().err
    assert f"mọi tài khoản đều truy cập được {word}, tệp chứa bí mật (quyền 0644)" in said
    assert "mã đăng ký" not in said
    word.chmod(0o600)
    assert main(given) == 0
