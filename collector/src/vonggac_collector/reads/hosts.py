"""A host's page: findings with their texts, inventory, and the chain of its reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from vonggac_collector import views
from vonggac_collector.board import HostAt, seconds
from vonggac_collector.history import Past, pasts_of
from vonggac_collector.ingest.answer import receipt_digest
from vonggac_collector.ingest.projection import statement_of, unpack_json
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import Look
from vonggac_collector.score.freshness import effective_host
from vonggac_contract.finding import SEVERITIES, Evidence, Finding, Outcome
from vonggac_contract.report import Report

from .identity import fork_of, keys_of, missing_of
from .policy import state_of
from .profiles import local_profile
from .sight import Sight, link, system_row
from .texts import Texts, both
from .units import deduction_row

REPORTS: Final = 50
LOOKS: Final = 6
"""Changes of one rule that are shown."""
_ORDER: Final = {
    Outcome.FAIL: 0,
    Outcome.PARTIAL: 1,
    Outcome.UNKNOWN: 2,
    Outcome.NOT_APPLICABLE: 3,
    Outcome.PASS: 4,
}


def host_page(tx: Transaction, sight: Sight, host: HostAt, as_of: datetime, texts: Texts) -> views.HostPage:
    """What is wrong with a host, as of then, and how to fix it. Raises NotFound."""
    unit, host_id = sight.unit(host.place.unit), host.host.id
    look = tx.chain.look(host.look.digest) if host.look is not None else None
    report = _report(tx, look)
    effective = effective_host(host.placed, seconds(as_of), sight.parameters)
    sections, times = _sections(tx, look, report)
    systems = [f for f in sight.source.systems([unit.code]) if f[0].id == host.place.system]
    reports, agent = tx.chain.of_agent(host_id, REPORTS), tx.agents.get(host_id)
    return views.HostPage(
        as_of=as_of,
        id=host_id,
        hostname=host.host.hostname,
        unit=link(unit),
        path=sight.path(unit.code),
        system=system_row(*systems[0]) if systems else None,
        profile=host.profile,
        level=host.level,
        os=host.host.os,
        score=None if host.judged is None else host.judged.score.score,
        effective=None if host.judged is None else effective.score,
        domains={} if host.judged is None else {d.domain: d.score for d in host.judged.score.domains},
        deductions=[deduction_row(d, texts) for d in sorted(effective.deductions, key=lambda d: -d.points)],
        findings=_findings(host, report, _pasts(tx, look), _family(sections), texts),
        sections=sections,
        section_times=times,
        reports=[
            views.ReportRow(
                e.epoch,
                e.sequence,
                e.digest,
                e.previous,
                e.sealed_at,
                e.received_at,
                e.keyid,
                e.state,
                "" if e.receipt is None else receipt_digest(e.receipt),
                e.size,
            )
            for e in reports
        ],
        reports_total=sum(tx.chain.count(host_id, s) for s in ("committed", "pending", "fork")),
        looked_at=host.looked_at,
        last_heartbeat=tx.heartbeats.newest(host_id, as_of),
        agent_state="never" if agent is None else agent.status,
        agent_version="" if agent is None else agent.agent_version,
        flags=[] if look is None else look.flags.split(),
        sample=host.host.sample,
        **_rulebook(tx, look, as_of),
        weights={} if host.judged is None else {d.domain: d.weight for d in host.judged.score.domains},
        local=local_profile(texts.judging(host), host.profile),
        keys=keys_of(tx, host_id),
        fork=fork_of(tx, agent),
        missing=[] if agent is None else missing_of(tx, agent),
    )


def _rulebook(tx: Transaction, look: Look | None, as_of: datetime) -> dict[str, Any]:
    """Which one the machine runs, and whether it should."""
    if look is None:
        return {}
    row, published = tx.rulebooks.get(look.rulebook), tx.rulebooks.published(as_of)
    return {
        "rulebook": look.rulebook[:12] if row is None else row.version,
        "rulebook_state": state_of(look.rulebook, row, published[-1][0] if published else "", as_of),
    }


def _report(tx: Transaction, look: Look | None) -> Report | None:
    """What the look's envelope says: evidence is kept there only."""
    row = None if look is None else tx.chain.envelope(look.digest)
    return None if row is None else statement_of(row).report


def _pasts(tx: Transaction, look: Look | None) -> dict[str, Past]:
    """By rule, as of that look."""
    if look is None:
        return {}
    until = (look.epoch, look.sequence)
    failings = tx.findings.current([look.agent]).get(look.agent, [])
    return pasts_of(
        (c for c in tx.findings.history(look.agent) if (c.epoch, c.sequence) <= until),
        (f for f in failings if (f.epoch, f.sequence) <= until),
    )


def _findings(
    host: HostAt, report: Report | None, pasts: dict[str, Past], family: str, texts: Texts
) -> list[views.FindingRow]:
    if host.judged is None or report is None:
        return []
    reported: dict[str, Finding] = {f.rule: f for f in report.findings if f.outcome is not Outcome.PASS}
    points = {d.what: d.points for d in host.judged.score.deductions}
    rows = []
    for verdict in host.judged.input.rules:
        found = reported.get(verdict.rule)
        # The evidence belongs to what the look said; where that does not count, it explains nothing.
        if found is not None and found.outcome is not verdict.outcome:
            found = None
        rule = texts.rule(verdict.rule)
        past = pasts.get(verdict.rule)
        if past is not None and past.outcome != verdict.outcome:
            past = None
        evidence: list[Evidence] = [] if found is None else found.evidence
        rows.append(
            views.FindingRow(
                rule=verdict.rule,
                outcome=verdict.outcome.value,
                reason=verdict.reason,
                detail="" if found is None else found.detail,
                severity=verdict.severity,
                domain=verdict.domain,
                title={} if rule is None else both(rule.title),
                why={} if rule is None else both(rule.why),
                fix={} if rule is None else _fix(rule.fix, family),
                evidence=evidence,
                passed=verdict.passed,
                of=verdict.of,
                since=None if past is None else past.since,
                points=points.get(verdict.rule, 0),
                mended=past.mended if past is not None and past.regressed else None,
                looks=[] if past is None else [views.LookRow(at, o) for at, o in past.looks[-LOOKS:]],
            )
        )
    return sorted(
        rows,
        key=lambda r: (_ORDER[Outcome(r.outcome)], SEVERITIES.index(r.severity), -r.points, r.rule),
    )


def _fix(fixes: dict[str, Any], family: str) -> dict[str, str]:
    text = fixes.get(family) or fixes.get("any") or next(iter(fixes.values()))
    return both(text)


def _family(sections: dict[str, Any]) -> str:
    given = sections.get("os")
    content = given.get("content", given) if isinstance(given, dict) else None
    family = content.get("family") if isinstance(content, dict) else None
    return family if isinstance(family, str) else "any"


def _sections(
    tx: Transaction, look: Look | None, report: Report | None
) -> tuple[dict[str, Any], dict[str, datetime]]:
    """Content as reported, or {"unavailable": why}; with fields that the owner withholds, {"content", "withheld"}."""
    contents: dict[str, Any] = {}
    times: dict[str, datetime] = {}
    if look is None or report is None:
        return contents, times
    held = {(s.name, s.digest): s for s in tx.chain.sections(look.agent)}
    for name, said in report.sections.items():
        row = held.get((name, said.digest))
        times[name] = look.looked_at if row is None else row.since
        if row is None:
            contents[name] = {"unavailable": said.unavailable or "not-held", "detail": said.detail}
        elif said.withheld:
            contents[name] = {"content": unpack_json(row.content), "withheld": list(said.withheld)}
        else:
            contents[name] = unpack_json(row.content)
    return contents, times
