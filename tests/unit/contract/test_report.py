"""What stays out of a digest, and what must not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac_contract.facts import TOPICS
from vonggac_contract.facts.network import Listener, ListeningSockets
from vonggac_contract.facts.packages import Package, PackageInventory
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.report import (
    SECTION_TOPICS,
    AgentId,
    Digest,
    Section,
    content_digest,
    section_digest,
    stable,
)


def listener(pid: int, port: int) -> Listener:
    return Listener("tcp", "0.0.0.0", port, "any", "sshd", "root", "openssh-server", "/usr/sbin/sshd", pid)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_process_id_never_changes_a_digest(one: int, two: int) -> None:
    digests = {section_digest(stable(ListeningSockets([listener(p, 22)], 0))) for p in (one, two)}
    assert len(digests) == 1


def test_another_port_changes_the_digest() -> None:
    digests = {section_digest(stable(ListeningSockets([listener(1, p)], 0))) for p in (22, 23)}
    assert len(digests) == 2


def test_packages_travel_as_arrays() -> None:
    value = stable(PackageInventory("dpkg", [Package("bash", "5.2", "amd64")]))
    assert value == {"manager": "dpkg", "packages": [["bash", "5.2", "amd64", ""]]}


def test_every_section_names_a_declared_fact() -> None:
    assert set(SECTION_TOPICS.values()) <= set(TOPICS)


def test_evidence_may_move_without_a_new_report_but_an_outcome_may_not() -> None:
    def digest(outcome: Outcome, actual: int) -> str:
        finding = Finding("linux.a.b", outcome, "low", "access", evidence=[Evidence("f", 1, actual)])
        return content_digest([finding], {"os": Section("0" * 64, {})})

    assert digest(Outcome.FAIL, 1) == digest(Outcome.FAIL, 2)
    assert digest(Outcome.FAIL, 1) != digest(Outcome.PASS, 1)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)))
def test_a_section_digest_does_not_depend_on_the_order_of_keys(content: dict[str, object]) -> None:
    assert section_digest(content) == section_digest(dict(reversed(content.items())))


def test_every_declared_field_has_a_description() -> None:
    from vonggac_rules.types import FieldType, fields_of

    def walk(struct: type[msgspec.Struct]) -> None:
        for name, field in fields_of(struct).items():
            assert field.description, f"{struct.__name__}.{name}"
            inner: FieldType | None = field
            while inner is not None and inner.kind == "list":
                inner = inner.element
            if inner is not None and inner.struct is not None:
                walk(inner.struct)

    for topic in TOPICS.values():
        walk(topic.value)


def test_moments_are_carried_in_utc() -> None:
    assert msgspec.json.encode(datetime(2026, 1, 1, tzinfo=UTC)) == b'"2026-01-01T00:00:00Z"'


@pytest.mark.parametrize(
    ("kind", "text"), [(Digest, "a" * 64), (AgentId, "00000000-0000-4000-8000-000000000000")]
)
def test_a_digest_or_an_id_ends_where_its_line_does(kind: Any, text: str) -> None:
    assert msgspec.json.decode(msgspec.json.encode(text), type=kind) == text
    for other in (f"{text}\n", f"\n{text}", text[:-1], f"{text}0", text.upper() + "G"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(other), type=kind)
