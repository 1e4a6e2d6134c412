"""Rules: what each asks, and where it fails among the hosts in sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vonggac_collector import views
from vonggac_collector.errors import NotFound
from vonggac_collector.tallies import Counts, Said, Unknown
from vonggac_contract.finding import SEVERITIES
from vonggac_contract.rule import Rule
from vonggac_rules.paragraph import explain
from vonggac_rules.rulebook import Rulebook

from .profiles import local_of_rule
from .sight import Sight
from .texts import Texts, both

EACH_UNIT: Final = 60
"""Up to so many units a rule's page names each; above, those directly beneath."""
NAMED_UNITS: Final = 50
"""Units of which it names hosts at once."""
_NONE: Final = Counts()
FIRST_UNKNOWN: Final = 3
_TCVN: Final = "tcvn14423"


def rule_list(sight: Sight, texts: Texts) -> list[views.RuleListRow]:
    """Every rule of the rulebook in force, those that fail most first."""
    return rows_of(sight.source.tally(sight.root.code).counts, texts)


def rows_of(counts: Mapping[str, Counts], texts: Texts) -> list[views.RuleListRow]:
    """Every rule of the rulebook in force, with how many hosts fail it; those that fail most first."""
    book = texts.newest()
    rows = []
    for r in () if book is None else book.rules.values():
        said = counts.get(r.id, _NONE)
        rows.append(
            views.RuleListRow(r.id, both(r.title), r.severity, r.domain, said.failing, said.of, said.unknown)
        )
    return sorted(rows, key=lambda r: (-r.failing, SEVERITIES.index(r.severity), r.id))


def unknown_rows(unknown: Mapping[str, Unknown], listed: list[views.RuleListRow]) -> list[views.UnknownRow]:
    """What is not known, by reason; what concerns most hosts first. `listed`: `rows_of` the same hosts."""
    by_id = {r.id: r for r in listed}
    rows = []
    for reason, found in unknown.items():
        often = sorted(found.rules, key=lambda rule: (-found.rules[rule], rule))
        first = [by_id[rule] for rule in often if rule in by_id][:FIRST_UNKNOWN]
        rows.append(views.UnknownRow(reason, found.hosts, len(found.rules), first))
    return sorted(rows, key=lambda r: (-r.hosts, -r.rules, r.reason))


def rule_page(sight: Sight, rule_id: str, texts: Texts, within: str, first: int) -> views.RulePage:
    """What a rule asks and where it fails beneath the unit `within`. Raises NotFound.

    `first`: from which of the places on hosts are named.
    """
    book = texts.book_of(rule_id)
    if book is None:
        raise NotFound
    rule, unit = book.rules[rule_id], sight.unit(within)
    said = sight.source.said(rule_id, [within]).get(within, Said())
    return views.RulePage(
        as_of=sight.as_of,
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
        counts=said.counts.by_outcome(),
        failures=_failures(sight, rule_id, within, first),
        local=local_of_rule(book, rule_id),
        within=None if unit is sight.root else sight.link(within),
    )


def _failures(sight: Sight, rule_id: str, within: str, first: int) -> list[views.RuleFailure]:
    """By unit; beneath a unit with many, by those directly beneath it, which lead on to theirs."""
    codes, tree = sight.under(within), sight.source.tree
    beneath: list[str] = []
    if len(codes) > EACH_UNIT:
        beneath = [u.code for u in sight.children(within) if u.code in tree.children]
        codes = [within, *(u.code for u in sight.children(within) if u.code not in tree.children)]
    rows, named = [], {}
    for code, said in sight.source.said(rule_id, codes, own=True).items():
        named[code] = said.first
        rows.append(_failure(sight, code, said.counts, 0))
    for code, said in sight.source.said(rule_id, beneath).items():
        rows.append(_failure(sight, code, said.counts, len(sight.under(code)) - 1))
    rows = [r for r in rows if r.failing or r.unknown]
    rows.sort(key=lambda r: (-r.failing, -r.unknown, r.unit.code))
    shown = {r.unit.code: named.get(r.unit.code, ()) for r in rows[first : first + NAMED_UNITS]}
    found = sight.source.hosts([h for ids in shown.values() for h in ids])
    hosts = {h.id: h for h in sight.host_rows([*found.values()])}
    return [
        msgspec.structs.replace(r, hosts=[hosts[h] for h in shown.get(r.unit.code, ()) if h in hosts])
        for r in rows
    ]


def _failure(sight: Sight, code: str, said: Counts, beneath: int) -> views.RuleFailure:
    return views.RuleFailure(sight.link(code), said.failing, said.unknown, said.of, [], beneath)


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
