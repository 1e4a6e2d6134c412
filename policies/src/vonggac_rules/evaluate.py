"""Decide rules on a snapshot: pure, three-valued, with the evidence that decided.

Kleene's strong logic: a false in `all` decides even beside unknowns, a true in `any` likewise; unknown never
becomes pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from vonggac_contract import limits
from vonggac_contract.facts import TOPICS, FactKey, Known, Reason, Unavailable
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.rule import All, Compare, Condition, Count, Not, Operand, Parameter, Quantify, Rule
from vonggac_contract.snapshot import Snapshot

from .duration import duration
from .evidence import HIDDEN, fields_read, identity, in_words, plain, shown, shown_condition
from .rulebook import Rulebook
from .types import FieldType, field_type

NO_VALUE = "no-value"


class Truth(Enum):
    """The truth of a condition. PARTIAL only comes from `each` with a fraction."""

    TRUE = 1
    FALSE = 2
    UNKNOWN = 3
    PARTIAL = 4


class Verdict(NamedTuple):
    """A condition's truth with what decided it."""

    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    detail: str = ""
    passed: int = 0
    of: int = 0


class View:
    """A snapshot as the evaluator reads it: builtins by field name, made once for each fact."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot.taken_at
        self.platform = snapshot.platform
        self._facts = snapshot.facts
        self._plain: dict[FactKey, Any] = {}

    @classmethod
    def made_of(cls, now: datetime, platform: str, facts: Mapping[FactKey, Any]) -> View:
        """A view of values that nobody gathered: builtins by field name, or Unavailable."""
        view = cls(Snapshot(now, platform, {}))
        view._plain.update(facts)
        return view

    def look(self, key: FactKey) -> Any | Unavailable:
        """The fact's builtins, its Unavailable, or None if nobody gathered it."""
        if key not in self._plain:
            fact = self._facts.get(key)
            self._plain[key] = plain(fact.value) if isinstance(fact, Known) else fact
        return self._plain[key]


def decide(rulebook: Rulebook, profile_id: str, snapshot: Snapshot) -> list[Finding]:
    """One finding for each rule of the profile, in the rulebook's order. Raises UnknownProfile."""
    view = View(snapshot)
    return [decide_rule(rule, values, view) for rule, values in rulebook.profile_rules(profile_id)]


def decide_rule(rule: Rule, parameters: Mapping[str, Any], view: View, walk: Walk | None = None) -> Finding:
    """One rule on one view, with its profile's parameters. `walk` makes the walk over its two conditions (`trace`)."""
    walk = walk or Decision

    def finding(outcome: Outcome, verdict: Verdict) -> Finding:
        return Finding(
            rule.id, outcome, rule.severity, rule.domain, verdict.reason, verdict.detail[:400],
            verdict.passed, verdict.of, list(verdict.evidence[: limits.MAX_EVIDENCE_ITEMS]),
        )  # fmt: skip

    if rule.platform != view.platform:
        return finding(Outcome.NOT_APPLICABLE, Verdict(Truth.FALSE, reason="platform"))
    if rule.when is not None:
        applies = walk(parameters, view).condition(rule.when)
        if applies.truth is Truth.FALSE:
            return finding(Outcome.NOT_APPLICABLE, applies._replace(reason="condition"))
        if applies.truth is not Truth.TRUE:
            return finding(Outcome.UNKNOWN, applies)
    verdict = walk(parameters, view).condition(rule.check)
    outcome = {
        Truth.TRUE: Outcome.PASS, Truth.FALSE: Outcome.FAIL,
        Truth.UNKNOWN: Outcome.UNKNOWN, Truth.PARTIAL: Outcome.PARTIAL,
    }[verdict.truth]  # fmt: skip
    return finding(outcome, verdict)


class Element(NamedTuple):
    """An element of a list while a quantifier asks about it: builtins, and their type."""

    value: Any
    type: FieldType


class _Group(NamedTuple):
    """The elements that a quantifier speaks of, by what it found of each."""

    where: str
    type: FieldType
    held: list[Any]
    broken: list[Any]
    unknown: list[tuple[Any, Verdict]]

    def shown(self, elements: list[Any], read: frozenset[str]) -> list[Any]:
        return [identity(e, self.type, read) for e in elements[: limits.MAX_EVIDENCE_ITEMS]]

    def blind(self, expected: Any, actual: Any, operator: str, read: frozenset[str]) -> Verdict | None:
        """Unknown, with the elements that nobody could judge named as offenders are; None if each was judged."""
        if not self.unknown:
            return None
        first = self.shown([value for value, _ in self.unknown], read)
        evidence = Evidence(self.where, expected, actual, operator, first, len(self.unknown))
        element, verdict = self.unknown[0]
        detail = f"{verdict.detail}: {in_words(element, self.type)}"
        return Verdict(Truth.UNKNOWN, (evidence,), verdict.reason, detail)


class Decision:
    """One walk over a condition; inside a quantifier `element` stands in for the fact.

    `trace` overrides `condition`, `inside` and `selected` to write down what they find.
    """

    shows_elements = False
    """Whether comparisons of a list's elements come with evidence; that of the list names its offenders."""

    def __init__(self, parameters: Mapping[str, Any], view: View, element: Element | None = None) -> None:
        self.parameters = parameters
        self.view = view
        self.element = element

    def condition(self, condition: Condition) -> Verdict:
        if isinstance(condition, Compare):
            return self.compare(condition)
        if isinstance(condition, Quantify):
            return self.quantify(condition)
        if isinstance(condition, Count):
            return self.count(condition)
        if isinstance(condition, Not):
            inner = self.condition(condition.of)
            opposite = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}
            return inner._replace(truth=opposite.get(inner.truth, Truth.UNKNOWN))
        verdicts = [self.condition(c) for c in condition.of]
        return _all(verdicts) if isinstance(condition, All) else _any(verdicts)

    def compare(self, c: Compare) -> Verdict:
        got, where, found = self.read(c.fact, c.field)
        expected = self.operand(c.operand)
        if isinstance(got, Unavailable):
            evidence = Evidence(where, shown(expected), None, c.operator)
            return Verdict(Truth.UNKNOWN, (evidence,), str(got.reason), got.detail)
        if c.operator in ("exists", "absent"):
            there = got is not None and got != []
            truth = Truth.TRUE if there == (c.operator == "exists") else Truth.FALSE
            if self.element is not None and not self.shows_elements:
                return Verdict(truth)
            return Verdict(
                truth, (Evidence(where, True, HIDDEN if found.secret else shown(got), c.operator),)
            )
        if got is None or got in found.unseen:
            evidence = Evidence(where, shown(expected), shown(got), c.operator)
            return Verdict(Truth.UNKNOWN, (evidence,), NO_VALUE, where)
        truth = Truth.TRUE if compare(c.operator, got, expected, self.view.now) else Truth.FALSE
        if self.element is not None and not self.shows_elements:
            return Verdict(truth)
        actual = HIDDEN if found.secret else shown(got)
        return Verdict(truth, (Evidence(where, shown(expected), actual, c.operator),))

    def quantify(self, q: Quantify) -> Verdict:
        group = self.group(q.fact, q.field, q.where, q.check, q.quantifier)
        if isinstance(group, Verdict):
            return group
        of = len(group.held) + len(group.broken) + len(group.unknown)
        asked = shown_condition(q.check, self.operand)
        counted = f"{len(group.held)}/{of}"
        blind = group.blind(asked, counted, q.quantifier, fields_read(q))

        def verdict(truth: Truth, offenders: list[Any]) -> Verdict:
            first = group.shown(offenders, fields_read(q))
            return Verdict(
                truth, (Evidence(group.where, asked, counted, q.quantifier, first, len(offenders)),)
            )

        if q.quantifier == "each":
            if q.fraction and blind is None and group.held and group.broken:
                return verdict(Truth.PARTIAL, group.broken)._replace(passed=len(group.held), of=of)
            if group.broken and not (q.fraction and blind):
                return verdict(Truth.FALSE, group.broken)
            return blind or verdict(Truth.TRUE, [])
        if q.quantifier == "any":
            return verdict(Truth.TRUE, []) if group.held else blind or verdict(Truth.FALSE, group.broken)
        return verdict(Truth.FALSE, group.held) if group.held else blind or verdict(Truth.TRUE, [])

    def count(self, c: Count) -> Verdict:
        group = self.group(c.fact, c.field, c.where, None, "count")
        if isinstance(group, Verdict):
            return group
        expected = self.operand(c.operand)
        low = len(group.held)
        # With elements nobody could judge the count lies between two numbers: each of them must say the same.
        said = {
            compare(c.operator, n, expected, self.view.now) for n in range(low, low + len(group.unknown) + 1)
        }
        operator = f"count {c.operator}"
        blind = group.blind(shown(expected), low, operator, fields_read(c))
        if len(said) > 1 and blind is not None:
            return blind
        first = group.shown(group.held, fields_read(c))
        evidence = Evidence(group.where, shown(expected), low, operator, first, low)
        return Verdict(Truth.TRUE if said.pop() else Truth.FALSE, (evidence,))

    def group(
        self,
        key: FactKey | None,
        field: str,
        where: Condition | None,
        check: Condition | None,
        quantifier: str,
    ) -> _Group | Verdict:
        """The list's elements sorted by what is found of each; a verdict of unknown if there is no list to see."""
        got, place, found = self.read(key, field)
        if isinstance(got, Unavailable):
            return Verdict(Truth.UNKNOWN, (Evidence(place, quantifier, None),), str(got.reason), got.detail)
        if got is None or found.element is None:
            return Verdict(Truth.UNKNOWN, (Evidence(place, quantifier, None),), NO_VALUE, place)
        group = _Group(place, found.element, [], [], [])
        for value in got:
            inner = self.inside(Element(value, found.element))
            verdict = inner.selected(where, check, quantifier)
            if verdict is None:
                continue
            if verdict.truth is Truth.TRUE:
                group.held.append(value)
            elif verdict.truth is Truth.FALSE:
                group.broken.append(value)
            else:
                group.unknown.append((value, verdict))
        return group

    def inside(self, element: Element) -> Decision:
        """The same walk, of one element of a list."""
        return Decision(self.parameters, self.view, element)

    def selected(self, where: Condition | None, check: Condition | None, quantifier: str) -> Verdict | None:
        """The verdict on this element; None if `where` leaves it out."""
        chosen = self.condition(where) if where is not None else Verdict(Truth.TRUE)
        if chosen.truth is Truth.FALSE:
            return None
        asked = self.condition(check) if check is not None else Verdict(Truth.TRUE)
        if chosen.truth is Truth.TRUE:
            return asked
        # It may or may not belong to those asked: it can be left out only if its own answer would change nothing.
        harmless = Truth.TRUE if quantifier == "each" else Truth.FALSE
        return None if asked.truth is harmless else chosen

    def read(self, key: FactKey | None, field: str) -> tuple[Any, str, FieldType]:
        """The value at `field`, its place in words, and its type."""
        if key is None:
            if self.element is None:
                raise ValueError(f"field {field!r} of no element")
            kind = self.element.type
            found = field_type(kind.struct, field) if field and kind.struct is not None else kind
            return _walk(self.element.value, field), field, found
        found = field_type(TOPICS[key.topic].value, field)
        where = f"{key} {field}" if field != TOPICS[key.topic].main else str(key)
        got = self.view.look(key)
        if got is None:
            return Unavailable(Reason.NOT_SUPPORTED, "nobody gathered this fact"), where, found
        return (got if isinstance(got, Unavailable) else _walk(got, field)), where, found

    def operand(self, operand: Operand) -> Any:
        return self.parameters[operand.name] if isinstance(operand, Parameter) else operand.value


Walk = Callable[[Mapping[str, Any], View], Decision]


def _all(verdicts: list[Verdict]) -> Verdict:
    for truth in (Truth.FALSE, Truth.UNKNOWN, Truth.PARTIAL):
        deciding = [v for v in verdicts if v.truth is truth]
        if deciding:
            worst = min(deciding, key=lambda v: v.passed / v.of if v.of else 0)
            return worst._replace(evidence=tuple(e for v in deciding for e in v.evidence))
    return Verdict(Truth.TRUE, tuple(e for v in verdicts for e in v.evidence))


def _any(verdicts: list[Verdict]) -> Verdict:
    for truth in (Truth.TRUE, Truth.UNKNOWN, Truth.PARTIAL):
        deciding = [v for v in verdicts if v.truth is truth]
        if deciding:
            best = max(deciding, key=lambda v: v.passed / v.of if v.of else 0)
            return best._replace(evidence=tuple(e for v in deciding for e in v.evidence))
    return Verdict(Truth.FALSE, tuple(e for v in verdicts for e in v.evidence))


def compare(operator: str, got: Any, expected: Any, now: datetime) -> bool:
    """One comparison of values whose types were checked when the rule was loaded."""
    match operator:
        case "is" | "equals":
            return bool(got == expected)
        case "one_of":
            return got in expected
        case "at_least":
            return bool(got >= expected)
        case "at_most":
            return bool(got <= expected)
        case "between":
            return bool(expected[0] <= got <= expected[1])
        case "matches":
            return _pattern(expected).fullmatch(got[: limits.MAX_PATTERN_INPUT_BYTES]) is not None
        case "contains":
            return expected in got
        case "subset_of":
            return all(g in expected for g in got)
        case "newer_than":
            return _at(got) > boundary(expected, now)
        case "older_than":
            return _at(got) < boundary(expected, now)
    raise ValueError(f"no operator {operator!r}")


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Any:
    return re2.compile(text)


def boundary(expected: str, now: datetime) -> datetime:
    """The moment that `newer_than` and `older_than` compare with: a duration back from `now`, or the end of a day."""
    if expected[:1].isdigit():
        return _at(date.fromisoformat(expected))
    try:
        return now - duration(expected)
    except OverflowError:
        # Beyond every date there is; rules are refused such spans, a rulebook made by hand is not.
        return datetime.max.replace(tzinfo=UTC) if expected[:1] == "-" else datetime.min.replace(tzinfo=UTC)


def _at(moment: date | datetime) -> datetime:
    """A day counts from its end, so that support that ends today has not ended."""
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.combine(moment, time(23, 59, 59), UTC)


def _walk(value: Any, path: str) -> Any:
    if not path:
        return value
    for name in path.split("."):
        if value is None:
            return None
        value = value.get(name)
    return value
