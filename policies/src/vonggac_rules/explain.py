"""What a piece of evidence says was asked, in Vietnamese or English; a whole rule is explained by `paragraph`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["vi", "en"]

_OPERATORS: Final[dict[str, dict[str, str]]] = {
    "is": {"vi": "là {v}", "en": "is {v}"},
    "equals": {"vi": "bằng {v}", "en": "equals {v}"},
    "one_of": {"vi": "là một trong: {v}", "en": "is one of: {v}"},
    "at_least": {"vi": "tối thiểu {v}", "en": "is at least {v}"},
    "at_most": {"vi": "tối đa {v}", "en": "is at most {v}"},
    "between": {"vi": "nằm trong khoảng {v}", "en": "is between {v}"},
    "matches": {"vi": "khớp mẫu {v}", "en": "matches {v}"},
    "contains": {"vi": "có chứa {v}", "en": "contains {v}"},
    "subset_of": {"vi": "chỉ gồm những giá trị trong: {v}", "en": "holds only values of: {v}"},
    "exists": {"vi": "có giá trị", "en": "has a value"},
    "absent": {"vi": "không có giá trị", "en": "has no value"},
    "newer_than": {"vi": "muộn hơn mốc {v}", "en": "is later than {v}"},
    "older_than": {"vi": "sớm hơn mốc {v}", "en": "is earlier than {v}"},
}
_WORDS: Final[dict[str, dict[str, str]]] = {
    "all": {"vi": " và ", "en": " and "},
    "any": {"vi": " hoặc ", "en": " or "},
    "not": {"vi": "không phải ({c})", "en": "not ({c})"},
    "true": {"vi": "đúng", "en": "true"},
    "false": {"vi": "sai", "en": "false"},
}


_ASKED: Final[dict[str, dict[str, str]]] = {
    "each": {"vi": "mọi mục đều có {v}", "en": "every entry: {v}"},
    "any": {"vi": "ít nhất một mục có {v}", "en": "at least one entry with: {v}"},
    "none": {"vi": "không mục nào có {v}", "en": "no entry with: {v}"},
}
_ASKED_OF_ITSELF: Final[dict[str, dict[str, str]]] = {
    "each": {"vi": "mọi mục đều {v}", "en": "every entry {v}"},
    "any": {"vi": "ít nhất một mục {v}", "en": "at least one entry {v}"},
    "none": {"vi": "không mục nào {v}", "en": "no entry {v}"},
}
"""Of lists of plain values, where the comparison names no field."""
_HOLDS: Final[dict[str, dict[str, str]]] = {
    "True": {"vi": "{f}", "en": "{f}"},
    "False": {"vi": "không {f}", "en": "not {f}"},
}
_COMPARISON: Final = re.compile(
    rf"(?:(?P<field>[a-z_][a-z0-9_.]*) )?(?P<operator>{'|'.join(_OPERATORS)})(?: (?P<value>.*))?", re.DOTALL
)
_AGE: Final = re.compile(r"(?P<ahead>-?)P(?P<n>\d{1,5})(?P<unit>[DWMY])")
_UNITS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "D": {"vi": ("ngày", "ngày"), "en": ("day", "days")},
    "W": {"vi": ("tuần", "tuần"), "en": ("week", "weeks")},
    "M": {"vi": ("tháng", "tháng"), "en": ("month", "months")},
    "Y": {"vi": ("năm", "năm"), "en": ("year", "years")},
}
_AGES: Final[dict[str, dict[str, str]]] = {
    "newer_than": {"vi": "trong vòng {n} trở lại", "en": "is within the last {n}"},
    "newer_than now": {"vi": "chưa qua", "en": "is not past"},
    "newer_than ahead": {"vi": "còn hơn {n}", "en": "is more than {n} ahead"},
    "older_than": {"vi": "cách đây hơn {n}", "en": "is more than {n} ago"},
    "older_than now": {"vi": "đã qua", "en": "is past"},
    "older_than ahead": {"vi": "còn không quá {n}", "en": "is at most {n} ahead"},
}
_EMPTY: Final[dict[str, str]] = {"vi": "để trống", "en": "is empty"}


def asked(operator: str, expected: str, language: Language, names: Mapping[str, str] | None = None) -> str:
    """What a piece of evidence says was asked, in words; a count says "count " before its operator.

    `names`: what fields are called, by field; the others keep their name.
    """
    if operator in _ASKED:
        itself = _COMPARISON.fullmatch(expected)
        patterns = _ASKED_OF_ITSELF if not expected or (itself and itself["field"] is None) else _ASKED
        return patterns[operator][language].format(v=_said_condition(expected, language, names or {})).strip()
    operator = operator.removeprefix("count ")
    return _said_comparison(operator, expected, language) if operator in _OPERATORS else expected


def duration(text: str, language: Language) -> str:
    """A duration of one unit in words, such as `P30D`: 30 days; another text stays what it is."""
    found = _AGE.fullmatch(text)
    if found is None or found["ahead"]:
        return text
    one, several = _UNITS[found["unit"]][language]
    return f"{int(found['n'])} {one if int(found['n']) == 1 else several}"


def _said_comparison(operator: str, value: str, language: Language) -> str:
    age = _AGE.fullmatch(value)
    if age is not None and operator in _AGES:
        kind = " now" if int(age["n"]) == 0 else " ahead" if age["ahead"] else ""
        return _AGES[operator + kind][language].format(n=duration(value.removeprefix("-"), language))
    if operator == "equals" and not value:
        return _EMPTY[language]
    return _OPERATORS[operator][language].format(v=value)


def _said_condition(text: str, language: Language, names: Mapping[str, str]) -> str:
    """What `evidence.shown_condition` wrote, in words; a text it did not write stays what it is."""
    joint, parts = _parts(text)
    if joint:
        said = [(p, _said_condition(p, language, names)) for p in parts]
        return _WORDS[joint][language].join(f"({s})" if _parts(p)[0] else s for p, s in said)
    if text.startswith("not (") and text.endswith(")"):
        return _WORDS["not"][language].format(c=_said_condition(text[5:-1], language, names))
    found = _COMPARISON.fullmatch(text)
    if found is None:
        return text
    field, value = found["field"], found["value"] or ""
    if field in names and found["operator"] == "is" and value in _HOLDS:
        return _HOLDS[value][language].format(f=names[field])
    if value in _HOLDS:
        value = _WORDS[value.lower()][language]
    comparison = _said_comparison(found["operator"], value, language)
    return f"{names.get(field, field)} {comparison}" if field else comparison


def _parts(text: str) -> tuple[str, list[str]]:
    """The conditions that `and` or `or` joins, each of which stands in brackets; no word where nothing is joined."""
    depth, start, words, parts = 0, 0, set[str](), list[str]()
    for i, character in enumerate(text):
        if character == "(":
            depth += 1
            if depth == 1:
                words.add(text[start:i])
                start = i + 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                parts.append(text[start:i])
                start = i + 1
    words.add(text[start:])
    joints = {" and ": "all", " or ": "any"}
    between = words - {""}
    if depth or len(parts) < 2 or len(between) != 1 or not between <= joints.keys():
        return "", []
    return joints[between.pop()], parts
