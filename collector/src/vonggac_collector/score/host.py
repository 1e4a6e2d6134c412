"""The score of one host from its rules' outcomes and caps. Growing old is left to `freshness`, grouping to `system`.

Within a domain 100 x (1 - deducted / total weight); the host is the weighted mean of the domains in which its profile
and platform have rules, then held down by caps. All in whole numbers over one common denominator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import lcm
from operator import attrgetter
from typing import NamedTuple

from vonggac_contract.finding import DOMAINS, Domain, Outcome

from .apportion import apportion
from .parameters import Parameters
from .values import (
    FULL,
    POINT,
    Deduction,
    DomainScore,
    HeldCap,
    HostInput,
    HostScore,
    RuleOutcome,
    RuleWeight,
)

_BY_RULE = attrgetter("rule")
_PLAIN = frozenset(Outcome) - {Outcome.PARTIAL}
_DEDUCTS_NOTHING = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE})


class Loss(NamedTuple):
    """One rule that deducts: `domain_share` over `Losses.domain_totals` of its domain, `share` over
    `Losses.denominator` of the host.
    """

    outcome: RuleOutcome
    domain_share: int
    share: int


class Losses(NamedTuple):
    """What the rules deduct, exactly: the host loses sum(share) / denominator of its 100 points. `rules` by rule id."""

    rules: list[Loss]
    domain_totals: dict[Domain, int]
    denominator: int


def complete(full: Sequence[RuleWeight], reported: Iterable[RuleOutcome]) -> tuple[RuleOutcome, ...]:
    """One outcome for each rule of the full list, by rule id; weight and domain are the list's, never the report's.

    A rule that the report lacks, names twice, or gives an impossible fraction is unknown: cutting a report short, or
    muddling it, gains nothing. What the report says of other rules does not count.
    """
    said: dict[str, RuleOutcome] = {}
    doubled = set()
    for outcome in reported:
        if outcome.rule in said:
            doubled.add(outcome.rule)
        said[outcome.rule] = outcome
    outcomes = []
    for weight in sorted(full, key=_BY_RULE):
        word = said.get(weight.rule)
        if word is not None and word.outcome in _PLAIN and not doubled and _fits(word, weight):
            outcomes.append(word)
            continue
        verdict, passed, of, reason = Outcome.UNKNOWN, 0, 0, "not-reported"
        if weight.rule in doubled:
            reason = "reported-twice"
        elif word is not None and word.outcome == Outcome.PARTIAL and not _possible(word):
            reason = "malformed"
        elif word is not None:
            verdict, passed, of, reason = word.outcome, word.passed, word.of, word.reason
        outcomes.append(RuleOutcome(weight.rule, weight.domain, weight.severity, verdict, passed, of, reason))
    return tuple(outcomes)


def _fits(word: RuleOutcome, weight: RuleWeight) -> bool:
    return word.domain == weight.domain and word.severity == weight.severity


def _possible(outcome: RuleOutcome) -> bool:
    return 0 <= outcome.passed <= outcome.of and outcome.of > 0


def losses(host: HostInput, parameters: Parameters) -> Losses:
    """What each rule of the host deducts before caps. Raises ValueError for a rule named twice or an impossible
    fraction.
    """
    severity_weights = parameters.severity_weights
    totals: dict[Domain, int] = {}
    deducting: list[tuple[RuleOutcome, int]] = []
    parts = 1
    for outcome in host.rules:
        weight = severity_weights[outcome.severity]
        totals[outcome.domain] = totals.get(outcome.domain, 0) + weight
        if outcome.outcome in _DEDUCTS_NOTHING:
            continue
        if outcome.outcome == Outcome.PARTIAL:
            if not _possible(outcome):
                raise ValueError(
                    f"host {host.host}, rule {outcome.rule}: {outcome.passed} of {outcome.of} is no fraction"
                )
            if outcome.passed == outcome.of:
                continue
            parts = lcm(parts, outcome.of)
        deducting.append((outcome, weight))
    if len({outcome.rule for outcome in host.rules}) != len(host.rules):
        raise ValueError(f"host {host.host}: a rule is named twice")
    common = lcm(*totals.values())
    scale = {
        domain: parameters.domain_weights[domain] * (common // total) for domain, total in totals.items()
    }
    rules = []
    for outcome, weight in sorted(deducting, key=lambda pair: pair[0].rule):
        lost = parts
        if outcome.outcome == Outcome.PARTIAL:
            lost -= outcome.passed * (parts // outcome.of)
        rules.append(Loss(outcome, weight * lost, weight * lost * scale[outcome.domain]))
    denominator = common * parts * sum(parameters.domain_weights[domain] for domain in totals)
    return Losses(rules, {domain: total * parts for domain, total in totals.items()}, denominator)


def points_left(lost: int, of: int) -> int:
    """100 x (1 - lost / of) in published points, rounded down."""
    return FULL * (of - lost) // of


def capped(points: int, caps: Iterable[HeldCap], parameters: Parameters) -> int:
    """Points after the caps that hold."""
    return min([points, *(parameters.caps[held.cap] * POINT for held in caps)])


def host_score(host: HostInput, parameters: Parameters) -> HostScore:
    """The host's score, its domains' scores, and their deductions.

    Caps deduct one after the other from the loosest to the tightest, each what it takes from what those before it
    left. A host whose profile and platform have no rule at all was not looked at: it scores 0. Raises ValueError as
    `losses` does.
    """
    if not host.rules:
        nothing = Deduction("unknown", "no-rules", FULL, host.host, reason="no-rules")
        return HostScore(host.host, 0, (), (nothing,), parameters.version)
    lost = losses(host, parameters)
    shares = [loss.share for loss in lost.rules]
    points = points_left(sum(shares), lost.denominator)
    deductions = [
        _rule_deduction(host.host, loss.outcome, part)
        for loss, part in zip(lost.rules, apportion(FULL - points, shares), strict=True)
    ]
    for held in sorted(host.caps, key=lambda held: (-parameters.caps[held.cap], held.cap)):
        limit = parameters.caps[held.cap] * POINT
        if limit < points:
            deductions.append(Deduction("cap", held.cap, points - limit, host.host))
            points = limit
    domains = tuple(
        _domain_score(host.host, domain, lost, parameters)
        for domain in DOMAINS
        if domain in lost.domain_totals
    )
    return HostScore(host.host, points, domains, tuple(deductions), parameters.version)


def _domain_score(host: str, domain: Domain, lost: Losses, parameters: Parameters) -> DomainScore:
    rules = [loss for loss in lost.rules if loss.outcome.domain == domain]
    shares = [loss.domain_share for loss in rules]
    points = points_left(sum(shares), lost.domain_totals[domain])
    parts = apportion(FULL - points, shares)
    return DomainScore(
        domain,
        parameters.domain_weights[domain],
        points,
        tuple(_rule_deduction(host, loss.outcome, part) for loss, part in zip(rules, parts, strict=True)),
    )


def _rule_deduction(host: str, outcome: RuleOutcome, points: int) -> Deduction:
    if outcome.outcome == Outcome.UNKNOWN:
        return Deduction("unknown", outcome.rule, points, host, reason=outcome.reason)
    return Deduction("rule", outcome.rule, points, host)
