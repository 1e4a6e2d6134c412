"""A finding: one rule's outcome on one host, with the evidence that decided it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from .limits import MAX_EVIDENCE_ITEMS, MAX_EVIDENCE_TEXT

Severity = Literal["critical", "high", "medium", "low"]
Domain = Literal["patching", "exposure", "tls", "configuration", "access", "logging", "protection"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
DOMAINS: tuple[Domain, ...] = (
    "patching",
    "exposure",
    "tls",
    "configuration",
    "access",
    "logging",
    "protection",
)


class Outcome(StrEnum):
    """What a rule says of a host. The words are wire values."""

    PASS = "pass"  # noqa: S105 - an outcome
    FAIL = "fail"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One deciding comparison. Never part of a cycle, so the garbage collector need not look at it (as `Finding`).

    `fact`: key and field in words; `operator`: the rule's operator; `expected`: its value; `actual`: what was there
    (text is cut at MAX_EVIDENCE_TEXT). For lists: the first MAX_EVIDENCE_ITEMS offenders and the `total` of them.
    """

    fact: Annotated[str, msgspec.Meta(max_length=2 * MAX_EVIDENCE_TEXT)]
    expected: Any
    actual: Any
    operator: str = ""
    offenders: Annotated[list[Any], msgspec.Meta(max_length=MAX_EVIDENCE_ITEMS)] = []
    total: int = 0


class Finding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """`passed` of `of` elements passed, for partial. `reason` for unknown and not-applicable: a `Reason`, or
    `no-value` (the fact is known, this field of it is not set), `condition` (the rule's `when` does not hold),
    `platform`, `not-reported` (the collector's word for a rule that the report lacks), `withheld`."""

    rule: Annotated[str, msgspec.Meta(max_length=120)]
    outcome: Outcome
    severity: Severity
    domain: Domain
    reason: Annotated[str, msgspec.Meta(max_length=80)] = ""
    detail: Annotated[str, msgspec.Meta(max_length=400)] = ""
    passed: int = 0
    of: int = 0
    evidence: list[Evidence] = []
