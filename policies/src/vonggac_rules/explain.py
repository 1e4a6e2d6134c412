"""A rule's check in words, in Vietnamese or English, worked out from the condition, so that it can't say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from vonggac_contract.facts import TOPICS
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Count, Not, Parameter, Quantify, Rule

Language = Literal["vi", "en"]

_OPERATORS: Final[dict[str, dict[str, str]]] = {
    "is": {"vi": "là {v}", "en": "is {v}"},
    "equals": {"vi": "bằng {v}", "en": "equals {v}"},
    "one_of": {"vi": "là một trong: {v}", "en": "is one of: {v}"},
    "at_least": {"vi": "ít nhất là {v}", "en": "is at least {v}"},
    "at_most": {"vi": "nhiều nhất là {v}", "en": "is at most {v}"},
    "between": {"vi": "nằm trong khoảng {v}", "en": "is between {v}"},
    "matches": {"vi": "khớp mẫu {v}", "en": "matches {v}"},
    "contains": {"vi": "có chứa {v}", "en": "contains {v}"},
    "subset_of": {"vi": "chỉ gồm những giá trị trong: {v}", "en": "holds only values of: {v}"},
    "exists": {"vi": "có giá trị", "en": "has a value"},
    "absent": {"vi": "không có giá trị", "en": "has no value"},
    "newer_than": {"vi": "muộn hơn mốc {v}", "en": "is later than {v}"},
    "older_than": {"vi": "sớm hơn mốc {v}", "en": "is earlier than {v}"},
}
_QUANTIFIERS: Final[dict[str, dict[str, str]]] = {
    "each": {"vi": "mọi mục của {f}{w} đều thoả: {c}", "en": "every entry of {f}{w} satisfies: {c}"},
    "any": {
        "vi": "ít nhất một mục của {f}{w} thoả: {c}",
        "en": "at least one entry of {f}{w} satisfies: {c}",
    },
    "none": {"vi": "không mục nào của {f}{w} thoả: {c}", "en": "no entry of {f}{w} satisfies: {c}"},
    "count": {"vi": "số mục của {f}{w} {c}", "en": "the number of entries of {f}{w} {c}"},
}
_WORDS: Final[dict[str, dict[str, str]]] = {
    "where": {"vi": " (xét những mục có {c})", "en": " (among those where {c})"},
    "all": {"vi": " và ", "en": " and "},
    "any": {"vi": " hoặc ", "en": " or "},
    "not": {"vi": "không phải ({c})", "en": "not ({c})"},
    "self": {"vi": "giá trị", "en": "the value"},
    "true": {"vi": "đúng", "en": "true"},
    "false": {"vi": "sai", "en": "false"},
    "now": {"vi": "thời điểm kiểm tra", "en": "the time of the look"},
    "check": {"vi": "Đạt khi {c}.", "en": "Passes when {c}."},
    "when": {"vi": "Chỉ áp dụng khi {c}.", "en": "Applies only when {c}."},
}


def explain(rule: Rule, language: Language, parameters: Mapping[str, Any] | None = None) -> str:
    """One paragraph: when the rule applies and when it passes. Parameters read as their default if not given."""
    values = {n: d.default for n, d in rule.parameters.items()} | dict(parameters or {})
    sentences = [_WORDS["check"][language].format(c=_words(rule.check, language, values))]
    if rule.when is not None:
        sentences.insert(0, _WORDS["when"][language].format(c=_words(rule.when, language, values)))
    return " ".join(sentences)


_ASKED: Final[dict[str, dict[str, str]]] = {
    "each": {"vi": "mọi mục thoả {v}", "en": "every entry satisfies {v}"},
    "any": {"vi": "ít nhất một mục thoả {v}", "en": "at least one entry satisfies {v}"},
    "none": {"vi": "không mục nào thoả {v}", "en": "no entry satisfies {v}"},
    "": {"vi": "{v}", "en": "{v}"},
}


def asked(operator: str, expected: str, language: Language) -> str:
    """What a piece of evidence says was asked, in words; a count says "count " before its operator."""
    patterns = _ASKED.get(operator) or _OPERATORS.get(operator.removeprefix("count "), _ASKED[""])
    return patterns[language].format(v=expected)


def _words(condition: Condition, language: Language, values: Mapping[str, Any]) -> str:
    if isinstance(condition, (All, AnyOf)):
        joint = _WORDS["all" if isinstance(condition, All) else "any"][language]
        parts = [_words(c, language, values) for c in condition.of]
        return parts[0] if len(parts) == 1 else joint.join(f"({p})" for p in parts)
    if isinstance(condition, Not):
        return _WORDS["not"][language].format(c=_words(condition.of, language, values))
    field = _field(condition, language)
    if isinstance(condition, Compare):
        value = _value(condition.operand, condition.operator, language, values)
        return f"{field} {_OPERATORS[condition.operator][language].format(v=value)}"
    where = ""
    if condition.where is not None:
        where = _WORDS["where"][language].format(c=_words(condition.where, language, values))
    if isinstance(condition, Count):
        value = _value(condition.operand, condition.operator, language, values)
        inner = _OPERATORS[condition.operator][language].format(v=value)
        return _QUANTIFIERS["count"][language].format(f=field, w=where, c=inner)
    inner = _words(condition.check, language, values)
    return _QUANTIFIERS[condition.quantifier][language].format(f=field, w=where, c=inner)


def _field(condition: Compare | Quantify | Count, language: Language) -> str:
    if condition.fact is None:
        return f"`{condition.field}`" if condition.field else _WORDS["self"][language]
    if condition.field == TOPICS[condition.fact.topic].main:
        return f"`{condition.fact}`"
    return f"`{condition.fact} {condition.field}`"


def _value(operand: Any, operator: str, language: Language, values: Mapping[str, Any]) -> str:
    value = values[operand.name] if isinstance(operand, Parameter) else operand.value
    if isinstance(value, bool):
        return _WORDS["true" if value else "false"][language]
    if operator in ("newer_than", "older_than") and isinstance(value, str) and not value[:1].isdigit():
        now = _WORDS["now"][language]
        return f"{now} + {value[1:]}" if value.startswith("-") else f"{now} − {value}"
    if isinstance(value, list):
        return ", ".join(f"`{v}`" for v in value)
    return f"`{value}`"
