"""Profiles: which rules a level is judged by, with which parameter values, checked against the rules' own types."""

from __future__ import annotations

from typing import Any

from vonggac_contract.rule import Profile, Text

from .check import Misfit
from .errors import RuleError
from .load import LoadedRule, fit_parameter
from .source import Path_, Source
from .types import nearest


def load_profile(source: Source, rules: dict[str, LoadedRule]) -> Profile:
    """Check one profile file. Raises RuleError with place and hint."""
    top = source.value
    if not isinstance(top, dict) or set(top) != {"id", "level", "title", "source", "rules"}:
        raise _refuse(source, (), "a profile has id, level, title, source and rules, and nothing else")
    level = top["level"]
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5:
        raise _refuse(source, ("level",), "a level is a number from 1 to 5")
    if not isinstance(top["id"], str) or not top["id"]:
        raise _refuse(source, ("id",), "an id is a text")
    if not isinstance(top["rules"], dict) or not top["rules"]:
        raise _refuse(source, ("rules",), "rules are a mapping of rule id to parameter values ({} for none)")
    chosen = {rule_id: _values(source, rules, rule_id, given) for rule_id, given in top["rules"].items()}
    return Profile(top["id"], level, _text(source, "title"), _text(source, "source"), chosen)


def _values(source: Source, rules: dict[str, LoadedRule], rule_id: str, given: Any) -> dict[str, Any]:
    path: Path_ = ("rules", rule_id)
    if rule_id not in rules:
        raise _refuse(source, path, f"no rule {rule_id!r}", nearest(rule_id, rules))
    if not isinstance(given, dict):
        raise _refuse(source, path, "here stand parameter values", "write {} if there are none")
    loaded = rules[rule_id]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in loaded.rule.parameters:
            hint = nearest(name, loaded.rule.parameters)
            raise _refuse(source, (*path, name), f"{rule_id} has no parameter {name!r}", hint)
        try:
            values[name] = fit_parameter(loaded.uses, name, value)
        except Misfit as e:
            raise _refuse(source, (*path, name), str(e), e.hint) from e
    return values


def _text(source: Source, name: str) -> Text:
    value = source.value[name]
    both = isinstance(value, dict) and set(value) == {"vi", "en"}
    if not both or not all(isinstance(v, str) and v.strip() for v in value.values()):
        raise _refuse(source, (name,), f"{name!r} has a text in vi and in en")
    return Text(value["vi"].strip(), value["en"].strip())


def _refuse(source: Source, path: Path_, message: str, hint: str | None = None) -> RuleError:
    return RuleError(source.place(path), message, hint=hint)
