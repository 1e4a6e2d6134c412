"""What one look at one host says, and the statement that is signed: report and heartbeat.

A report is link `sequence` of its agent's chain: it names the digest of the envelope before it. A heartbeat is no link:
it says "looked again, unchanged since sequence n".
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from . import limits
from .decode import as_written, bounded_json, unpack_gzip
from .envelope import HEARTBEAT, REPORT, Envelope, pack
from .errors import Malformed, UnknownSchema
from .finding import Finding

SCHEMA: Final = 1

Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
AgentId = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
]
ProfileId = Annotated[str, msgspec.Meta(max_length=200)]
ShortText = Annotated[str, msgspec.Meta(max_length=limits.MAX_FACT_TEXT)]

SECTION_TOPICS: Final = {
    "host": "host.identity",
    "os": "os.release",
    "support": "os.support",
    "kernel": "kernel.running",
    "packages": "package.inventory",
    "updates": "package.updates",
    "sockets": "socket.listening",
    "tls": "tls.listener",
    "accounts": "account.users",
}
"""Inventory sections of a report and the fact each holds."""


class Section(msgspec.Struct, frozen=True, omit_defaults=True):
    """One inventory section. `content` is left out if the collector holds the same `digest` already.

    `withheld` names fields the machine's owner keeps back; `unavailable` says why the fact could not be looked at.
    """

    digest: Digest = ""
    content: Any = None
    unavailable: str = ""
    detail: str = ""
    withheld: tuple[str, ...] = ()


class FactHealth(msgspec.Struct, frozen=True):
    """A fact that could not be looked at."""

    fact: ShortText
    reason: ShortText
    detail: ShortText = ""


class CommandRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """One command of the owner's list that was run for this look (`command.output`)."""

    name: ShortText
    """The entry's name in the owner's list."""
    argv: Digest
    """SHA-256 of program and arguments as a JSON list: arguments may be nobody else's business."""
    duration: float
    """Seconds of a clock that cannot be set."""
    exit_status: int | None = None
    truncated: bool = False
    """It wrote more than it may, and was ended."""
    reason: ShortText = ""
    """Why nothing came of it, as of a fact."""


class Dropped(msgspec.Struct, frozen=True):
    """Reports that the machine let go of in favour of the one that says so, for want of room and never offered to a
    collector, or refused for good: those from sequence `first` to `last`, which is the one before.
    """

    first: Sequence
    last: Sequence
    previous: Digest
    """Digest of the envelope before the first of them."""


class Report(msgspec.Struct, frozen=True):
    """One look at one host. Times are UTC; `duration` is seconds of a clock that cannot be set."""

    agent_version: ShortText
    platform: ShortText
    rulebook: Digest
    profile: ShortText
    started_at: datetime
    finished_at: datetime
    duration: float
    content: Digest
    """Digest of findings and sections, so of everything that is not volatile: equal content, no new report."""
    findings: list[Finding]
    sections: dict[str, Section]
    facts_known: int
    facts_unavailable: list[FactHealth]
    notices: list[ShortText] = []
    """What the agent has to own up to: looks skipped for want of space, envelopes lost, and the like."""
    commands: list[CommandRun] | msgspec.UnsetType = msgspec.UNSET
    """Every command that was run; left out where there was none, so on machines whose owner allows none."""
    dropped: Dropped | msgspec.UnsetType = msgspec.UNSET
    """Left out unless the reports right before this one were dropped."""


class Statement(msgspec.Struct, frozen=True):
    """What a report's envelope signs."""

    schema: int
    agent_id: AgentId
    epoch: Sequence
    sequence: Sequence
    previous: Digest | None
    """Digest of the envelope with the sequence before; none for sequence 1."""
    sealed_at: datetime
    report: Report


def follows(statement: Statement) -> tuple[int, str | None]:
    """Sequence and digest of the report that this one comes after: the one before, or before those that were dropped.

    (0, None) for the first of an epoch. Raises Malformed if what is said of dropped reports cannot be.
    """
    dropped = statement.report.dropped
    if dropped is msgspec.UNSET:
        return statement.sequence - 1, statement.previous
    if not 2 <= dropped.first <= dropped.last == statement.sequence - 1:
        raise Malformed("only reports after the first and right before this one can have been dropped")
    return dropped.first - 1, dropped.previous


class Heartbeat(msgspec.Struct, frozen=True):
    """Looked at `looked_at`, unchanged since `sequence`, whose content digest is `content`. `counter` only rises."""

    schema: int
    agent_id: AgentId
    epoch: Sequence
    counter: Sequence
    sequence: Sequence
    content: Digest
    looked_at: datetime


S = TypeVar("S", Statement, Heartbeat)


def section_digest(content: object) -> str:
    """SHA-256 of the section's builtins as JSON with sorted keys."""
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def content_digest(findings: list[Finding], sections: dict[str, Section]) -> str:
    """Digest of what was found, without anything that moves by itself.

    Evidence may quote a moving value (an age in days); so only rule, outcome, reason and fraction of a finding count.
    """
    decided = [(f.rule, f.outcome, f.reason, f.passed, f.of) for f in findings]
    parts = {name: s.digest or s.unavailable for name, s in sections.items()}
    return hashlib.sha256(msgspec.json.encode([decided, parts], order="sorted")).hexdigest()


def stable(value: Any) -> Any:
    """Builtins of a fact's value without its volatile fields, lists of Structs and nested Structs included."""
    if isinstance(value, msgspec.Struct):
        values = msgspec.structs.astuple(value)
        kept = {wire: stable(values[place]) for place, wire in _stable_fields(type(value))}
        return list(kept.values()) if value.__struct_config__.array_like else kept
    if isinstance(value, (list, tuple)):
        return [stable(v) for v in value]
    if isinstance(value, dict):
        return {k: stable(v) for k, v in value.items()}
    return value if isinstance(value, (str, int, float, NoneType)) else msgspec.to_builtins(value)


@cache
def _stable_fields(kind: type[msgspec.Struct]) -> tuple[tuple[int, str], ...]:
    """Place and wire name of each field that does not move by itself."""
    hints = get_type_hints(kind, include_extras=True)
    names = kind.__struct_fields__
    wires = kind.__struct_encode_fields__
    return tuple((place, wires[place]) for place, name in enumerate(names) if not is_volatile(hints[name]))


def is_volatile(hint: Any) -> bool:
    """Whether a field's annotation says that it moves by itself."""
    if get_origin(hint) is Annotated:
        return any(
            isinstance(m, msgspec.Meta) and bool((m.extra or {}).get("volatile")) for m in get_args(hint)[1:]
        )
    return False


def statement_to_payload(statement: Statement) -> bytes:
    """The packed bytes to be signed."""
    return pack(msgspec.json.encode(statement))


def statement_from_envelope(envelope: Envelope) -> Statement:
    """Read a report's statement. Only for an envelope that `envelope.verify` has let through.

    Unknown fields are ignored (the raw envelope keeps them). Raises TooLarge, Malformed, UnknownSchema.
    """
    if envelope.payload_type != REPORT:
        raise UnknownSchema(f"{envelope.payload_type} is no report")
    return statement_from_raw(unpack_gzip(envelope.payload))


def statement_from_raw(raw: bytes) -> Statement:
    """Read a statement that was unpacked. Raises TooLarge, Malformed, UnknownSchema."""
    return _read(raw, Statement, limits.MAX_UNPACKED_BYTES)


def heartbeat_to_payload(heartbeat: Heartbeat) -> bytes:
    """The bytes to be signed; not packed, a few hundred bytes gain nothing."""
    return msgspec.json.encode(heartbeat)


def heartbeat_from_envelope(envelope: Envelope) -> Heartbeat:
    """Read a verified heartbeat. Raises TooLarge, Malformed, UnknownSchema."""
    if envelope.payload_type != HEARTBEAT:
        raise UnknownSchema(f"{envelope.payload_type} is no heartbeat")
    return _read(envelope.payload, Heartbeat, 4 * limits.KIB)


def _read(raw: bytes, kind: type[S], maximum: int) -> S:
    known = as_written(raw, kind, maximum=maximum)
    if known is not None and known.schema == SCHEMA:
        return known
    value = bounded_json(raw, maximum=maximum)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        got = value.get("schema") if isinstance(value, dict) else None
        raise UnknownSchema(f"schema {got!r}; this release reads {SCHEMA}")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as e:
        raise Malformed(str(e)) from e
