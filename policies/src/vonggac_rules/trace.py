"""What the evaluator found on its way: every comparison of a rule, in the order of the rule. Pure.

There is no second evaluator: `Traced` is the walk that `evaluate` makes, and writes down each answer that walk gives.
Nothing is skipped on the way: where one part of `all` or `any` decides, the others are shown beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from vonggac_contract import limits
from vonggac_contract.facts import TOPICS
from vonggac_contract.finding import Finding
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Count, Not, Quantify, Rule

from .evaluate import Decision, Element, Truth, Verdict, View, decide_rule
from .evidence import fields_read, identity

_TRUTHS: Final = {
    Truth.TRUE: "true",
    Truth.FALSE: "false",
    Truth.UNKNOWN: "unknown",
    Truth.PARTIAL: "partial",
}
LEFT_OUT: Final = "left out"
NOT_ASKED: Final = "not asked"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One condition, or one element of a list, with what was found of it.

    `path`: where it stands in the rule, such as `check.all[0]`. `truth`: true, false, unknown, partial; `left out` for
    an element that `where` does not mean; `not asked` for the check of a rule that does not apply. `decides`: false for
    a part that others overruled. `element`: which one of the list, from 1; `of`: how many there are, of which
    MAX_EVIDENCE_ITEMS have a step, those that are meant first. `expected` and `actual` as in evidence: bounded, secrets
    kept back.
    """

    path: str
    kind: str
    truth: str
    fact: str = ""
    field: str = ""
    expected: Any = None
    actual: Any = None
    reason: str = ""
    detail: str = ""
    element: int = 0
    of: int = 0
    decides: bool = True
    steps: tuple[Step, ...] = ()


class Trace(msgspec.Struct, frozen=True):
    """A rule's finding with the steps that lead to it."""

    finding: Finding
    steps: tuple[Step, ...]


def trace_rule(rule: Rule, parameters: Mapping[str, Any], view: View) -> Trace:
    """Decide one rule as `decide_rule` does, and say how."""
    steps: list[Step] = []
    paths = dict(_paths(rule.check, "check"))
    if rule.when is not None:
        paths |= dict(_paths(rule.when, "when"))

    def walk(values: Mapping[str, Any], seen: View) -> Decision:
        return Traced(values, seen, None, paths, steps)

    finding = decide_rule(rule, parameters, view, walk)
    if rule.platform == view.platform and not any(s.path == "check" for s in steps):
        steps.append(Step("check", _kind(rule.check), NOT_ASKED))
    return Trace(finding, tuple(steps))


class Traced(Decision):
    """The evaluator's walk, which writes down a step for each condition that it leaves."""

    shows_elements = True

    def __init__(
        self,
        parameters: Mapping[str, Any],
        view: View,
        element: Element | None,
        paths: Mapping[int, str],
        steps: list[Step],
    ) -> None:
        super().__init__(parameters, view, element)
        self.paths = paths
        self.steps = steps
        self.elements = 0
        self.names = frozenset[str]()

    def condition(self, condition: Condition) -> Verdict:
        outer = (self.steps, self.elements, self.names)
        self.steps, self.elements, self.names = [], 0, fields_read(condition)
        verdict = super().condition(condition)
        step = self._step(condition, verdict)
        self.steps, self.elements, self.names = outer
        self.steps.append(step)
        return verdict

    def inside(self, element: Element) -> Decision:
        self.elements += 1
        return _Inside(self, element, self.elements)

    def keep(self, step: Step) -> None:
        """Keep an element's step if it is among the first of its kind."""
        alike = sum((s.truth == LEFT_OUT) == (step.truth == LEFT_OUT) for s in self.steps)
        if alike < limits.MAX_EVIDENCE_ITEMS:
            self.steps.append(step)

    def _step(self, condition: Condition, verdict: Verdict) -> Step:
        step = Step(
            self.paths[id(condition)], _kind(condition), _TRUTHS[verdict.truth],
            of=self.elements, steps=tuple(_weighed(condition, verdict, _first(self.steps))),
        )  # fmt: skip
        if verdict.truth is Truth.UNKNOWN:
            step = msgspec.structs.replace(step, reason=verdict.reason, detail=verdict.detail[:400])
        if isinstance(condition, (All, AnyOf, Not)):
            return step
        fact = "" if condition.fact is None else str(condition.fact)
        step = msgspec.structs.replace(step, fact=fact, field=condition.field)
        evidence = verdict.evidence[0] if verdict.evidence else None
        if evidence is None or evidence.operator != step.kind:
            return step
        expected = None if isinstance(condition, Quantify) else evidence.expected
        return msgspec.structs.replace(step, expected=expected, actual=evidence.actual)


class _Inside(Traced):
    """The same walk over one element, which becomes one step of the list's."""

    def __init__(self, outer: Traced, element: Element, number: int) -> None:
        super().__init__(outer.parameters, outer.view, element, outer.paths, [])
        self.outer = outer
        self.number = number

    def selected(self, where: Condition | None, check: Condition | None, quantifier: str) -> Verdict | None:
        verdict = super().selected(where, check, quantifier)
        truth = LEFT_OUT if verdict is None else _TRUTHS[verdict.truth]
        shown = None if self.element is None else identity(*self.element, self.outer.names)
        self.outer.keep(
            Step("", "element", truth, actual=shown, element=self.number, steps=tuple(self.steps))
        )
        return verdict


def _first(steps: list[Step]) -> list[Step]:
    """Of a list's elements those that are meant first, then those left out, as many as evidence holds, in order."""
    if not steps or steps[0].kind != "element":
        return steps
    kept = sorted(steps, key=lambda s: s.truth == LEFT_OUT)[: limits.MAX_EVIDENCE_ITEMS]
    return sorted(kept, key=lambda s: s.element)


def _weighed(condition: Condition, verdict: Verdict, steps: list[Step]) -> Iterator[Step]:
    """The parts of `all` and `any`, those that others overruled marked so."""
    said = _TRUTHS[verdict.truth]
    for step in steps:
        joined = isinstance(condition, (All, AnyOf))
        yield step if not joined or step.truth == said else msgspec.structs.replace(step, decides=False)


def _kind(condition: Condition) -> str:
    """The word for it in the rule's file; a count's as evidence has it."""
    if isinstance(condition, Compare):
        return condition.operator
    if isinstance(condition, Quantify):
        return condition.quantifier
    if isinstance(condition, Count):
        return f"count {condition.operator}"
    return "not" if isinstance(condition, Not) else "all" if isinstance(condition, All) else "any"


def _paths(condition: Condition, at: str) -> Iterator[tuple[int, str]]:
    """The path of each condition by its identity; the rule outlives the trace."""
    yield id(condition), at
    if isinstance(condition, Not):
        yield from _paths(condition.of, f"{at}.not")
    elif isinstance(condition, (All, AnyOf)):
        for i, part in enumerate(condition.of):
            yield from _paths(part, f"{at}.{_kind(condition)}[{i}]")
    elif not isinstance(condition, Compare):
        if condition.where is not None:
            yield from _paths(condition.where, f"{at}.where")
        if isinstance(condition, Quantify):
            yield from _paths(condition.check, f"{at}.{condition.quantifier}")


def said(trace: Trace) -> Iterator[str]:
    """The trace as indented lines for a terminal."""
    for step in trace.steps:
        yield from _lines(step, 1)


def _lines(step: Step, depth: int) -> Iterator[str]:
    indent = "    " * depth
    overruled = "" if step.decides else "  (overruled)"
    why = f"  ({step.reason})" if step.reason else ""
    if step.kind == "element":
        yield f"{indent}{step.element}. {step.truth}: {_value(step.actual)}"
    else:
        yield f"{indent}{step.path}: {step.truth}{why}{overruled}{_asked(step)}"
    for inner in step.steps:
        yield from _lines(inner, depth + 1)
    shown = sum(s.kind == "element" for s in step.steps)
    if step.of > shown:
        yield f"{indent}    … {step.of - shown} more of {step.of}"


def _asked(step: Step) -> str:
    """What was compared: fact, field, operator, what was wanted, what was there."""
    if step.truth == NOT_ASKED or (step.kind in ("all", "not", "any") and not (step.fact or step.field)):
        return ""
    topic = TOPICS.get(step.fact.partition("{")[0])
    field = "" if topic is not None and topic.main == step.field else step.field
    subject = " ".join(w for w in (step.fact, field) if w) or "the element"
    wanted = "" if step.expected is None or step.kind in ("exists", "absent") else f" {_value(step.expected)}"
    there = "" if step.actual is None and step.reason else f", found {_value(step.actual)}"
    return f"  {subject} {step.kind}{wanted}{there}"


def _value(value: Any) -> str:
    """As JSON, for a terminal."""
    if value is None:
        return "nothing"
    return inert(msgspec.json.encode(value).decode("utf-8", "replace"))


def inert(text: str) -> str:
    """With nothing in it that a terminal would obey: C0 and C1 controls, bidi marks."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
