"""Small faults put into a rule's conditions, one at a time, to see whether its cases notice.

Each mutant is what a slip of an author would leave behind: a comparison turned round, a number one off, an element
forgotten in a list, a part of `all` dropped, a `where` left out, a parameter that nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from vonggac_contract.facts import TOPICS
from vonggac_contract.rule import (
    All,
    AnyOf,
    Compare,
    Condition,
    Count,
    Not,
    Operand,
    Parameter,
    Quantify,
    Rule,
    Value,
)
from vonggac_rules.duration import duration
from vonggac_rules.types import FieldType, field_type

Mutant = tuple[str, Condition]
NEVER = "\x00"
QUANTIFIERS = ("each", "any", "none")


def mutants(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Every mutant of the rule with its name; a name is the place in the rule and what became of it."""
    defaults = {name: d.default for name, d in rule.parameters.items()}
    for name, check in _Mutator(defaults).of(rule.check, "check", None):
        yield name, replace(rule, check=check)
    if rule.when is not None:
        yield "when: dropped", replace(rule, when=None)
        for name, when in _Mutator(defaults).of(rule.when, "when", None):
            yield name, replace(rule, when=when)


class _Mutator:
    def __init__(self, defaults: dict[str, Any]) -> None:
        self.defaults = defaults

    def of(self, c: Condition, at: str, element: FieldType | None) -> Iterator[Mutant]:
        """Mutants of one condition; `element` is the type of the list's element inside a quantifier."""
        if isinstance(c, Compare):
            yield f"{at}: negated", Not(c)
            found = _type(c.fact.topic if c.fact else None, c.field, element)
            for words, operand in self.operands(c.operator, c.operand, found):
                yield f"{at}: {c.operator} {words}", replace(c, operand=operand)
        elif isinstance(c, Not):
            yield f"{at}: not dropped", c.of
            for name, inner in self.of(c.of, f"{at}.not", element):
                yield name, Not(inner)
        elif isinstance(c, (All, AnyOf)):
            yield from self.joined(c, at, element)
        else:
            yield from self.listed(c, at, element)

    def joined(self, c: All | AnyOf, at: str, element: FieldType | None) -> Iterator[Mutant]:
        word, other = ("all", AnyOf) if isinstance(c, All) else ("any", All)
        if len(c.of) > 1:
            yield f"{at}: {word} turned round", other(c.of)
        for i, part in enumerate(c.of):
            if len(c.of) > 1:
                yield f"{at}: {word}[{i}] dropped", type(c)(c.of[:i] + c.of[i + 1 :])
            for name, inner in self.of(part, f"{at}.{word}[{i}]", element):
                yield name, type(c)((*c.of[:i], inner, *c.of[i + 1 :]))

    def listed(self, c: Quantify | Count, at: str, element: FieldType | None) -> Iterator[Mutant]:
        inside = _type(c.fact.topic if c.fact else None, c.field, element).element
        if c.where is not None:
            yield f"{at}: where dropped", replace(c, where=None)
            for name, where in self.of(c.where, f"{at}.where", inside):
                yield name, replace(c, where=where)
        if isinstance(c, Count):
            for words, operand in self.operands(c.operator, c.operand, FieldType("int")):
                yield f"{at}: count {c.operator} {words}", replace(c, operand=operand)
            return
        for quantifier in QUANTIFIERS:
            if quantifier != c.quantifier:
                yield (
                    f"{at}: {c.quantifier} became {quantifier}",
                    replace(c, quantifier=quantifier, fraction=False),
                )
        if c.fraction:
            yield f"{at}: fraction dropped", replace(c, fraction=False)
        for name, check in self.of(c.check, f"{at}.{c.quantifier}", inside):
            yield name, replace(c, check=check)

    def operands(self, operator: str, operand: Operand, found: FieldType) -> Iterator[tuple[str, Operand]]:
        if isinstance(operand, Parameter):
            default = self.defaults[operand.name]
            yield f"${{{operand.name}}} -> its default", Value(default)
            for words, value in values(operator, default, found):
                yield f"${{{operand.name}}} {words}", Value(value)
        else:
            for words, value in values(operator, operand.value, found):
                yield words, Value(value)


def values(operator: str, value: Any, found: FieldType) -> Iterator[tuple[str, Any]]:
    """Values near `value` that the comparison should tell from it."""
    if operator == "is":
        yield f"-> {not value}", not value
    elif operator in ("newer_than", "older_than"):
        for days in (-1, 1):
            yield f"{value} {days:+d} day", _shifted(value, days)
    elif operator == "between":
        low, high = value
        for pair in ([low - 1, high], [low + 1, high], [low, high - 1], [low, high + 1]):
            yield f"-> {pair}", pair
    elif operator in ("one_of", "subset_of"):
        yield from _other_choices(value, found)
    elif operator == "matches":
        yield "-> anything", "(?s).*"
        yield "-> nothing", NEVER
    else:
        yield from _other_scalars(value, found)


def _other_choices(value: list[Any], found: FieldType) -> Iterator[tuple[str, Any]]:
    for i, part in enumerate(value):
        yield f"without {part!r}", value[:i] + value[i + 1 :]
    allowed = found.element.allowed if found.element is not None else found.allowed
    if allowed:
        yield "-> everything", list(allowed)


def _other_scalars(value: Any, found: FieldType) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str):
        for other in found.allowed:
            if other != value:
                yield f"-> {other}", other
        if not found.allowed:
            yield "-> another text", value + NEVER
    elif not isinstance(value, bool):
        yield f"-> {value - 1}", value - 1
        yield f"-> {value + 1}", value + 1


def _type(topic: str | None, field: str, element: FieldType | None) -> FieldType:
    if topic is not None:
        return field_type(TOPICS[topic].value, field)
    assert element is not None
    return field_type(element.struct, field) if field and element.struct is not None else element


def _shifted(span: str, days: int) -> str:
    moved = duration(span) + timedelta(days=days)
    seconds = int(moved.total_seconds())
    return f"{'-' if seconds < 0 else ''}PT{abs(seconds)}S"
