"""Where a rule compares its parameters, and with what: what a value of one has to fit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from vonggac_contract.facts import TOPICS
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Count, Not, Parameter, Quantify, Rule

from .check import Misfit, fit
from .errors import Slips
from .source import Path_, Source
from .types import FieldType, field_type, nearest


class ParameterUse(msgspec.Struct, frozen=True):
    """Where a parameter is compared: with which field, by which operator."""

    name: str
    field: FieldType
    operator: str


def fit_parameter(uses: Sequence[ParameterUse], name: str, value: Any) -> Any:
    """The value of parameter `name` in the form that every place it is used in compares with. Raises Misfit."""
    forms = [fit(u.field, u.operator, value) for u in uses if u.name == name]
    if any(f != forms[0] for f in forms):
        raise Misfit(f"{value!r} means different things where {name!r} is used", "use two parameters")
    return forms[0]


def fit_parameters(
    source: Source, path: Path_, given: dict[str, Any], rule: Rule, uses: Sequence[ParameterUse]
) -> dict[str, Any]:
    """Values of the rule's parameters, which stand at `path`, in the form that they are compared in.

    Raises RuleError, for all that do not fit at once.
    """
    slips, values = Slips(), dict[str, Any]()
    known = rule.parameters
    for name, value in given.items():
        if name not in known:
            hint = nearest(name, known) if known else "it has none: write {}"
            words = f"{rule.id} has no parameter {name!r}"
            slips.add(source.refuse((*path, name), words, hint))
            continue
        try:
            values[name] = fit_parameter(uses, name, value)
        except Misfit as e:
            slips.add(source.refuse((*path, name), str(e), e.hint))
    slips.settle()
    return values


def parameter_uses(rule: Rule) -> tuple[ParameterUse, ...]:
    """Where a rule that is compiled already compares its parameters."""
    conditions = [rule.check] if rule.when is None else [rule.when, rule.check]
    return tuple(use for c in conditions for use in _uses(c, None))


def _uses(condition: Condition, element: FieldType | None) -> Iterator[ParameterUse]:
    if isinstance(condition, Not):
        yield from _uses(condition.of, element)
    elif isinstance(condition, (All, AnyOf)):
        for part in condition.of:
            yield from _uses(part, element)
    else:
        found = type_of(condition, element)
        if isinstance(condition, Quantify):
            yield from _uses(condition.check, found.element)
        elif isinstance(condition.operand, Parameter):
            asked = found if isinstance(condition, Compare) else FieldType("int")
            yield ParameterUse(condition.operand.name, asked, condition.operator)
        if not isinstance(condition, Compare) and condition.where is not None:
            yield from _uses(condition.where, found.element)


def type_of(leaf: Compare | Quantify | Count, element: FieldType | None) -> FieldType:
    """The type of the field that a comparison or quantifier asks about; `element`: of the list it stands inside."""
    if leaf.fact is not None:
        return field_type(TOPICS[leaf.fact.topic].value, leaf.field)
    if element is None:
        raise ValueError(f"field {leaf.field!r} of no element")
    return field_type(element.struct, leaf.field) if leaf.field and element.struct else element
