"""The cases beside a rule: small snapshots with the outcome they must give, so that no rule ships unproven.

```yaml
pass-root-by-key-only:
  facts:
    - {fact: sshd.effective, value: {permitrootlogin: prohibit-password}}
  expect: {outcome: pass}
```
`value` may leave out fields that the rule does not read. Instead of `value`, `unavailable: permission-denied` says that
the fact could not be looked at. `now` (default 2026-01-01T00:00:00Z), `parameters` and `expect.reason` are optional.
"""

from __future__ import annotations

import types
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from vonggac_contract.errors import UnknownFact
from vonggac_contract.facts import TOPICS, Fact, FactKey, Known, Reason, Unavailable, fact_key
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.snapshot import Snapshot

from .check import Misfit
from .errors import RuleError
from .evaluate import View, decide_rule
from .load import LoadedRule, fit_parameter
from .source import Path_, Source
from .types import nearest

DEFAULT_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
PREFIXES: Final = {
    "pass": "pass",
    "fail": "fail",
    "partial": "partial",
    "unknown": "unknown",
    "na": "not-applicable",
}


class Case(msgspec.Struct, frozen=True):
    """One case, ready to be decided."""

    name: str
    snapshot: Snapshot
    parameters: dict[str, Any]
    outcome: Outcome
    reason: str
    evidence: dict[str, Any]
    """Fields that the first piece of evidence must show."""


class _Facts(msgspec.Struct, forbid_unknown_fields=True):
    facts: list[dict[str, Any]]
    expect: dict[str, Any]
    now: datetime = DEFAULT_NOW
    parameters: dict[str, Any] = {}


def load_cases(source: Source, loaded: LoadedRule) -> list[Case]:
    """Check the file of cases of one rule. Raises RuleError; also without at least one pass and one fail case."""
    top = source.value
    if not isinstance(top, dict):
        raise RuleError(source.place(()), "cases are a mapping of names to cases")
    cases = [_case(source, loaded, name, body) for name, body in top.items()]
    for needed in ("pass", "fail"):
        if not any(c.outcome == needed for c in cases):
            raise RuleError(
                source.place(()), f"no case with outcome {needed}", hint=f"add a case named {needed}-…"
            )
    return cases


def run_case(loaded: LoadedRule, case: Case) -> Finding:
    """Decide the rule on the case."""
    return decide_rule(loaded.rule, case.parameters, View(case.snapshot))


def broken(loaded: LoadedRule, case: Case) -> str:
    """What is wrong with the case's outcome; empty if nothing is."""
    found = run_case(loaded, case)
    if found.outcome != case.outcome:
        return (
            f"{case.name}: expected {case.outcome}, got {found.outcome} {found.reason} {found.detail}".strip()
        )
    if case.reason and found.reason != case.reason:
        return f"{case.name}: expected reason {case.reason}, got {found.reason!r}"
    first = msgspec.to_builtins(found.evidence[0]) if found.evidence else {}
    for name, value in case.evidence.items():
        if first.get(name) != value:
            return f"{case.name}: expected evidence {name} {value!r}, got {first.get(name)!r}"
    return ""


def _case(source: Source, loaded: LoadedRule, name: str, body: Any) -> Case:
    prefix = name.split("-")[0]
    if prefix not in PREFIXES or "-" not in name:
        raise RuleError(
            source.place((name,)),
            f"{name!r}: a case is named <verdict>-<what>",
            hint=nearest(prefix, PREFIXES),
        )
    try:
        case = msgspec.convert(body, _Facts)
    except msgspec.ValidationError as e:
        raise RuleError(
            source.place((name,)), str(e), hint="a case has facts and expect; now and parameters if need be"
        ) from e
    outcome = PREFIXES[prefix]
    expect = case.expect
    if expect.get("outcome") != outcome or not set(expect) <= {"outcome", "reason", "evidence"}:
        raise RuleError(
            source.place((name, "expect")),
            f"expect says {expect}",
            hint=f"the name asks for {{outcome: {outcome}}}",
        )
    facts: dict[FactKey, Fact] = {}
    for i, entry in enumerate(case.facts):
        key, fact = _fact(source, (name, "facts", i), entry)
        facts[key] = fact
    parameters = {n: d.default for n, d in loaded.rule.parameters.items()}
    for parameter, value in case.parameters.items():
        path: Path_ = (name, "parameters", parameter)
        if parameter not in parameters:
            raise RuleError(
                source.place(path), f"no parameter {parameter!r}", hint=nearest(parameter, parameters)
            )
        try:
            parameters[parameter] = fit_parameter(loaded.uses, parameter, value)
        except Misfit as e:
            raise RuleError(source.place(path), str(e), hint=e.hint) from e
    now = case.now if case.now.tzinfo else case.now.replace(tzinfo=UTC)
    return Case(
        name, Snapshot(now, loaded.rule.platform, facts), parameters, Outcome(outcome),
        expect.get("reason", ""), expect.get("evidence", {}),
    )  # fmt: skip


def _fact(source: Source, path: Path_, entry: dict[str, Any]) -> tuple[FactKey, Fact]:
    name = entry.get("fact")
    topic = TOPICS.get(name) if isinstance(name, str) else None
    if topic is None or name is None:
        raise RuleError(source.place(path), f"no fact is called {name!r}", hint=nearest(str(name), TOPICS))
    selector = {k: v for k, v in entry.items() if k not in ("fact", "value", "unavailable")}
    try:
        key = fact_key(name, selector)
    except UnknownFact as e:
        raise RuleError(source.place(path), str(e)) from e
    if ("value" in entry) == ("unavailable" in entry):
        raise RuleError(source.place(path), "a case's fact has either value or unavailable")
    if "unavailable" in entry:
        try:
            return key, Unavailable(Reason(entry["unavailable"]), "as the case says")
        except ValueError as e:
            raise RuleError(
                source.place(path), str(e), hint=nearest(str(entry["unavailable"]), list(Reason))
            ) from e
    try:
        return key, Known(msgspec.convert(entry["value"], relaxed(topic.value)), "case")
    except msgspec.ValidationError as e:
        raise RuleError(source.place(path), f"{name}: {e}") from e


_RELAXED: dict[type[msgspec.Struct], type[msgspec.Struct]] = {}


def relaxed(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A Struct with the same fields and types, none required and none else allowed; left out, they read None."""
    if struct not in _RELAXED:
        hints = get_type_hints(struct, include_extras=True)
        fields = [(n, _relaxed_type(hints[n]) | None, None) for n in struct.__struct_fields__]
        _RELAXED[struct] = msgspec.defstruct(
            struct.__name__, fields, frozen=True, forbid_unknown_fields=True, module=__name__
        )
    return _RELAXED[struct]


def _relaxed_type(hint: Any) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        return _relaxed_type(get_args(hint)[0])
    if origin is list:
        return list[_relaxed_type(get_args(hint)[0])]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        inner = [_relaxed_type(a) for a in get_args(hint) if a is not type(None)]
        return inner[0] | None
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return relaxed(hint)
    return hint
