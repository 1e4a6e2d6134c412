"""Decide rules on a snapshot: pure, three-valued, with the evidence that decided.

Kleene's strong logic: a false in `all` decides even beside unknowns, a true in `any` likewise; unknown never becomes pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Any, NamedTuple

import msgspec
import re2

from vonggac_contract import limits
from vonggac_contract.facts import TOPICS, FactKey, Unavailable
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Not, Operand, Parameter, Quantify, Rule
from vonggac_contract.snapshot import Snapshot

from .duration import duration
from .rulebook import Rulebook
from .types import FieldType, field_type, fields_of

NO_VALUE = "no-value"
HIDDEN = "(kept back)"


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

    def look(self, key: FactKey) -> Any | Unavailable:
        """The fact's builtins, its Unavailable, or None if nobody gathered it."""
        if key not in self._plain:
            fact = self._facts.get(key)
            known = fact is not None and not isinstance(fact, Unavailable)
            self._plain[key] = _plain(fact.value) if known else fact  # type: ignore[union-attr]
        return self._plain[key]


def decide(rulebook: Rulebook, profile_id: str, snapshot: Snapshot) -> list[Finding]:
    """One finding for each rule of the profile, in the rulebook's order. Raises UnknownProfile."""
    view = View(snapshot)
    return [decide_rule(rule, values, view) for rule, values in rulebook.profile_rules(profile_id)]


def decide_rule(rule: Rule, parameters: Mapping[str, Any], view: View) -> Finding:
    """One rule on one view, with its profile's parameters."""

    def finding(outcome: Outcome, verdict: Verdict) -> Finding:
        return Finding(
            rule.id, outcome, rule.severity, rule.domain, verdict.reason, verdict.detail[:400],
            verdict.passed, verdict.of, list(verdict.evidence[: limits.MAX_EVIDENCE_ITEMS]),
        )  # fmt: skip

    if rule.platform != view.platform:
        return finding(Outcome.NOT_APPLICABLE, Verdict(Truth.FALSE, reason="platform"))
    if rule.when is not None:
        applies = _Decision(parameters, view, None, None).condition(rule.when)
        if applies.truth is Truth.FALSE:
            return finding(Outcome.NOT_APPLICABLE, applies._replace(reason="condition"))
        if applies.truth is not Truth.TRUE:
            return finding(Outcome.UNKNOWN, applies)
    verdict = _Decision(parameters, view, None, None).condition(rule.check)
    outcome = {
        Truth.TRUE: Outcome.PASS, Truth.FALSE: Outcome.FAIL,
        Truth.UNKNOWN: Outcome.UNKNOWN, Truth.PARTIAL: Outcome.PARTIAL,
    }[verdict.truth]  # fmt: skip
    return finding(outcome, verdict)


class _Decision:
    """One walk over a condition; inside a quantifier `element` and its Struct stand in for the fact."""

    def __init__(
        self, parameters: Mapping[str, Any], view: View, element: Any, struct: FieldType | None
    ) -> None:
        self.parameters = parameters
        self.view = view
        self.element = element
        self.struct = struct

    def condition(self, condition: Condition) -> Verdict:
        if isinstance(condition, Compare):
            return self.compare(condition)
        if isinstance(condition, Quantify):
            return self.quantify(condition)
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
            evidence = Evidence(where, _shown(expected), None, c.operator)
            return Verdict(Truth.UNKNOWN, (evidence,), str(got.reason), got.detail)
        if c.operator in ("exists", "absent"):
            there = got is not None and got != []
            truth = Truth.TRUE if there == (c.operator == "exists") else Truth.FALSE
            return Verdict(truth, (Evidence(where, True, _shown(got), c.operator),))
        if got is None:
            evidence = Evidence(where, _shown(expected), None, c.operator)
            return Verdict(Truth.UNKNOWN, (evidence,), NO_VALUE, where)
        holds = compare(c.operator, got, expected, self.view.now)
        actual = HIDDEN if found.secret else _shown(got)
        return Verdict(
            Truth.TRUE if holds else Truth.FALSE, (Evidence(where, _shown(expected), actual, c.operator),)
        )

    def quantify(self, q: Quantify) -> Verdict:
        got, where, found = self.read(q.fact, q.field)
        if isinstance(got, Unavailable):
            return Verdict(Truth.UNKNOWN, (Evidence(where, q.quantifier, None),), str(got.reason), got.detail)
        if got is None:
            return Verdict(Truth.UNKNOWN, (Evidence(where, q.quantifier, None),), NO_VALUE, where)
        element_type = found.element
        held: list[Any] = []
        broken: list[Any] = []
        unknown: list[Verdict] = []
        for element in got:
            inner = _Decision(self.parameters, self.view, element, element_type)
            verdict = inner.selected(q)
            if verdict is None:
                continue
            if verdict.truth is Truth.TRUE:
                held.append(element)
            elif verdict.truth is Truth.FALSE:
                broken.append(element)
            else:
                unknown.append(verdict)
        return self._quantified(q, where, element_type, held, broken, unknown)

    def selected(self, q: Quantify) -> Verdict | None:
        """The verdict on this element; None if `where` leaves it out."""
        chosen = self.condition(q.where) if q.where is not None else Verdict(Truth.TRUE)
        if chosen.truth is Truth.FALSE:
            return None
        asked = self.condition(q.check) if q.check is not None else Verdict(Truth.TRUE)
        if chosen.truth is Truth.TRUE:
            return asked
        # It may or may not belong to those asked: only an answer that is good either way decides.
        good = Truth.FALSE if q.quantifier in ("any", "none", "count") else Truth.TRUE
        return None if asked.truth is good else chosen

    def _quantified(
        self, q: Quantify, where: str, element: FieldType | None, held: list[Any], broken: list[Any],
        unknown: list[Verdict],
    ) -> Verdict:  # fmt: skip
        of = len(held) + len(broken) + len(unknown)
        blind = Verdict(Truth.UNKNOWN, unknown[0].evidence, unknown[0].reason, unknown[0].detail) if unknown else None
        if q.quantifier == "count":
            return self._counted(q, where, element, held, blind, len(unknown))
        read = _fields_read(q)

        def verdict(truth: Truth, offenders: list[Any], **more: int) -> Verdict:
            shown = [_identity(o, element, read) for o in offenders[: limits.MAX_EVIDENCE_ITEMS]]
            evidence = Evidence(
                where, _shown_condition(q.check, self.operand), f"{len(held)}/{of}", q.quantifier, shown, len(offenders)
            )
            return Verdict(truth, (evidence,), **more)

        if q.quantifier == "each":
            if q.fraction and blind is None and held and broken:
                return verdict(Truth.PARTIAL, broken, passed=len(held), of=of)
            if broken and not (q.fraction and blind):
                return verdict(Truth.FALSE, broken)
            return blind or verdict(Truth.TRUE, [])
        if q.quantifier == "any":
            return verdict(Truth.TRUE, held) if held else blind or verdict(Truth.FALSE, broken)
        return verdict(Truth.FALSE, held) if held else blind or verdict(Truth.TRUE, [])

    def _counted(
        self, q: Quantify, where: str, element: FieldType | None, held: list[Any], blind: Verdict | None, more: int
    ) -> Verdict:
        assert q.operator is not None
        assert q.operand is not None
        expected = self.operand(q.operand)
        low = compare(q.operator, len(held), expected, self.view.now)
        # With `more` elements nobody could judge the count lies between two numbers: each of them must say the same.
        same = all(
            compare(q.operator, len(held) + n, expected, self.view.now) == low for n in range(1, more + 1)
        )
        if blind is not None and not same:
            return blind
        read = _fields_read(q)
        shown = [_identity(o, element, read) for o in held[: limits.MAX_EVIDENCE_ITEMS]]
        evidence = Evidence(where, _shown(expected), len(held), f"count {q.operator}", shown, len(held))
        return Verdict(Truth.TRUE if low else Truth.FALSE, (evidence,))

    def read(self, key: FactKey | None, field: str) -> tuple[Any, str, FieldType]:
        """The value at `field`, its place in words, and its type."""
        if key is None:
            assert self.struct is not None
            found = self.struct if not field else field_type(self.struct.struct, field)  # type: ignore[arg-type]
            return _walk(self.element, field), field, found
        found = field_type(TOPICS[key.topic].value, field)
        where = f"{key} {field}" if field != TOPICS[key.topic].main else str(key)
        got = self.view.look(key)
        if got is None:
            return Unavailable(_NOT_GATHERED, "nobody looked at this fact"), where, found
        return (got if isinstance(got, Unavailable) else _walk(got, field)), where, found

    def operand(self, operand: Operand) -> Any:
        return self.parameters[operand.name] if isinstance(operand, Parameter) else operand.value


class _NotGathered(str):
    """The reason for a fact that is missing from a snapshot."""


_NOT_GATHERED: Any = _NotGathered("not-gathered")


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
            return re2.fullmatch(expected, got[: limits.MAX_PATTERN_INPUT_BYTES]) is not None
        case "contains":
            return expected in got
        case "subset_of":
            return all(g in expected for g in got)
        case "newer_than":
            return _at(got) > _boundary(expected, now)
        case "older_than":
            return _at(got) < _boundary(expected, now)
    raise ValueError(f"no operator {operator!r}")


def _boundary(expected: str, now: datetime) -> datetime:
    if expected[:1].isdigit():
        return _at(date.fromisoformat(expected))
    return now - duration(expected)


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


def _plain(value: Any) -> Any:
    """Builtins with fields by name, dates kept as dates (msgspec.to_builtins makes texts of them)."""
    if isinstance(value, msgspec.Struct):
        return {n: _plain(v) for n, v in zip(value.__struct_fields__, msgspec.structs.astuple(value), strict=True)}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _shown(value: Any) -> Any:
    """What evidence holds of a value: bounded, JSON."""
    if isinstance(value, str):
        return value if len(value) <= limits.MAX_EVIDENCE_TEXT else value[: limits.MAX_EVIDENCE_TEXT] + "…"
    if isinstance(value, (list, tuple)):
        return [_shown(v) for v in value[: limits.MAX_EVIDENCE_ITEMS]]
    if isinstance(value, dict):
        return {k: _shown(v) for k, v in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _fields_read(condition: Condition | None) -> frozenset[str]:
    """The fields of an element that a quantifier's own conditions read."""
    if condition is None:
        return frozenset()
    if isinstance(condition, Compare):
        return frozenset({condition.field.split(".")[0]})
    if isinstance(condition, Quantify):
        return _fields_read(condition.where) | _fields_read(condition.check)
    if isinstance(condition, Not):
        return _fields_read(condition.of)
    return frozenset().union(*(_fields_read(c) for c in condition.of))


def _identity(element: Any, found: FieldType | None, read: frozenset[str]) -> Any:
    """An offender in few words: what the rule read of it and what names it."""
    if found is None or found.struct is None or not isinstance(element, dict):
        return _shown(element)
    fields = fields_of(found.struct)
    naming = set(list(fields)[:2]) | {"name", "port", "path"}
    kept = {}
    for name, kind in fields.items():
        if name not in element or element[name] is None:
            continue
        if name in read or (name in naming and not kind.volatile):
            kept[name] = HIDDEN if kind.secret else _shown(element[name])
    return kept


def _shown_condition(condition: Condition | None, operand: Any) -> str:
    """A quantifier's check in words for evidence: `field operator value`."""
    if condition is None:
        return ""
    if isinstance(condition, Compare):
        value = _shown(operand(condition.operand))
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return f"{condition.field} {condition.operator} {words}".strip()
    if isinstance(condition, Not):
        return f"not ({_shown_condition(condition.of, operand)})"
    if isinstance(condition, Quantify):
        return f"{condition.quantifier} {condition.field}: {_shown_condition(condition.check, operand)}"
    joint = " and " if isinstance(condition, All) else " or "
    return joint.join(f"({_shown_condition(c, operand)})" for c in condition.of)
