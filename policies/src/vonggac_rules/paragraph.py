"""A rule's condition as a paragraph in Vietnamese or English, worked out from it, so that it can't say otherwise.

What is asked of one field in a row is said of it once; `not` is said by the word that means it (De Morgan's laws hold
in the evaluator's logic too); numbers carry their field's unit. The words stand in `wording`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from vonggac_contract.rule import All, AnyOf, Compare, Condition, Count, Not, Quantify, Rule

from .explain import Language
from .types import FieldType
from .uses import parameter_uses, type_of
from .wording import Wording
from .worlds import leaves_of, resolved

_OPPOSITE: Final = {"each": "some", "any": "none", "none": "any"}


class _Phrase(NamedTuple):
    """`joint`: the word that joins its parts, if it has several; `bare`: it speaks of the element itself."""

    text: str
    joint: str = ""
    bare: bool = False


def explain(rule: Rule, language: Language, parameters: Mapping[str, Any] | None = None) -> str:
    """One paragraph: when the rule applies and when it passes. Parameters read as their default if not given."""
    values = {n: d.default for n, d in rule.parameters.items()} | dict(parameters or {})
    words = Wording(language)
    check = resolved(rule.check, values)
    sentences = []
    if rule.when is not None:
        sentences.append(words.sentence("when", _say(resolved(rule.when, values), words, None, True).text))
    sentences.append(words.sentence("check", _say(check, words, None, True).text))
    if any(isinstance(leaf, Quantify) and leaf.fraction for leaf in leaves_of(check)):
        sentences.append(words.sentence("fraction"))
    return " ".join(sentences)


def parameter(rule: Rule, name: str, value: Any, language: Language) -> str:
    """A parameter's value in words, with the unit of the field that it is compared with."""
    use = next((u for u in parameter_uses(rule) if u.name == name), None)
    words = Wording(language)
    if use is None:
        return f"`{value}`"
    if use.operator in ("newer_than", "older_than"):
        return words.moment(str(value))
    return words.values(value, use.field)


def _say(condition: Condition, words: Wording, element: FieldType | None, positive: bool) -> _Phrase:
    if isinstance(condition, Not):
        return _say(condition.of, words, element, not positive)
    if isinstance(condition, (All, AnyOf)):
        joint = "all" if isinstance(condition, All) is positive else "any"
        return _joined(_runs(condition.of), joint, words, element, positive)
    if isinstance(condition, Compare):
        return _compared([condition], "all", words, element, positive)
    return _Phrase(_listed(condition, words, element, positive))


def _joined(
    runs: list[list[Condition]], joint: str, words: Wording, element: FieldType | None, positive: bool
) -> _Phrase:
    phrases = []
    for run in runs:
        compared = [c for c in run if isinstance(c, Compare)]
        if compared:
            phrases.append(_compared(compared, joint, words, element, positive))
        else:
            phrases.append(_say(run[0], words, element, positive))
    if len(phrases) == 1:
        return phrases[0]
    texts = [f"({p.text})" if p.joint and p.joint != joint else p.text for p in phrases]
    return _Phrase(words.joined(texts, joint), joint, all(p.bare for p in phrases))


def _runs(parts: Sequence[Condition]) -> list[list[Condition]]:
    """Comparisons of one field that stand in a row together; every other condition alone."""
    runs: list[list[Condition]] = []
    for part in parts:
        before = runs[-1][-1] if runs else None
        alike = isinstance(part, Compare) and isinstance(before, Compare)
        if alike and (part.fact, part.field) == (before.fact, before.field):  # type: ignore[union-attr]
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _compared(
    run: list[Compare], joint: str, words: Wording, element: FieldType | None, positive: bool
) -> _Phrase:
    """What is asked of one field."""
    first = run[0]
    found = type_of(first, element)
    if len(run) == 1 and first.fact is not None and first.operator == "is":
        said = words.state(first.fact, first.field, first.operand.value is positive)  # type: ignore[union-attr]
        if said:
            return _Phrase(said)
    if joint == "all" and positive and len(run) > 1:
        run = _without_presence(run)
    span = _span(run, positive) if joint == "all" else None
    if span is not None:
        predicates = [words.predicate("between", span, found, True)]
    else:
        predicates = [words.predicate(c.operator, c.operand.value, found, positive) for c in run]  # type: ignore[union-attr]
    subject = words.subject(first.fact, first.field)
    text = f"{subject} {words.joined(predicates, joint, short=True)}".strip()
    return _Phrase(text, joint if len(predicates) > 1 else "", not subject)


def _without_presence(run: list[Compare]) -> list[Compare]:
    """Without `exists` where something is asked of the value beside it: it goes without saying."""
    asked = [c for c in run if c.operator not in ("exists", "absent")]
    return asked if asked and all(c.operator != "absent" for c in run) else run


def _span(run: list[Compare], positive: bool) -> list[Any] | None:
    """`at_least` and `at_most` of one field, as the two ends of a span."""
    ends = {c.operator: c.operand.value for c in run}  # type: ignore[union-attr]
    if positive and len(run) == 2 and ends.keys() == {"at_least", "at_most"}:
        return [ends["at_least"], ends["at_most"]]
    return None


def _listed(condition: Quantify | Count, words: Wording, element: FieldType | None, positive: bool) -> str:
    found = type_of(condition, element)
    where = ""
    if condition.where is not None:
        asked = _say(condition.where, words, found.element, True)
        where = words.where(f"({asked.text})" if asked.joint else asked.text, bare=asked.bare)
    subject = words.subject(condition.fact, condition.field)
    if isinstance(condition, Count):
        operator, value = condition.operator, condition.operand.value  # type: ignore[union-attr]
        # Fewer than none there can't be.
        operator = "equals" if (operator, value) == ("at_most", 0) else operator
        return words.count(subject, where, words.predicate(operator, value, FieldType("int"), positive))
    quantifier = condition.quantifier if positive else _OPPOSITE[condition.quantifier]
    # "Not every entry" is said as "at least one entry does not".
    inner = _say(condition.check, words, found.element, quantifier != "some")
    return words.listed(
        "any" if quantifier == "some" else quantifier, subject, where, inner.text, bare=inner.bare
    )
