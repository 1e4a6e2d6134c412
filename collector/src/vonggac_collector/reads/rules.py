"""Rules: what each asks, and where it fails among the hosts in sight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from vonggac_collector import views
from vonggac_collector.board import HostAt
from vonggac_collector.errors import NotFound
from vonggac_contract.finding import SEVERITIES, Outcome
from vonggac_contract.rule import Rule
from vonggac_rules.paragraph import explain
from vonggac_rules.rulebook import Rulebook

from .profiles import local_of_rule
from .sight import FAILING, Sight, host_rows
from .texts import Texts, both

HOSTS_PER_UNIT: Final = 5
FIRST_UNKNOWN: Final = 3
_TCVN: Final = "tcvn14423"


def rule_list(sight: Sight, texts: Texts) -> list[views.RuleListRow]:
    """Every rule of the rulebook in force, those that fail most first."""
    return rows_of(sight.hosts(), texts)


def rows_of(hosts: Iterable[HostAt], texts: Texts) -> list[views.RuleListRow]:
    """Every rule of the rulebook in force, with how many of these hosts fail it; those that fail most first."""
    book = texts.newest()
    if book is None:
        return []
    failing: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for host in hosts:
        for verdict in host.judged.input.rules if host.judged is not None else ():
            asked[verdict.rule] += 1
            failing[verdict.rule] += verdict.outcome in FAILING
            unknown[verdict.rule] += verdict.outcome is Outcome.UNKNOWN
    rows = [
        views.RuleListRow(
            r.id, both(r.title), r.severity, r.domain, failing[r.id], asked[r.id], unknown[r.id]
        )
        for r in book.rules.values()
    ]
    return sorted(rows, key=lambda r: (-r.failing, SEVERITIES.index(r.severity), r.id))


def unknown_rows(hosts: Iterable[HostAt], listed: list[views.RuleListRow]) -> list[views.UnknownRow]:
    """What is not known of these hosts, by reason; what concerns most hosts first. `listed`: `rows_of` them."""
    rules: dict[str, Counter[str]] = {}
    where: dict[str, set[str]] = {}
    for host in hosts:
        for verdict in host.judged.input.rules if host.judged is not None else ():
            if verdict.outcome is Outcome.UNKNOWN:
                rules.setdefault(verdict.reason, Counter())[verdict.rule] += 1
                where.setdefault(verdict.reason, set()).add(host.host.id)
    by_id = {r.id: r for r in listed}
    rows = []
    for reason, counts in rules.items():
        often = sorted(counts, key=lambda rule: (-counts[rule], rule))
        first = [by_id[rule] for rule in often if rule in by_id][:FIRST_UNKNOWN]
        rows.append(views.UnknownRow(reason, len(where[reason]), len(counts), first))
    return sorted(rows, key=lambda r: (-r.hosts, -r.rules, r.reason))


def rule_page(sight: Sight, rule_id: str, texts: Texts) -> views.RulePage:
    """What a rule asks and where it fails. Raises NotFound."""
    book = texts.book_of(rule_id)
    if book is None:
        raise NotFound
    rule = book.rules[rule_id]
    outcomes = {h.host.id: _outcome(h, rule_id) for h in sight.hosts()}
    counts = Counter(o.value for o in outcomes.values() if o is not None)
    return views.RulePage(
        as_of=sight.board.as_of,
        id=rule.id,
        title=both(rule.title),
        why=both(rule.why),
        fix={family: both(text) for family, text in rule.fix.items()},
        severity=rule.severity,
        domain=rule.domain,
        platform=rule.platform,
        asks={"vi": explain(rule, "vi"), "en": explain(rule, "en")},
        parameters=_parameters(book, rule),
        maps=rule.maps,
        clauses=_clauses(book, rule),
        profiles=[p.id for p in book.profiles.values() if rule_id in p.rules],
        counts=dict(counts),
        failures=_failures(sight, outcomes),
        local=local_of_rule(book, rule_id),
    )


def _outcome(host: HostAt, rule_id: str) -> Outcome | None:
    if host.judged is None:
        return None
    return next((r.outcome for r in host.judged.input.rules if r.rule == rule_id), None)


def _parameters(book: Rulebook, rule: Rule) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {name: {} for name in rule.parameters}
    for profile in book.profiles.values():
        if rule.id in profile.rules:
            for name, definition in rule.parameters.items():
                found[name][profile.id] = profile.rules[rule.id].get(name, definition.default)
    return found


def _clauses(book: Rulebook, rule: Rule) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for control in rule.maps.get(_TCVN, []):
        for level, clause in book.clauses.get(control, {}).items():
            named = found.setdefault(int(level), [])
            if clause not in named:
                named.append(clause)
    return dict(sorted(found.items()))


def _failures(sight: Sight, outcomes: dict[str, Outcome | None]) -> list[views.RuleFailure]:
    rows = []
    for code in sight.units:
        hosts = [h for h in sight.board.hosts_of.get(code, []) if outcomes[h.host.id] is not None]
        failing = [h for h in hosts if outcomes[h.host.id] in FAILING]
        unknown = [h for h in hosts if outcomes[h.host.id] is Outcome.UNKNOWN]
        if failing or unknown:
            shown = (host_rows(sight.board, failing) + host_rows(sight.board, unknown))[:HOSTS_PER_UNIT]
            rows.append(views.RuleFailure(sight.link(code), len(failing), len(unknown), len(hosts), shown))
    return sorted(rows, key=lambda r: (-r.failing, -r.unknown, r.unit.code))
