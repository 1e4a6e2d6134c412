"""A report that is read by pieces says what the same report says that is read as a whole; what is refused stays so."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.conftest import NOW
from tests.unit.collector.machines import Machine
from tests.unit.properties import thorough

from vonggac_collector.ingest import reading
from vonggac_collector.ingest.projection import pack_raw, unpack_raw
from vonggac_collector.ingest.reading import Findings, Reading, content_of, read_report, rules_of, told_by
from vonggac_contract import limits
from vonggac_contract.envelope import REPORT, envelope_to_bytes, pack, seal
from vonggac_contract.errors import ContractError, Malformed
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.report import (
    Section,
    Statement,
    content_digest,
    section_digest,
    statement_from_envelope,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
MARKS = [
    '},{"rule":"', '"findings":[', '"findings":[]', '"findings":[{"rule":"', '}],"sections":{', '}],[{"rule":"',
    '"rule":"a",', "12345678901234567890", "\\u0000", "\\ud800", "\x00", "é", "{}," * 3,
    "\\", '"', "[", "]", "{", "}", ",", " ",
]  # fmt: skip
WORDS = st.text(max_size=6) | st.sampled_from(MARKS).map(lambda m: m.replace("\x00", ""))
VALUES = st.recursive(
    st.none() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.sampled_from(["rule", "findings"]), inner, max_size=3)
    ),
    max_leaves=4,
)
EVIDENCE = st.builds(Evidence, WORDS, VALUES, VALUES, offenders=st.just([]) | st.lists(WORDS, max_size=2))
FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(["linux.a.b", "linux.a.c"]) | WORDS,
        st.sampled_from([*Outcome]),
        st.sampled_from(["critical", "low"]),
        st.sampled_from(["tls", "access"]),
        reason=WORDS,
        of=st.integers(0, 3),
        evidence=st.lists(EVIDENCE, max_size=1),
    ),
    max_size=3,
)


def statement(found: list[Finding], content: Any = None) -> Statement:
    machine = Machine()
    machine.agent_id, machine.rulebook = "0b8a6a2e-6a52-4c8e-9c1e-0d2f5a7b9c11", "0" * 64
    sections = {"os": Section(section_digest(content), content)}
    made = machine.statement(NOW, sections=sections, content=content_digest(found, sections))
    return msgspec.structs.replace(made, report=msgspec.structs.replace(made.report, findings=found))


def without(statement: Statement) -> Statement:
    return msgspec.structs.replace(statement, report=msgspec.structs.replace(statement.report, findings=[]))


def read(raw: bytes) -> Reading | None:
    return reading._by_pieces(raw)


def as_a_whole(raw: bytes) -> Statement | None:
    try:
        return statement_from_envelope(seal(REPORT, pack(raw), KEY))
    except ContractError:
        return None


def assert_alike(found: Reading, whole: Statement) -> None:
    assert without(found.statement) == without(whole)
    assert [*found.told] == [*map(told_by, whole.report.findings)]
    assert content_of(found) == content_digest(whole.report.findings, whole.report.sections)


@thorough
@given(FINDINGS, VALUES)
def test_a_report_read_by_pieces_says_what_it_says_as_a_whole(found: list[Finding], content: Any) -> None:
    made = statement(found, content)
    envelope = seal(REPORT, pack(msgspec.json.encode(made)), KEY)
    try:
        whole = statement_from_envelope(envelope)
    except ContractError as refused:
        with pytest.raises(type(refused)):
            read_report(envelope)
        return
    for _ in range(2):
        assert_alike(read_report(envelope), whole)


@thorough
@given(FINDINGS, VALUES, st.data())
def test_what_is_taken_by_pieces_is_taken_as_a_whole_and_says_the_same(
    found: list[Finding], content: Any, data: st.DataObject
) -> None:
    raw = msgspec.json.encode(statement(found, content))
    read(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.just(start) | st.integers(start, min(len(raw), start + 30)))
        raw = raw[:start] + data.draw(st.sampled_from(MARKS)).encode() + raw[end:]
    if (taken := read(raw)) is not None:
        whole = as_a_whole(raw)
        assert whole is not None
        assert_alike(taken, whole)


def test_findings_that_are_known_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = msgspec.json.encode(
        statement([Finding(f"linux.known.r{n}", Outcome.PASS, "low", "tls") for n in range(5)])
    )
    first = read(raw)
    monkeypatch.setattr(Findings, "_learn", None)
    assert read(raw) == first is not None


@pytest.mark.parametrize("depth", [limits.MAX_JSON_DEPTH - 6, limits.MAX_JSON_DEPTH - 5])
def test_a_finding_is_as_deep_by_itself_as_in_its_report(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    raw = msgspec.json.encode(
        statement([Finding("r", Outcome.FAIL, "low", "tls", evidence=[Evidence("f", 1, value)])])
    )
    assert (read(raw) is None) is (as_a_whole(raw) is None) is (depth + 5 >= limits.MAX_JSON_DEPTH)


def test_what_is_kept_of_findings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Findings()
    monkeypatch.setattr(reading, "_MOST_BYTES", 100 * 1_000)
    for n in range(1_000):
        finding = Finding(f"linux.a.r{n}", Outcome.FAIL, "low", "tls", evidence=[Evidence("f", 1, "x" * 200)])
        piece = msgspec.json.encode(finding)[len('{"rule":"') : -1]
        assert known.of_pieces([piece, piece]) == [told_by(finding)] * 2
        assert sum(map(len, known._told)) <= 100 * 1_000
        assert len(known._told) <= 100
    long = Finding("linux.a.long", Outcome.FAIL, "low", "tls", evidence=[Evidence("f", 1, "x" * 20_000)])
    piece = msgspec.json.encode(long)[len('{"rule":"') : -1]
    assert known.of_pieces([piece]) == [told_by(long)]
    assert piece not in known._told


@pytest.mark.parametrize("space", [b"", b" "])
def test_an_envelope_is_kept_in_less_room_and_given_back_as_it_was_sent(space: bytes) -> None:
    envelope = seal(REPORT, random.Random(1).randbytes(20_000), KEY)
    raw = space + envelope_to_bytes(envelope)
    kept = pack_raw(raw, envelope)
    assert len(kept) < 0.77 * len(raw)
    assert unpack_raw(kept) == raw
    for damaged in (kept[:-1], kept[1:], b"", b"\x78", b"rubbish"):
        with pytest.raises(Malformed):
            unpack_raw(damaged)


@given(FINDINGS)
def test_the_list_of_rules_names_each_with_severity_and_domain(found: list[Finding]) -> None:
    _, packed = rules_of([*map(told_by, found)])
    assert msgspec.msgpack.decode(packed) == [[f.rule, f.severity, f.domain] for f in found]
