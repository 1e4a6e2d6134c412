"""Enrolment: the key is made here and never overwritten, and only a true answer is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.agent.twin import AGENT, TOKEN, Clock, Collector

from vonggac_agent import identity, rulebooks
from vonggac_agent.enrol import enrol, read_token
from vonggac_agent.errors import (
    AgentError,
    BadAnswer,
    NotEnrolled,
    Refused,
    StateDamaged,
    Unreachable,
    UnsafePath,
)
from vonggac_agent.link import Answer
from vonggac_contract.enrolment import Enrolled, open_request
from vonggac_contract.envelope import ENROLLED, RECEIPT, envelope_from_bytes, envelope_to_bytes, seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made


def ask(folder: Path, collector: Collector, *, again: bool = False, token: str = TOKEN) -> Enrolled:
    enrolled, trouble = enrol(
        folder, collector="https://c.example", ca="", token=token, transport=collector, now=Clock(), again=again
    )  # fmt: skip
    assert trouble == ""
    return enrolled


def test_an_enrolled_machine_holds_its_key_the_answer_and_the_rulebook(
    folder: Path, collector: Collector
) -> None:
    enrolled = ask(folder, collector)
    kept = identity.read_identity(folder)
    assert kept.enrolled == enrolled
    assert enrolled.agent_id == AGENT
    key = identity.read_key(folder, kept.keyid)
    assert key.public_key().public_bytes_raw() == enrolled.public_key
    assert rulebooks.kept(folder, collector.rulebook_digest) == collector.rulebook
    request = open_request(envelope_from_bytes(collector.asked[0][2]))
    assert request.platform == "linux"
    assert request.public_key == enrolled.public_key


def test_no_private_key_leaves_the_machine(folder: Path, collector: Collector) -> None:
    ask(folder, collector)
    secret = identity.read_key(folder, identity.read_identity(folder).keyid).private_bytes_raw()
    for _, _, body in collector.asked:
        assert secret not in body
        assert secret not in envelope_from_bytes(body).payload if body else True


def test_an_enrolled_machine_is_not_enrolled_again_unless_asked(folder: Path, collector: Collector) -> None:
    first = ask(folder, collector)
    with pytest.raises(AgentError, match="enrolled already"):
        ask(folder, collector)
    assert identity.read_identity(folder).enrolled == first
    second = ask(folder, collector, again=True)
    assert second.epoch == 2
    assert second.public_key != first.public_key
    assert len(list(folder.glob("key-*.pem"))) == 1


def test_a_lost_answer_is_asked_for_with_the_same_key(folder: Path, collector: Collector) -> None:
    def lost(answer: Answer) -> Answer:
        raise Unreachable("reset")

    collector.lies = [lost]
    with pytest.raises(Unreachable):
        ask(folder, collector)
    with pytest.raises(NotEnrolled):
        identity.read_identity(folder)
    enrolled = ask(folder, collector)
    assert enrolled.epoch == 1
    keys = {
        open_request(envelope_from_bytes(b)).public_key for _, p, b in collector.asked if p.endswith("enrol")
    }
    assert keys == {enrolled.public_key}


def _sealed_by(key: Ed25519PrivateKey, answer: Answer, **other: object) -> Answer:
    enrolled = msgspec.json.decode(envelope_from_bytes(answer.body).payload)
    return Answer(200, {}, envelope_to_bytes(seal(ENROLLED, msgspec.json.encode(enrolled | other), key)))


STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
LIES = {
    "a captive portal": lambda c, a: Answer(200, {}, b"<html>"),
    "nothing": lambda c, a: Answer(200, {}, b""),
    "sealed by another key than it names": lambda c, a: _sealed_by(STRANGER, a),
    "for another machine's key": lambda c, a: _sealed_by(c.key, a, public_key="A" * 43 + "="),
    "an unknown schema": lambda c, a: _sealed_by(c.key, a, schema=9),
    "an agent id that is a path": lambda c, a: _sealed_by(c.key, a, agent_id="../../etc"),
    "a rulebook that is a path": lambda c, a: _sealed_by(c.key, a, rulebook="../x"),
    "another payload type": lambda c, a: Answer(
        200, {}, envelope_to_bytes(seal(RECEIPT, envelope_from_bytes(a.body).payload, c.key))
    ),
    "cut short": lambda c, a: Answer(200, {}, a.body[:-9]),
}


@pytest.mark.hostile
@pytest.mark.parametrize("name", LIES)
def test_a_false_answer_is_not_kept(folder: Path, collector: Collector, name: str) -> None:
    collector.lies = [lambda answer: LIES[name](collector, answer)]
    with pytest.raises(BadAnswer, match="no answer of a collector"):
        ask(folder, collector)
    assert not (folder / identity.FILE).exists()
    assert not (folder / rulebooks.FILE).exists()


def test_a_refusal_says_why_and_leaves_an_earlier_enrolment_in_force(
    folder: Path, collector: Collector
) -> None:
    first = ask(folder, collector)
    with pytest.raises(Refused, match="401 token-refused"):
        ask(folder, collector, again=True, token="vg1-something-else-entirely")
    assert identity.read_identity(folder).enrolled == first
    identity.read_key(folder, identity.read_identity(folder).keyid)


@pytest.mark.parametrize("content", [b"", b"short", b"two words of a token", b"\xff" * 40, b"x" * 5000])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AgentError, match="holds no secret word"):
        read_token(path)


def test_a_token_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(UnsafePath, match="mode 0644"):
        read_token(path)
    path.chmod(0o600)
    assert read_token(path) == TOKEN


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"schema": 1}', b"\xff\xfe", b"[" * 1000, b'{"schema": 2}']
)
def test_a_damaged_identity_is_named(folder: Path, content: bytes) -> None:
    (folder / identity.FILE).write_bytes(content)
    with pytest.raises(StateDamaged, match=r"identity\.json"):
        identity.read_identity(folder)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_or_foreign_key_is_named(folder: Path, collector: Collector, content: bytes) -> None:
    ask(folder, collector)
    kept = identity.read_identity(folder)
    path = folder / f"key-{kept.keyid}.pem"
    path.write_bytes(content)
    with pytest.raises(StateDamaged, match="no private key"):
        identity.read_key(folder, kept.keyid)
    path.unlink()
    with pytest.raises(StateDamaged, match="is missing"):
        identity.read_key(folder, kept.keyid)
