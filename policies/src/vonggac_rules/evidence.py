"""What evidence holds of a value: bounded, JSON, redacted where a field is secret, an offender in few words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from vonggac_contract import limits
from vonggac_contract.rule import All, Compare, Condition, Count, Not, Operand, Quantify

from .types import FieldType, fields_of

HIDDEN = "(kept back)"


def plain(value: Any) -> Any:
    """Builtins with fields by name, dates kept as dates (msgspec.to_builtins makes texts of them)."""
    if isinstance(value, msgspec.Struct):
        return {
            n: plain(v) for n, v in zip(value.__struct_fields__, msgspec.structs.astuple(value), strict=True)
        }
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def shown(value: Any) -> Any:
    """What evidence holds of a value: bounded, JSON."""
    if isinstance(value, str):
        return value if len(value) <= limits.MAX_EVIDENCE_TEXT else value[: limits.MAX_EVIDENCE_TEXT] + "…"
    if isinstance(value, (list, tuple)):
        return [shown(v) for v in value[: limits.MAX_EVIDENCE_ITEMS]]
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value


def fields_read(condition: Condition | None) -> frozenset[str]:
    """The fields of an element that a quantifier's own conditions read."""
    if condition is None:
        return frozenset()
    if isinstance(condition, Compare):
        return frozenset({condition.field.split(".")[0]})
    if isinstance(condition, Count):
        return fields_read(condition.where)
    if isinstance(condition, Quantify):
        return fields_read(condition.where) | fields_read(condition.check)
    if isinstance(condition, Not):
        return fields_read(condition.of)
    return frozenset().union(*(fields_read(c) for c in condition.of))


def identity(element: Any, found: FieldType, read: frozenset[str]) -> Any:
    """An offender in few words: what the rule read of it and what names it."""
    if found.struct is None or not isinstance(element, dict):
        return shown(element)
    fields = fields_of(found.struct)
    naming = set(list(fields)[:2]) | {"name", "port", "path"}
    kept = {}
    for name, kind in fields.items():
        if name not in element or element[name] is None:
            continue
        if name in read or (name in naming and not kind.volatile):
            kept[name] = HIDDEN if kind.secret else shown(element[name])
    return kept


def in_words(element: Any, found: FieldType) -> str:
    """What names an element, as one text."""
    named = identity(element, found, frozenset())
    return ", ".join(f"{n} {v}" for n, v in named.items()) if isinstance(named, dict) else str(named)


def shown_condition(condition: Condition | None, operand: Callable[[Operand], Any]) -> str:
    """A quantifier's check in words for evidence: `field operator value`."""
    if condition is None:
        return ""
    if isinstance(condition, Compare):
        value = shown(operand(condition.operand))
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return f"{condition.field} {condition.operator} {words}".strip()
    if isinstance(condition, Not):
        return f"not ({shown_condition(condition.of, operand)})"
    if isinstance(condition, Quantify):
        return f"{condition.quantifier} {condition.field}: {shown_condition(condition.check, operand)}"
    if isinstance(condition, Count):
        return f"count {condition.field} {condition.operator} {shown(operand(condition.operand))}"
    joint = " and " if isinstance(condition, All) else " or "
    return joint.join(f"({shown_condition(c, operand)})" for c in condition.of)
