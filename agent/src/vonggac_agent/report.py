"""From a look's facts and findings to the report that leaves: sections, digests, what the owner withholds.

Deciding is done before (`vonggac_rules.evaluate`), numbering and signing after (`seal`, `spool`). What travels is
declared in `vonggac_contract.report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vonggac_contract import limits
from vonggac_contract.facts import Fact, FactKey, Known, Unavailable
from vonggac_contract.report import (
    SECTION_TOPICS,
    FactHealth,
    Report,
    Section,
    content_digest,
    section_digest,
    stable,
)

from . import VERSION
from .fitting import MAX_PACKED, fitted
from .scan import Scan
from .withhold import withheld_in, without_evidence, without_fields


def build_report(
    scan: Scan,
    *,
    withhold: tuple[str, ...] = (),
    notices: tuple[str, ...] = (),
    packed: int = MAX_PACKED,
) -> Report:
    """The whole report of one look, every section with its content, or with the reason why it is not.

    `packed`: bytes that it may have when it is packed.
    """
    facts = scan.snapshot.facts
    sections = {name: _section(facts.get(FactKey(topic)), withheld_in(withhold, name))
                for name, topic in SECTION_TOPICS.items() if FactKey(topic) in facts}  # fmt: skip
    findings = [without_evidence(f, withhold) for f in scan.findings] if withhold else scan.findings
    report = Report(
        agent_version=VERSION,
        platform=scan.snapshot.platform,
        rulebook=scan.rulebook.digest,
        profile=scan.profile,
        started_at=scan.started_at,
        finished_at=scan.finished_at,
        duration=scan.wall_s,
        content="",
        findings=findings,
        sections=sections,
        facts_known=sum(isinstance(f, Known) for f in facts.values()),
        facts_unavailable=unavailable(facts),
        notices=[n[: limits.MAX_FACT_TEXT] for n in notices],
        commands=scan.commands or msgspec.UNSET,
    )
    report = fitted(report, packed)
    return msgspec.structs.replace(report, content=content_digest(report.findings, report.sections))


def unavailable(facts: Mapping[FactKey, Fact]) -> list[FactHealth]:
    """The facts that could not be looked at, sorted by key."""
    return [
        FactHealth(str(key)[: limits.MAX_FACT_TEXT], str(fact.reason), fact.detail)
        for key, fact in sorted(facts.items(), key=lambda kv: kv[0])
        if isinstance(fact, Unavailable)
    ]


def without_known_sections(report: Report, known: Mapping[str, str]) -> Report:
    """The report with the content left out of each section whose digest the collector holds (`known`: name, digest)."""
    sections = {
        name: msgspec.structs.replace(s, content=None) if s.digest and known.get(name) == s.digest else s
        for name, s in report.sections.items()
    }
    return msgspec.structs.replace(report, sections=sections)


def section_digests(report: Report) -> dict[str, str]:
    """The digest of each section that has one."""
    return {name: s.digest for name, s in report.sections.items() if s.digest}


def _section(fact: Fact | None, withheld: tuple[str, ...]) -> Section:
    if isinstance(fact, Known):
        content: Any = without_fields(stable(fact.value), withheld)
        return Section(digest=section_digest(content), content=content, withheld=withheld)
    if isinstance(fact, Unavailable):
        return Section(unavailable=str(fact.reason), detail=fact.detail, withheld=withheld)
    return Section(unavailable="not-gathered", withheld=withheld)
