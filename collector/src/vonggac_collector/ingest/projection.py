"""From a statement to the ledger's row of a look, and back: outcomes, findings and sections, packed. Pure.

Each outcome carries since when it is what it is, taken over from the look before, so "failing since" needs no table of
its own and stays right for every past moment.
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from vonggac_collector.ledger.rows import Look
from vonggac_collector.ledger.rows import Section as SectionRow
from vonggac_collector.ledger.tables import to_microseconds
from vonggac_contract.errors import Malformed
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.report import Section, Statement

_LEVEL: Final = 1
"""zlib's quickest; the raw payloads are gzip already, and ingest is paid for by the sender's patience."""


class HeldOutcome(msgspec.Struct, frozen=True, array_like=True):
    """One rule's outcome as scores need it. `since`: microseconds since 1970."""

    rule: str
    outcome: str
    passed: int
    of: int
    reason: str
    since: int


class HeldSection(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which content a look's section has, or why none."""

    digest: str = ""
    unavailable: str = ""
    detail: str = ""
    withheld: tuple[str, ...] = ()


_OUTCOMES: Final = msgspec.msgpack.Decoder(list[HeldOutcome])
_FINDINGS: Final = msgspec.json.Decoder(list[Finding])
_SECTIONS: Final = msgspec.json.Decoder(dict[str, HeldSection])


def pack_json(value: Any) -> bytes:
    """JSON, packed with zlib."""
    return zlib.compress(msgspec.json.encode(value), _LEVEL)


def unpack_json(packed: bytes) -> Any:
    """The builtins of `pack_json`. Only for the ledger's own bytes."""
    return msgspec.json.decode(zlib.decompress(packed))


def outcomes_of(packed: bytes) -> list[HeldOutcome]:
    """The outcomes of a look's row."""
    return _OUTCOMES.decode(packed)


def findings_of(look: Look) -> list[Finding]:
    """The findings of a look that are not pass, with their evidence."""
    return _FINDINGS.decode(zlib.decompress(look.findings))


def sections_of(look: Look) -> dict[str, HeldSection]:
    """The look's sections by name."""
    return _SECTIONS.decode(look.sections)


def project(
    statement: Statement,
    digest: str,
    committed_at: datetime,
    received_at: datetime,
    before: Look | None,
    flags: str,
) -> Look:
    """The row of a committed statement; `before`: the look that it follows."""
    report = statement.report
    looked_at = min(in_utc(report.finished_at), received_at)
    held = hold(report.findings, looked_at, [] if before is None else outcomes_of(before.outcomes))
    return Look(
        digest=digest,
        agent=statement.agent_id,
        epoch=statement.epoch,
        sequence=statement.sequence,
        looked_at=looked_at,
        finished_at=in_utc(report.finished_at),
        committed_at=committed_at,
        rulebook=report.rulebook,
        profile=report.profile,
        platform=report.platform,
        content=report.content,
        outcomes_digest=outcomes_digest(held),
        outcomes=msgspec.msgpack.encode(held),
        findings=pack_json([f for f in report.findings if f.outcome is not Outcome.PASS]),
        sections=msgspec.json.encode({name: held_section(s) for name, s in report.sections.items()}),
        flags=flags,
    )


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises Malformed for one without zone or beyond the calendar."""
    if moment.tzinfo is None:
        raise Malformed("a time without zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as e:
        raise Malformed("a time beyond the calendar") from e


def hold(findings: list[Finding], looked_at: datetime, before: list[HeldOutcome]) -> list[HeldOutcome]:
    """The findings' outcomes, each with the time since when it is so."""
    now = to_microseconds(looked_at)
    earlier = {(o.rule, o.outcome): o.since for o in before}
    return [
        HeldOutcome(
            f.rule, f.outcome.value, f.passed, f.of, f.reason, earlier.get((f.rule, f.outcome.value), now)
        )
        for f in findings
    ]


def outcomes_digest(held: list[HeldOutcome]) -> str:
    """Names what scores depend on: everything but the times."""
    fields = [(o.rule, o.outcome, o.passed, o.of, o.reason) for o in held]
    return hashlib.sha256(msgspec.msgpack.encode(fields)).hexdigest()


def held_section(section: Section) -> HeldSection:
    """A section without its content."""
    return HeldSection(section.digest, section.unavailable, section.detail, section.withheld)


def section_rows(statement: Statement, looked_at: datetime) -> list[SectionRow]:
    """The rows of those sections that came with their content."""
    return [
        SectionRow(statement.agent_id, name, s.digest, looked_at, pack_json(s.content))
        for name, s in statement.report.sections.items()
        if s.content is not None
    ]


def os_name(statement: Statement) -> str | None:
    """The operating system's name for people, if this report carries it."""
    section = statement.report.sections.get("os")
    content = section.content if section is not None else None
    name = content.get("name") if isinstance(content, dict) else None
    return name[:200] if isinstance(name, str) else None


def host_name(statement: Statement) -> str | None:
    """The host name, if this report carries it."""
    section = statement.report.sections.get("host")
    content = section.content if section is not None else None
    name = content.get("hostname") if isinstance(content, dict) else None
    return name[:255] if isinstance(name, str) and name else None
