"""The type check of one comparison: does this operator with this value fit this field, and what would.

Used when a rule is loaded (with the parameters' defaults) and when a profile is (with its own values), so that
nothing is left to go wrong when the rule runs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
import re2

from vonggac_contract import limits

from .duration import duration, in_unit
from .types import FieldType, nearest

OPERATORS_BY_KIND: Final[dict[str, tuple[str, ...]]] = {
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
    usable = OPERATORS_BY_KIND[found.kind]
    if operator not in usable:
        raise Misfit(f"{operator!r} can't be asked of {found}", f"it takes {', '.join(usable)}")
    return _FORMS[operator](found, value)


def _presence(found: FieldType, value: Any) -> bool:
    if value is not True:
        raise Misfit(f"{value!r} is not taken here", "write `exists: true` or `absent: true`")
    if not found.optional and found.kind != "list":
        raise Misfit("the field always has a value, so this can't differ", "drop this comparison")
    return True


def _truth(found: FieldType, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit(f"{value!r} is neither true nor false", "write true or false without quotes")
    return value


def _choice(found: FieldType, value: Any) -> list[Any]:
    element = found.element if found.kind == "list" and found.element is not None else found
    return [_scalar(element, v) for v in _list(value)]


def _range(found: FieldType, value: Any) -> list[Any]:
    pair = _list(value)
    if len(pair) != 2:
        raise Misfit("between takes two values, lowest first", "write [lowest, highest]")
    low, high = (_scalar(found, v) for v in pair)
    if low > high:
        raise Misfit(f"{low} is above {high}", "write the lower one first")
    return [low, high]


def _part(found: FieldType, value: Any) -> Any:
    if found.kind == "list" and found.element is not None:
        return _scalar(found.element, value)
    # A part of a text need not be one of the whole texts that the field allows.
    return _scalar(msgspec.structs.replace(found, allowed=()), value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Misfit("here stands a list with at least one value", "write [first, second]")
    return value


def _scalar(found: FieldType, value: Any) -> Any:
    if found.kind in ("int", "float"):
        given = value
        if isinstance(value, str):
            try:
                value = in_unit(value, found.unit)
            except ValueError as e:
                raise Misfit(str(e), _number_hint(found)) from e
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Misfit(f"{'nothing' if value is None else repr(value)} is no number", _number_hint(found))
        if not abs(value) <= limits.MAX_SAFE_INTEGER:  # so for .nan and .inf as well
            raise Misfit(f"{str(value)[:20]} is no number to compare with", _number_hint(found))
        if value < 0 and not found.below_zero:
            raise Misfit(f"{given!r} is below 0, and the field never is", _number_hint(found))
        return value
    if found.kind == "text":
        if not isinstance(value, str):
            raise Misfit(
                f"{value!r} is no text",
                "put it in quotes (in YAML a bare yes, no, on, off or number is no text)",
            )
        if found.allowed and value not in found.allowed:
            raise Misfit(f"the field can never be {value!r}", nearest(value, found.allowed))
        return value
    raise Misfit(f"{value!r} can't be compared with a {found}", "compare one of its fields")


def _number_hint(found: FieldType) -> str:
    """What a number may look like, by the field's unit."""
    forms = {"bytes": "10 MiB", "s": "PT15M", "minutes": "PT15M", "hours": "PT12H", "days": "P30D"}
    other = f", or a text such as {forms[found.unit]}" if found.unit in forms else ""
    least = "" if found.below_zero else ", 0 or more"
    return f"the field is {found}: write a number without quotes{least}{other}"


MAX_SPAN: Final = timedelta(days=200 * 365)
"""Longest span from the scan's clock: far beyond any demand, and well within what a date can hold."""


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as e:
        raise ValueError(f"{text!r} is neither a duration nor a day") from e


def _moment(found: FieldType, value: Any) -> str:
    """A duration back from the scan's clock (ahead, with a minus sign), or a day."""
    if isinstance(value, datetime):
        raise Misfit("a moment is a duration or a day", "write P30D or 2026-01-31")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            if value[:1].isdigit():
                return _day(value)
            if abs(duration(value)) > MAX_SPAN:
                raise ValueError(f"{value!r} is longer than {MAX_SPAN.days // 365} years")
        except ValueError as e:
            raise Misfit(
                str(e), "write a duration such as P30D (back from now; -P30D is ahead) or a day"
            ) from e
        return value
    raise Misfit(f"{value!r} is no moment", "write a duration such as P30D or a day such as 2026-01-31")


EVERYTHING: Final = frozenset({".*", "(?s).*", "^.*$", "(?s)^.*$", ".*?", "(.*)", r"[\s\S]*"})
"""Patterns that hold of every text; others that do are not looked for."""


def _pattern(found: FieldType, value: Any) -> str:
    if not isinstance(value, str):
        raise Misfit(f"{value!r} is no pattern", "put it in quotes")
    if len(value.encode()) > limits.MAX_PATTERN_BYTES:
        raise Misfit("the pattern is too long", f"at most {limits.MAX_PATTERN_BYTES} bytes")
    if value in EVERYTHING:
        raise Misfit(
            f"every text matches {value!r}, so this can never fail",
            "write a pattern that some text does not match"
            + (", or `exists: true`" if found.optional else ""),
        )
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(value, options)
    except re2.error as e:
        words = e.args[0].decode("utf-8", "replace") if isinstance(e.args[0], bytes) else str(e)
        raise Misfit(
            f"RE2 refuses the pattern: {words}", "look-around and back-references are not in RE2"
        ) from e
    return value


_FORMS: Final[dict[str, Callable[[FieldType, Any], Any]]] = {
    "is": _truth,
    "equals": _scalar,
    "one_of": _choice,
    "at_least": _scalar,
    "at_most": _scalar,
    "between": _range,
    "matches": _pattern,
    "contains": _part,
    "subset_of": _choice,
    "exists": _presence,
    "absent": _presence,
    "newer_than": _moment,
    "older_than": _moment,
}
