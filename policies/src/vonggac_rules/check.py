"""The type check of one comparison: does this operator with this value fit this field, and what would.

Used when a rule is loaded (with the parameters' defaults) and when a profile is (with its own values), so that nothing is
left to go wrong when the rule runs.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

import re2

from vonggac_contract import limits

from .duration import duration, in_unit
from .types import FieldType, nearest

_BY_KIND: Final[dict[str, tuple[str, ...]]] = {
    "bool": ("is", "exists", "absent"),
    "int": ("equals", "one_of", "at_least", "at_most", "between", "exists", "absent"),
    "float": ("at_least", "at_most", "between", "exists", "absent"),
    "text": ("equals", "one_of", "matches", "contains", "exists", "absent"),
    "date": ("newer_than", "older_than", "exists", "absent"),
    "datetime": ("newer_than", "older_than", "exists", "absent"),
    "list": ("contains", "subset_of", "exists", "absent"),
    "struct": ("exists", "absent"),
}


class Misfit(ValueError):
    """An operator or value that does not fit; `hint` says what would."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def fit(found: FieldType, operator: str, value: Any) -> Any:
    """The value in the form the evaluator compares with (durations and sizes in the field's unit). Raises Misfit."""
    usable = _BY_KIND[found.kind]
    if operator not in usable:
        raise Misfit(f"{operator!r} can't be asked of a {found}", f"it takes {', '.join(usable)}")
    if operator in ("exists", "absent"):
        if value is not True:
            raise Misfit(f"{operator} takes true", f"write `{operator}: true`, or the other of exists and absent")
        if operator in ("exists", "absent") and not found.optional and found.kind != "list":
            raise Misfit(f"the field always has a value, so {operator!r} can't differ", "drop this comparison")
        return True
    if operator == "is":
        if not isinstance(value, bool):
            raise Misfit(f"{value!r} is neither true nor false", "write true or false without quotes")
        return value
    if operator in ("newer_than", "older_than"):
        return _moment(value)
    if operator == "matches":
        return _pattern(value)
    if operator in ("one_of", "subset_of"):
        element = found.element if operator == "subset_of" else found
        return [_scalar(element or found, v) for v in _list(operator, value)]
    if operator == "between":
        pair = _list(operator, value)
        if len(pair) != 2:
            raise Misfit("between takes two values, lowest first", "write [lowest, highest]")
        low, high = (_scalar(found, v) for v in pair)
        if low > high:
            raise Misfit(f"{low} is above {high}", "write the lower one first")
        return [low, high]
    if operator == "contains" and found.kind == "list":
        return _scalar(found.element or found, value)
    return _scalar(found, value, part=operator == "contains")


def _list(operator: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Misfit(f"{operator} takes a list with at least one value", "write [first, second]")
    return value


def _scalar(found: FieldType, value: Any, *, part: bool = False) -> Any:
    if found.kind in ("int", "float"):
        if isinstance(value, str):
            try:
                return in_unit(value, found.unit)
            except ValueError as e:
                raise Misfit(str(e), f"the field is {found}") from e
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Misfit(f"{value!r} is no number", f"the field is {found}")
        return value
    if found.kind == "text":
        if not isinstance(value, str):
            raise Misfit(
                f"{value!r} is no text", "put it in quotes (in YAML a bare yes, no, on, off or number is no text)"
            )
        if found.allowed and not part and value not in found.allowed:
            raise Misfit(f"the field can never be {value!r}", nearest(value, found.allowed))
        return value
    if found.kind == "bool":
        if not isinstance(value, bool):
            raise Misfit(f"{value!r} is neither true nor false", "write true or false without quotes")
        return value
    raise Misfit(f"{value!r} can't be compared with a {found}", "compare one of its fields")


def _moment(value: Any) -> str:
    """A duration back from the scan's clock (ahead, with a minus sign), or a day."""
    if isinstance(value, datetime):
        raise Misfit("a moment is a duration or a day", "write P30D or 2026-01-31")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            if value[:1].isdigit():
                return date.fromisoformat(value).isoformat()
            duration(value)
        except ValueError as e:
            raise Misfit(str(e), "write a duration such as P30D (back from now; -P30D is ahead) or a day") from e
        return value
    raise Misfit(f"{value!r} is no moment", "write a duration such as P30D or a day such as 2026-01-31")


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise Misfit(f"{value!r} is no pattern", "put it in quotes")
    if len(value.encode()) > limits.MAX_PATTERN_BYTES:
        raise Misfit("the pattern is too long", f"at most {limits.MAX_PATTERN_BYTES} bytes")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(value, options)
    except re2.error as e:
        raise Misfit(f"RE2 refuses the pattern: {e}", "look-around and back-references are not in RE2") from e
    return value
