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

    def refuse(path: Path_, message: str, hint: str | None = None) -> RuleError:
        return RuleError(source.place(path), message, hint=hint)

    def text(name: str) -> Text:
        value = top.get(name)
        if not isinstance(value, dict) or set(value) != {"vi", "en"} or not all(isinstance(v, str) for v in value.values()):
            raise refuse((name,), f"{name!r} has a text in vi and in en")
        return Text(value["vi"].strip(), value["en"].strip())

    top = source.value
    if not isinstance(top, dict) or set(top) != {"id", "level", "title", "source", "rules"}:
        raise refuse((), "a profile has id, level, title, source and rules, and nothing else")
    level = top["level"]
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5:
        raise refuse(("level",), "a level is a number from 1 to 5")
    if not isinstance(top["id"], str) or not top["id"]:
        raise refuse(("id",), "an id is a text")
    if not isinstance(top["rules"], dict) or not top["rules"]:
        raise refuse(("rules",), "rules are a mapping of rule id to parameter values ({} for none)")
    chosen: dict[str, dict[str, Any]] = {}
    for rule_id, values in top["rules"].items():
        path: Path_ = ("rules", rule_id)
        if rule_id not in rules:
            raise refuse(path, f"no rule {rule_id!r}", nearest(rule_id, rules))
        if not isinstance(values, dict):
            raise refuse(path, "here stand parameter values", "write {} if there are none")
        loaded = rules[rule_id]
        chosen[rule_id] = {}
        for name, value in values.items():
            if name not in loaded.rule.parameters:
                raise refuse((*path, name), f"{rule_id} has no parameter {name!r}", nearest(name, loaded.rule.parameters))
            try:
                chosen[rule_id][name] = fit_parameter(loaded.uses, name, value)
            except Misfit as e:
                raise refuse((*path, name), str(e), e.hint) from e
    return Profile(top["id"], level, text("title"), text("source"), chosen)
