"""An enrolment that waits for approval: asked again by the same key, said by `status`, and over when it is decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.agent.gate import Gate
from tests.unit.agent.twin import NOW, TOKEN, Clock, problem
from tests.unit.collector.conftest import ADMIN, KEY, plant
from tests.unit.collector.conftest import NOW as THEN

from vonggac_agent import enrol as enrolling
from vonggac_agent import identity, rounds, status, waiting
from vonggac_agent.cli import main
from vonggac_agent.enrol import ask_again, enrol
from vonggac_agent.errors import AwaitsApproval, BadAnswer, NotEnrolled, Refused, Unreachable
from vonggac_agent.link import Answer
from vonggac_agent.settings import Settings, load_settings
from vonggac_agent.ship import Outcome
from vonggac_collector import approval
from vonggac_collector.enrolment import create_token
from vonggac_collector.enrolment import enrol as take
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_contract.enrolment import fingerprint
from vonggac_contract.envelope import keyid_of

OTHER = "vg1-another-token-altogether"


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(clock)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("VONGGAC_STATE_DIR", str(folder))
    return load_settings(None)[0]


def ask(settings: Settings, gate: Gate, token: str = TOKEN, *, again: bool = False) -> None:
    enrol(
        settings.state_dir, collector="https://c.example", ca="", token=token, transport=gate, now=gate.clock,
        again=again,
    )  # fmt: skip


def linked(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    class Link:
        ask = staticmethod(gate.ask)

        def __init__(self, *_: Any) -> None: ...
        def close(self) -> None: ...

    monkeypatch.setattr("vonggac_agent.link.HttpLink", Link)


def round_of(settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    linked(gate, monkeypatch)
    return rounds.ship_round(settings)


def keys(settings: Settings) -> list[str]:
    return sorted(p.name for p in settings.state_dir.glob("key-*"))


def told(settings: Settings) -> dict[str, Any]:
    return status.status(settings, NOW)


def test_a_machine_that_waits_says_what_to_read_to_whoever_approves_it(
    settings: Settings, gate: Gate
) -> None:
    with pytest.raises(AwaitsApproval, match=r"fingerprint of its key: [0-9a-f]{4} ") as caught:
        ask(settings, gate)
    kept = waiting.read(settings.state_dir)
    assert kept is not None
    assert " ".join(fingerprint(kept.keyid)) in str(caught.value)
    assert rounds.only_waits(settings)
    said = told(settings)
    assert (said["enrolled"], said["health"]) == (False, "yellow")
    assert said["waiting"]["fingerprint"].replace(" ", "") == kept.keyid
    assert "waiting for approval since" in said["problems"][0]
    assert TOKEN not in msgspec.json.encode(said).decode()


def test_it_is_asked_again_by_the_same_key_until_it_is_approved(
    settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AwaitsApproval):
        ask(settings, gate)
    for _ in range(3):
        assert round_of(settings, gate, monkeypatch).again
    assert len({r.public_key for r in gate.requests()}) == 1
    kept = waiting.read(settings.state_dir)
    assert kept is not None
    gate.decided[kept.keyid] = True
    assert not round_of(settings, gate, monkeypatch).again
    assert identity.read_identity(settings.state_dir).keyid == kept.keyid
    assert waiting.read(settings.state_dir) is None
    assert not rounds.only_waits(settings)
    assert told(settings)["waiting"] is None


def test_one_round_by_hand_looks_in_the_same_run_in_which_it_is_let_in(
    settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AwaitsApproval):
        ask(settings, gate)
    linked(gate, monkeypatch)
    assert main(["run", "--once", "--lang", "vi"]) == 75
    assert "đã kiểm tra" not in capsys.readouterr().out
    gate.decided[keyid_of(gate.requests()[0].public_key)] = True
    assert main(["run", "--once", "--lang", "vi"]) == 0
    said = capsys.readouterr().out
    assert "đã kiểm tra: báo cáo số 1" in said
    assert "đã gửi: 1 được nhận" in said
    assert told(settings)["last_report"]["state"] == "received"


def test_killed_when_its_identity_was_written_it_asks_for_no_second_one(
    settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AwaitsApproval):
        ask(settings, gate)
    kept = waiting.read(settings.state_dir)
    assert kept is not None
    gate.decided[kept.keyid] = True

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(waiting, "forget", killed)
        with pytest.raises(KeyboardInterrupt):
            round_of(settings, gate, monkeypatch)
    asked = len(gate.requests())
    for _ in range(2):
        assert not round_of(settings, gate, monkeypatch).again
    assert (len(gate.requests()), waiting.read(settings.state_dir)) == (asked, None)
    assert identity.in_force(settings.state_dir) == kept.keyid
    assert len(keys(settings)) == 1


def test_a_refusal_is_said_ends_the_asking_and_takes_token_and_key_away(
    settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AwaitsApproval):
        ask(settings, gate)
    kept = waiting.read(settings.state_dir)
    assert kept is not None
    gate.decided[kept.keyid] = "not one of ours"
    outcome = round_of(settings, gate, monkeypatch)
    assert (outcome.refused, outcome.again) == (1, False)
    asked = len(gate.asked)
    assert "not one of ours" in round_of(settings, gate, monkeypatch).trouble
    assert len(gate.asked) == asked
    said = told(settings)
    assert (said["health"], keys(settings)) == ("red", [])
    assert "not one of ours" in said["problems"][0]
    assert TOKEN.encode() not in (settings.state_dir / waiting.FILE).read_bytes()
    with pytest.raises(AwaitsApproval):
        ask(settings, gate, OTHER)
    assert gate.requests()[-1].public_key != gate.requests()[0].public_key


def test_another_token_is_another_request_by_another_key(settings: Settings, gate: Gate) -> None:
    for token in (TOKEN, TOKEN, OTHER):
        with pytest.raises(AwaitsApproval):
            ask(settings, gate, token)
    first, second, third = (r.public_key for r in gate.requests())
    assert first == second != third
    assert len(keys(settings)) == 1


def test_an_identity_in_force_stays_so_and_goes_on_sending_while_its_successor_waits(
    settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AwaitsApproval):
        ask(settings, gate)
    first = gate.requests()[0].public_key
    gate.decided[keyid_of(first)] = True
    ask(settings, gate)
    with pytest.raises(AwaitsApproval):
        ask(settings, gate, OTHER, again=True)
    assert not rounds.only_waits(settings)
    outcome = round_of(settings, gate, monkeypatch)
    assert (outcome.again, "waiting for approval" in outcome.trouble) == (True, True)
    assert identity.read_identity(settings.state_dir).enrolled.public_key == first
    assert told(settings)["waiting"]["keyid"] == keyid_of(gate.requests()[-1].public_key)


@pytest.mark.parametrize(
    "lie",
    [
        lambda a: Answer(202, {}, b"<html>"),
        lambda a: Answer(202, {}, b'{"status":"pending","missing":[1,2]}'),
        lambda a: Answer(202, {}, a.body.replace(b"waiting", b"granted")),
        lambda a: Answer(202, {}, msgspec.json.encode(msgspec.json.decode(a.body) | {"keyid": "0" * 64})),
    ],
)
def test_a_false_word_that_it_waits_is_not_kept(
    settings: Settings, gate: Gate, lie: Callable[[Answer], Answer]
) -> None:
    gate.lies = [lie]
    with pytest.raises(BadAnswer):
        ask(settings, gate)
    assert waiting.read(settings.state_dir) is None


def test_a_line_that_fails_ends_no_waiting(
    settings: Settings, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AwaitsApproval):
        ask(settings, gate)
    before = waiting.read(settings.state_dir)

    def lost(answer: Answer) -> Answer:
        raise Unreachable("reset")

    gate.lies = [lost, lambda a: problem(503, "busy", "later"), lambda a: Answer(200, {}, b"<html>")]
    for _ in range(3):
        assert round_of(settings, gate, monkeypatch).again
    assert waiting.read(settings.state_dir) == before
    with pytest.raises(NotEnrolled):
        identity.read_identity(settings.state_dir)


def test_agent_and_collector_mean_the_same(settings: Settings) -> None:
    ledger = MemoryLedger()
    plant(ledger)
    clock = Clock(THEN)
    token, _ = create_token(ledger, ADMIN, "hue", None, 2, THEN + timedelta(days=1), THEN, approval=True)

    class Real(Gate):
        def ask(self, method: str, path: str, body: bytes | None = None, *, limit: int = 0) -> Answer:
            if path != enrolling.PATH:
                return problem(404, "not-found", "")
            answer = take(ledger, body or b"", now=clock(), collector_key=KEY, peer="10.0.0.7")
            return Answer(answer.status, {}, answer.body())

    real = Real(clock)
    with pytest.raises(AwaitsApproval):
        ask(settings, real, token)
    kept = waiting.read(settings.state_dir)
    assert kept is not None
    with ledger.read() as tx:
        (row,), number = tx.applicants.first(None, THEN, 9)
    assert (number, row.keyid, row.hostname, row.machine_id) == (
        1,
        kept.keyid,
        kept.hostname,
        kept.machine_id,
    )
    assert kept.until == row.expires_at
    host = approval.approve(ledger, ADMIN, kept.keyid, "", THEN)
    assert ask_again(settings.state_dir, kept, real, clock)[0].agent_id == host
    (settings.state_dir / identity.FILE).unlink()
    identity.drop_key(settings.state_dir, kept.keyid)
    with pytest.raises(AwaitsApproval):
        ask(settings, real, token, again=True)
    kept = waiting.read(settings.state_dir)
    assert kept is not None
    approval.refuse(ledger, ADMIN, kept.keyid, "không phải máy của đơn vị", THEN)
    with pytest.raises(Refused, match="không phải máy của đơn vị"):
        ask_again(settings.state_dir, kept, real, clock)
    kept = waiting.read(settings.state_dir)
    assert kept is not None
    assert "không phải" in kept.refused
