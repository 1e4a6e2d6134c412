"""A snapshot: every fact of one look at one host, and its file form, so that a scan can be decided again elsewhere.

File form: JSON,
`{"schema": 1, "taken_at": RFC 3339, "platform": …, "facts": [{"topic", "selector": {…}, "state": "known",
"value", "source", "took_ms"} | {…, "state": "unavailable", "reason", "detail"}]}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from .errors import Malformed, UnknownFact, UnknownSchema
from .facts import TOPICS, Fact, FactKey, Known, Reason, Unavailable, fact_key

SCHEMA = 1


class Snapshot(msgspec.Struct, frozen=True):
    """`taken_at` is UTC; it is the `now` of every decision made from this snapshot."""

    taken_at: datetime
    platform: str
    facts: Mapping[FactKey, Fact]


class _Record(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    topic: str
    state: str
    selector: dict[str, str] = {}
    value: Any = None
    source: str = ""
    reason: str = ""
    detail: str = ""
    took_ms: float = 0.0


class _File(msgspec.Struct, forbid_unknown_fields=True):
    schema: int
    taken_at: datetime
    platform: str
    facts: list[_Record]


def snapshot_to_bytes(snapshot: Snapshot) -> bytes:
    """The file form, indented for people, the facts sorted by key."""
    records = [_record(key, fact) for key, fact in sorted(snapshot.facts.items(), key=lambda kv: kv[0])]
    raw = msgspec.json.encode(_File(SCHEMA, snapshot.taken_at, snapshot.platform, records))
    return msgspec.json.format(raw, indent=1) + b"\n"


def snapshot_from_value(value: object) -> Snapshot:
    """Read the file form, already decoded from JSON by `decode.bounded_json` (or YAML of a case).

    Raises Malformed, UnknownSchema, UnknownFact.
    """
    if isinstance(value, dict) and value.get("schema") != SCHEMA:
        raise UnknownSchema(f"facts file has schema {value.get('schema')!r}; this release reads {SCHEMA}")
    try:
        file = msgspec.convert(value, _File)
    except msgspec.ValidationError as e:
        raise Malformed(f"facts file: {e}") from e
    facts: dict[FactKey, Fact] = {}
    for record in file.facts:
        key = fact_key(record.topic, record.selector)
        if key in facts:
            raise Malformed(f"facts file: {key} is there twice")
        facts[key] = fact_from_record(record.topic, record.state, record.value, record)
    return Snapshot(file.taken_at, file.platform, facts)


def known(topic: str, value: object, source: str = "given") -> Known:
    """A Known whose `value` (builtins) is converted to the topic's Struct. Raises UnknownFact or Malformed."""
    declared = TOPICS.get(topic)
    if declared is None:
        raise UnknownFact(f"no fact is called {topic!r}")
    try:
        return Known(msgspec.convert(value, declared.value), source)
    except msgspec.ValidationError as e:
        raise Malformed(f"fact {topic}: {e}") from e


def fact_from_record(topic: str, state: str, value: object, record: _Record) -> Fact:
    """The fact that one record of the file form describes."""
    if state == "known":
        fact = known(topic, value, record.source)
        return msgspec.structs.replace(fact, took_ms=record.took_ms)
    if state == "unavailable":
        try:
            return Unavailable(Reason(record.reason), record.detail, record.took_ms)
        except ValueError as e:
            raise Malformed(f"fact {topic}: {record.reason!r} is no reason") from e
    raise Malformed(f"fact {topic}: state {state!r} is neither known nor unavailable")


def _record(key: FactKey, fact: Fact) -> _Record:
    selector = dict(zip(TOPICS[key.topic].selector, key.selector, strict=True))
    if isinstance(fact, Known):
        return _Record(key.topic, "known", selector, fact.value, fact.source, took_ms=fact.took_ms)
    return _Record(
        key.topic, "unavailable", selector, reason=str(fact.reason), detail=fact.detail, took_ms=fact.took_ms
    )
