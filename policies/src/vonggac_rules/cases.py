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
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from vonggac_contract.facts import TOPICS, Fact, FactKey, Known, Reason, Topic, Unavailable, fact_key
from vonggac_contract.finding import Evidence, Finding, Outcome
from vonggac_contract.rule import Rule
from vonggac_contract.snapshot import Snapshot

from .errors import Slips
from .evaluate import NO_VALUE, View, decide_rule
from .given import check_given
from .load import LoadedRule
from .plan import facts_in
from .source import Path_, Source
from .types import FieldType, nearest
from .uses import fit_parameters

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
_NEEDED: Final = ("facts", "expect")
_EXPECT: Final = ("outcome", "reason", "evidence")


def load_cases(source: Source, loaded: LoadedRule | None, slips: Slips | None = None) -> list[Case]:
    """Check the file of cases of one rule; None for a rule with errors of its own: then what it reads is not compared.

    Raises RuleError, for everything that is wrong at once; also without at least one pass and one fail case. With
    `slips`, which takes what is wrong, the cases that are right are given all the same.
    """
    top = source.value
    if not isinstance(top, dict):
        raise source.refuse(
            (), "cases are a mapping of names to cases", "write pass-<what>: and its facts below"
        )
    found, cases = Slips() if slips is None else slips, []
    for name, body in top.items():
        with found:
            cases.append(_case(source, loaded, name, body))
    said = {word for name, body in top.items() for word in _outcomes(name, body)}
    for needed in ("pass", "fail"):
        if needed not in said and said <= {*PREFIXES, *PREFIXES.values()}:
            found.add(source.refuse((), f"no case with outcome {needed}", f"add a case named {needed}-…"))
    if slips is None:
        found.settle()
    return cases


def _outcomes(name: str, body: Any) -> Iterator[str]:
    """What a case is named for, and what it says that it expects; they may differ, which is told elsewhere."""
    yield name.split("-")[0]
    expect = body.get("expect") if isinstance(body, dict) else None
    if isinstance(expect, dict) and "outcome" in expect:
        yield str(expect["outcome"])


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


def _case(source: Source, loaded: LoadedRule | None, name: str, body: Any) -> Case:
    slips = Slips()
    prefix = name.split("-")[0]
    if prefix not in PREFIXES or "-" not in name:
        words = f"{name!r}: a case is named <verdict>-<what>"
        slips.add(source.refuse((name,), words, nearest(prefix, PREFIXES)))
    outcome = Outcome(PREFIXES[prefix]) if prefix in PREFIXES else None
    facts: dict[FactKey, Fact] = {}
    parameters: dict[str, Any] = {}
    now, reason, evidence = DEFAULT_NOW, "", dict[str, Any]()
    case = body if isinstance(body, dict) else {}
    with slips:
        _mapping(source, (name,), body, _KEYS, _NEEDED, "a case has facts and expect")
    if "facts" in case:
        with slips:
            facts = _facts(source, loaded, (name, "facts"), case["facts"])
    with slips:
        parameters = _parameters(source, loaded, (name, "parameters"), case.get("parameters", {}))
    with slips:
        now = _now(source, (name, "now"), case.get("now", DEFAULT_NOW))
    if "expect" in case:
        with slips:
            reason, evidence = _expected(source, (name, "expect"), case["expect"], outcome)
    slips.settle()
    platform = "linux" if loaded is None else loaded.rule.platform
    return Case(name, Snapshot(now, platform, facts), parameters, Outcome(PREFIXES[prefix]), reason, evidence)


def _mapping(
    source: Source, path: Path_, value: Any, keys: Sequence[str], needed: Sequence[str] = (), has: str = ""
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise source.refuse(path, f"here stands a mapping, not {value!r}", f"it has {', '.join(keys)}")
    source.check_keys(path, value, keys, needed, has)
    return value


def _now(source: Source, path: Path_, value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise source.refuse(path, "`now` is a moment", "write 2026-01-31T00:00:00Z, with day and time")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _parameters(source: Source, loaded: LoadedRule | None, path: Path_, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise source.refuse(path, "here stand parameter values", "write {name: value}")
    if loaded is None:
        return {}
    values = {n: d.default for n, d in loaded.rule.parameters.items()}
    return values | fit_parameters(source, path, given, loaded.rule, loaded.uses)


def _expected(source: Source, path: Path_, value: Any, outcome: Outcome | None) -> tuple[str, dict[str, Any]]:
    """The reason and the evidence that the case demands; `outcome`: that of its name, None if that says none."""
    slips = Slips()
    with slips:
        _mapping(source, path, value, _EXPECT, ("outcome",), "write outcome: pass, or what else is expected")
    expect = value if isinstance(value, dict) else {}
    if outcome is not None and "outcome" in expect and expect["outcome"] != outcome:
        words = f"the case is named for {outcome}, and expects {expect['outcome']!r}"
        hint = f"write outcome: {outcome}, or name the case for what it expects"
        slips.add(source.refuse((*path, "outcome"), words, hint))
    if outcome is not None and "reason" in expect:
        with slips:
            _check_reason(source, (*path, "reason"), expect["reason"], outcome)
    evidence: dict[str, Any] = expect.get("evidence", {})
    with slips:
        _mapping(source, (*path, "evidence"), evidence, Evidence.__struct_fields__)
    slips.settle()
    return expect.get("reason", ""), evidence


def _check_reason(source: Source, path: Path_, reason: Any, outcome: Outcome) -> None:
    if outcome not in _REASONS:
        raise source.refuse(path, f"{outcome} has no reason", "only unknown and not-applicable do")
    if reason not in _REASONS[outcome]:
        hint = nearest(str(reason), _REASONS[outcome])
        raise source.refuse(path, f"{reason!r} is no reason for {outcome}", hint)


_REASONS: Final[dict[Outcome, tuple[str, ...]]] = {
    Outcome.UNKNOWN: (*(str(r) for r in Reason), NO_VALUE),
    Outcome.NOT_APPLICABLE: ("condition", "platform"),
}


def _facts(source: Source, loaded: LoadedRule | None, path: Path_, given: Any) -> dict[FactKey, Fact]:
    if not isinstance(given, list):
        raise source.refuse(path, "`facts` is a list", "write `- {fact: …, value: {…}}` lines, or []")
    read = None if loaded is None else _read(loaded.rule)
    facts: dict[FactKey, Fact] = {}
    slips = Slips()
    for i, entry in enumerate(given):
        with slips:
            key, fact = _fact(source, (*path, i), entry)
            if key in facts:
                raise source.refuse((*path, i), f"{key} is given twice", "keep one of the two")
            if read is not None and key not in read:
                raise source.refuse((*path, i), f"the rule does not read {key}", nearest(str(key), read))
            facts[key] = fact
    slips.settle()
    return facts


def _read(rule: Rule) -> set[FactKey]:
    return facts_in(rule.check) | (set() if rule.when is None else facts_in(rule.when))


def _fact(source: Source, path: Path_, entry: Any) -> tuple[FactKey, Fact]:
    if not isinstance(entry, dict):
        raise source.refuse(path, f"here stands a fact, not {entry!r}", "write {fact: …, value: {…}}")
    name = entry.get("fact")
    topic = TOPICS.get(name) if isinstance(name, str) else None
    if topic is None or name is None:
        at = (*path, "fact") if "fact" in entry else path
        words = f"no fact is called {name!r}" if "fact" in entry else "no fact is named"
        raise source.refuse(at, words, nearest(str(name), TOPICS) if name else "write `fact: <topic>`")
    slips = Slips()
    with slips:
        _mapping(source, path, entry, ("fact", *topic.selector, "value", "unavailable"))
    for part in topic.selector:
        if not isinstance(entry.get(part), str):
            slips.add(source.refuse(path, f"{name} needs {part!r} as a text", f"write `{part}: …`"))
    fact: Fact | None = None
    with slips:
        fact = _looked(source, path, entry, topic)
    slips.settle()
    return fact_key(name, {k: entry[k] for k in topic.selector}), fact  # type: ignore[return-value]


def _looked(source: Source, path: Path_, entry: dict[str, Any], topic: Topic) -> Fact:
    """What the entry says was found, or why nothing was. Raises RuleError."""
    if ("value" in entry) == ("unavailable" in entry):
        words = "a case's fact has either value or unavailable"
        raise source.refuse(path, words, "write `value: {…}`, or `unavailable: permission-denied`")
    if "unavailable" in entry:
        reason = entry["unavailable"]
        if reason not in list(Reason):
            words = f"{reason!r} is no reason why nobody could look"
            raise source.refuse((*path, "unavailable"), words, nearest(str(reason), list(Reason)))
        return Unavailable(Reason(reason), "as the case says")
    at = (*path, "value")
    check_given(source, at, entry["value"], FieldType("struct", struct=topic.value))
    try:
        return Known(msgspec.convert(entry["value"], relaxed(topic.value)), "case")
    except msgspec.ValidationError as e:
        hint = f"{topic.name} has {', '.join(topic.value.__struct_fields__)}"
        raise source.refuse(at, f"{topic.name}: {e}", hint) from e


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
