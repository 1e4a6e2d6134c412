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
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from vonggac_contract.facts import TOPICS, Fact, FactKey, Known, Reason, Unavailable, fact_key
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.snapshot import Snapshot

from .check import Misfit
from .errors import RuleError
from .evaluate import NO_VALUE, View, decide_rule
from .given import check_given
from .load import LoadedRule
from .plan import facts_in
from .source import Path_, Source
from .types import FieldType, nearest
from .uses import fit_parameter

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


_KEYS: Final = ("facts", "expect", "now", "parameters")
_EXPECT: Final = ("outcome", "reason", "evidence")


def load_cases(source: Source, loaded: LoadedRule) -> list[Case]:
    """Check the file of cases of one rule. Raises RuleError; also without at least one pass and one fail case."""
    top = source.value
    if not isinstance(top, dict):
        raise RuleError(
            source.place(()),
            "cases are a mapping of names to cases",
            hint="write pass-<what>: and its facts below",
        )
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
    return fault(loaded, case)[0]


def fault(loaded: LoadedRule, case: Case) -> tuple[str, Path_]:
    """What is wrong with the case's outcome, and where it says otherwise; empty if nothing is."""
    found = run_case(loaded, case)
    at: Path_ = (case.name, "expect")
    if found.outcome != case.outcome:
        got = f"{found.outcome} {found.reason} {found.detail}".strip()
        return f"{case.name}: expected {case.outcome}, got {got}", (*at, "outcome")
    if case.reason and found.reason != case.reason:
        return f"{case.name}: expected reason {case.reason}, got {found.reason!r}", (*at, "reason")
    first = msgspec.to_builtins(found.evidence[0]) if found.evidence else {}
    for name, value in case.evidence.items():
        if first.get(name) != value:
            words = f"{case.name}: expected evidence {name} {value!r}, got {first.get(name)!r}"
            return words, (*at, "evidence", name)
    return "", ()


def _case(source: Source, loaded: LoadedRule, name: str, body: Any) -> Case:
    prefix = name.split("-")[0]
    if prefix not in PREFIXES or "-" not in name:
        raise RuleError(
            source.place((name,)),
            f"{name!r}: a case is named <verdict>-<what>",
            hint=nearest(prefix, PREFIXES),
        )
    outcome = Outcome(PREFIXES[prefix])
    case = _mapping(source, (name,), body, _KEYS)
    for needed in ("facts", "expect"):
        if needed not in case:
            raise RuleError(
                source.place((name,)), f"{needed!r} is missing", hint="a case has facts and expect"
            )
    facts = _facts(source, loaded, (name, "facts"), case["facts"])
    parameters = _parameters(source, loaded, (name, "parameters"), case.get("parameters", {}))
    now = _now(source, (name, "now"), case.get("now", DEFAULT_NOW))
    reason, evidence = _expected(source, (name, "expect"), case["expect"], outcome)
    return Case(name, Snapshot(now, loaded.rule.platform, facts), parameters, outcome, reason, evidence)


def _mapping(source: Source, path: Path_, value: Any, keys: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RuleError(
            source.place(path), f"here stands a mapping, not {value!r}", hint=f"it has {', '.join(keys)}"
        )
    for key in value:
        if key not in keys:
            raise RuleError(source.place((*path, key)), f"no key {key!r} here", hint=nearest(key, keys))
    return value


def _now(source: Source, path: Path_, value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise RuleError(
            source.place(path), "`now` is a moment", hint="write 2026-01-31T00:00:00Z, with day and time"
        )
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _parameters(source: Source, loaded: LoadedRule, path: Path_, given: Any) -> dict[str, Any]:
    values = {n: d.default for n, d in loaded.rule.parameters.items()}
    if not isinstance(given, dict):
        raise RuleError(source.place(path), "here stand parameter values", hint="write {name: value}")
    for name, value in given.items():
        if name not in values:
            hint = nearest(name, values)
            raise RuleError(source.place((*path, name)), f"no parameter {name!r}", hint=hint)
        try:
            values[name] = fit_parameter(loaded.uses, name, value)
        except Misfit as e:
            raise RuleError(source.place((*path, name)), str(e), hint=e.hint) from e
    return values


def _expected(source: Source, path: Path_, value: Any, outcome: Outcome) -> tuple[str, dict[str, Any]]:
    """The reason and the evidence that the case demands."""
    expect = _mapping(source, path, value, _EXPECT)
    if expect.get("outcome") != outcome:
        raise RuleError(
            source.place((*path, "outcome")),
            f"the case is named for {outcome}, and expects {expect.get('outcome')!r}",
            hint=f"write outcome: {outcome}, or name the case for what it expects",
        )
    reason = expect.get("reason", "")
    if "reason" in expect:
        if outcome not in _REASONS:
            raise RuleError(
                source.place((*path, "reason")),
                f"{outcome} has no reason",
                hint="only unknown and not-applicable do",
            )
        if reason not in _REASONS[outcome]:
            raise RuleError(
                source.place((*path, "reason")),
                f"{reason!r} is no reason for {outcome}",
                hint=nearest(str(reason), _REASONS[outcome]),
            )
    return reason, _mapping(
        source, (*path, "evidence"), expect.get("evidence", {}), Evidence.__struct_fields__
    )


_REASONS: Final[dict[Outcome, tuple[str, ...]]] = {
    Outcome.UNKNOWN: (*(str(r) for r in Reason), NO_VALUE),
    Outcome.NOT_APPLICABLE: ("condition", "platform"),
}


def _facts(source: Source, loaded: LoadedRule, path: Path_, given: Any) -> dict[FactKey, Fact]:
    if not isinstance(given, list):
        raise RuleError(
            source.place(path), "`facts` is a list", hint="write `- {fact: …, value: {…}}` lines, or []"
        )
    conditions = [loaded.rule.check] + ([loaded.rule.when] if loaded.rule.when is not None else [])
    read = set().union(*(facts_in(c) for c in conditions))
    facts: dict[FactKey, Fact] = {}
    for i, entry in enumerate(given):
        key, fact = _fact(source, (*path, i), entry)
        if key in facts:
            raise RuleError(source.place((*path, i)), f"{key} is given twice", hint="keep one of the two")
        if key not in read:
            raise RuleError(
                source.place((*path, i)), f"the rule does not read {key}", hint=nearest(str(key), read)
            )
        facts[key] = fact
    return facts


def _fact(source: Source, path: Path_, entry: Any) -> tuple[FactKey, Fact]:
    if not isinstance(entry, dict):
        raise RuleError(
            source.place(path), f"here stands a fact, not {entry!r}", hint="write {fact: …, value: {…}}"
        )
    name = entry.get("fact")
    topic = TOPICS.get(name) if isinstance(name, str) else None
    if topic is None or name is None:
        at = (*path, "fact") if "fact" in entry else path
        words = f"no fact is called {name!r}" if "fact" in entry else "no fact is named"
        raise RuleError(
            source.place(at), words, hint=nearest(str(name), TOPICS) if name else "write `fact: <topic>`"
        )
    keys = ("fact", *topic.selector, "value", "unavailable")
    _mapping(source, path, entry, keys)
    for part in topic.selector:
        if not isinstance(entry.get(part), str):
            raise RuleError(source.place(path), f"{name} needs {part!r} as a text", hint=f"write `{part}: …`")
    key = fact_key(name, {k: entry[k] for k in topic.selector})
    if ("value" in entry) == ("unavailable" in entry):
        raise RuleError(
            source.place(path), "a case's fact has either value or unavailable",
            hint="write `value: {…}`, or `unavailable: permission-denied`",
        )  # fmt: skip
    if "unavailable" in entry:
        at = (*path, "unavailable")
        if entry["unavailable"] not in list(Reason):
            raise RuleError(
                source.place(at), f"{entry['unavailable']!r} is no reason why nobody could look",
                hint=nearest(str(entry["unavailable"]), list(Reason)),
            )  # fmt: skip
        return key, Unavailable(Reason(entry["unavailable"]), "as the case says")
    at = (*path, "value")
    check_given(source, at, entry["value"], FieldType("struct", struct=topic.value))
    try:
        return key, Known(msgspec.convert(entry["value"], relaxed(topic.value)), "case")
    except msgspec.ValidationError as e:
        raise RuleError(source.place(at), f"{name}: {e}", hint="see the fact's page for its fields") from e


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
