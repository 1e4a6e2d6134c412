"""Profiles: which rules a level is judged by, with which parameter values, checked against the rules' own types.

A profile is either complete in itself or local: `extends` a complete one and says what is changed there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from vonggac_contract.rule import Profile, ProfileChange, Text

from .check import Misfit
from .errors import RuleError
from .load import LoadedRule
from .source import Path_, Source
from .types import nearest
from .uses import fit_parameter

_COMPLETE: Final = ("id", "level", "title", "source", "rules")
_LOCAL: Final = ("id", "extends", "title", "replaces", "set", "add", "drop")
_CHANGES: Final = ("extends", "replaces", "set", "add", "drop")
_SAID: Final = Text(
    "Hồ sơ riêng, mở rộng từ “{title}”: {n} thay đổi do quản trị viên đặt, không do tiêu chuẩn.",
    "A local profile that extends “{title}”: {n} made by an administrator and not by the standard.",
)


class Books:
    """What a profile is checked against.

    The rules that load, the ids of those that do not, the complete profiles, and what each local one extends.
    """

    def __init__(
        self,
        rules: Mapping[str, LoadedRule],
        refused: Collection[str] = (),
        complete: Mapping[str, Profile] | None = None,
        extends: Mapping[str, str] | None = None,
    ) -> None:
        self.rules = rules
        self.refused = refused
        self.complete = complete or {}
        self.extends = extends or {}


def is_local(source: Source) -> bool:
    """Whether the file says what it changes of another profile."""
    return isinstance(source.value, dict) and any(key in source.value for key in _CHANGES)


def load_profile(source: Source, rules: Mapping[str, LoadedRule], refused: Collection[str] = ()) -> Profile:
    """Check one complete profile's file. Rules of `refused` have errors of their own. Raises RuleError."""
    top = _keys(source, _COMPLETE, _COMPLETE)
    level = top["level"]
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5:
        raise _refuse(source, ("level",), f"{level!r} is no level", "write a number from 1 to 5")
    profile_id = _id(source)
    books = Books(rules, refused)
    chosen = _rules(source, books, ("rules",))
    if not top["rules"]:
        raise _refuse(
            source, ("rules",), "no rules", "write `<rule id>: {}` lines, with parameter values in {}"
        )
    return Profile(profile_id, level, _text(source, ("title",)), _text(source, ("source",)), chosen)


def load_local(source: Source, books: Books) -> Profile:
    """Check one profile that extends a complete one. Raises RuleError."""
    top = _keys(source, _LOCAL, ("id", "extends", "title"))
    profile_id = _id(source)
    named = top["extends"]
    base = books.complete.get(named) if isinstance(named, str) else None
    if base is None:
        words, hint = _no_base(profile_id, named, books)
        raise _refuse(source, ("extends",), words, hint)
    replaces = top.get("replaces", False)
    if not isinstance(replaces, bool):
        raise _refuse(source, ("replaces",), f"{replaces!r} is neither true nor false", "write true or false")
    rules = {rule: dict(values) for rule, values in base.rules.items()}
    changes = [
        *_dropped(source, books, rules, base.id),
        *_set(source, books, rules, base.id),
        *_added(source, books, rules, base.id),
    ]
    if not any(top.get(key) for key in ("set", "add", "drop")):
        raise _refuse(source, (), f"nothing differs from {base.id}", "write `set`, `add` or `drop`")
    if not rules and not books.refused:
        raise _refuse(source, ("drop",), "no rule is left", "keep at least one")
    title = _text(source, ("title",))
    said = Text(
        f"{_SAID.vi.format(title=base.title.vi, n=len(changes))} {base.source.vi}",
        f"{_SAID.en.format(title=base.title.en, n=_changes(len(changes)))} {base.source.en}",
    )
    return Profile(profile_id, base.level, title, said, rules, base.id, replaces, changes)


def _changes(n: int) -> str:
    return "1 change" if n == 1 else f"{n} changes"


def _no_base(profile_id: str, named: Any, books: Books) -> tuple[str, str]:
    """Why a profile can't extend `named`: nothing is called so, or it extends another one itself."""
    way = [profile_id]
    at = named
    while isinstance(at, str) and at in books.extends and at not in way:
        way.append(at)
        at = books.extends[at]
    if at in way:
        return (
            f"profiles extend each other in a circle: {' -> '.join([*way, at])}",
            "extend a complete profile",
        )
    hint = f"a local profile extends a complete one; {nearest(str(at), books.complete)}"
    if len(way) > 1:
        return f"{named} is a local profile itself, which extends {books.extends[named]}", hint
    return f"no complete profile is called {named!r}", hint


def _dropped(
    source: Source, books: Books, rules: dict[str, dict[str, Any]], base: str
) -> list[ProfileChange]:
    found = []
    for rule in _mapping(source, ("drop",), "write `<rule id>: {vi: …, en: …}` lines, with the reason"):
        if rule in books.refused:
            continue
        _there(source, ("drop", rule), rule, rules, base)
        found.append(ProfileChange("dropped", rule, reason=_text(source, ("drop", rule))))
        del rules[rule]
    return found


def _set(source: Source, books: Books, rules: dict[str, dict[str, Any]], base: str) -> list[ProfileChange]:
    found = []
    dropped = source.value.get("drop", {})
    for rule, values in _rules(source, books, ("set",)).items():
        if rule in dropped:
            raise _refuse(source, ("set", rule), f"{rule} is dropped as well", "keep one of the two")
        _there(source, ("set", rule), rule, rules, base)
        if not values:
            raise _refuse(source, ("set", rule), "no parameter is set", "write {name: value}")
        given = {n: d.default for n, d in books.rules[rule].rule.parameters.items()} | rules[rule]
        for name, value in values.items():
            if given[name] == value:
                words = f"{base} has this value already"
                raise _refuse(source, ("set", rule, name), words, "drop it, or set another value")
            found.append(ProfileChange("set", rule, name, given[name], value))
        rules[rule] = given | values
    return found


def _added(source: Source, books: Books, rules: dict[str, dict[str, Any]], base: str) -> list[ProfileChange]:
    found = []
    for rule, values in _rules(source, books, ("add",)).items():
        if rule in rules or rule in source.value.get("drop", {}):
            hint = "set its parameters under `set`" if rule in rules else "it stands under `drop` too"
            raise _refuse(source, ("add", rule), f"{base} asks {rule} already", hint)
        rules[rule] = {n: d.default for n, d in books.rules[rule].rule.parameters.items()} | values
        found.append(ProfileChange("added", rule))
    return found


def _there(source: Source, path: Path_, rule: str, rules: Mapping[str, Any], base: str) -> None:
    if rule not in rules:
        raise _refuse(source, path, f"{base} does not ask {rule}", nearest(rule, rules))


def _rules(source: Source, books: Books, path: Path_) -> dict[str, dict[str, Any]]:
    """The rules that stand at `path`, with their parameters' values in the form that they are compared in."""
    given = _mapping(source, path, "write `<rule id>: {}` lines, with parameter values in {}")
    return {rule: _values(source, books, (*path, rule), rule) for rule in given if rule not in books.refused}


def _values(source: Source, books: Books, path: Path_, rule_id: str) -> dict[str, Any]:
    if rule_id not in books.rules:
        raise _refuse(source, path, f"no rule {rule_id!r}", nearest(rule_id, books.rules))
    given = source.value[path[0]][rule_id]
    if not isinstance(given, dict):
        raise _refuse(
            source, path, f"here stand parameter values, not {given!r}", "write {} if there are none"
        )
    loaded = books.rules[rule_id]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in loaded.rule.parameters:
            hint = (
                nearest(name, loaded.rule.parameters) if loaded.rule.parameters else "it has none: write {}"
            )
            raise _refuse(source, (*path, name), f"{rule_id} has no parameter {name!r}", hint)
        try:
            values[name] = fit_parameter(loaded.uses, name, value)
        except Misfit as e:
            raise _refuse(source, (*path, name), str(e), e.hint) from e
    return values


def _keys(source: Source, known: Collection[str], needed: Collection[str]) -> dict[str, Any]:
    top = source.value
    words = f"a profile has {', '.join(known)}"
    if not isinstance(top, dict):
        raise _refuse(source, (), "here stands a profile", words)
    for key in top:
        if key not in known:
            raise _refuse(source, (key,), f"no key {key!r} here", nearest(key, known))
    for key in needed:
        if key not in top:
            raise _refuse(source, (), f"{key!r} is missing", words)
    return top


def _mapping(source: Source, path: Path_, hint: str) -> dict[str, Any]:
    value = source.value.get(path[0], {})
    if not isinstance(value, dict):
        raise _refuse(source, path, f"{path[0]!r} is a mapping of rule ids", hint)
    return value


def _id(source: Source) -> str:
    value = source.value["id"]
    if not isinstance(value, str) or not value:
        raise _refuse(source, ("id",), f"{value!r} is no profile id", "write a text such as health-level3")
    return value


def _text(source: Source, path: Path_) -> Text:
    value = source.value
    for part in path:
        value = value[part]
    both = isinstance(value, dict) and set(value) == {"vi", "en"}
    if not both or not all(isinstance(v, str) and v.strip() for v in value.values()):
        raise _refuse(source, path, f"{str(path[0])!r} has a text in vi and in en", "write {vi: …, en: …}")
    return Text(value["vi"].strip(), value["en"].strip())


def _refuse(source: Source, path: Path_, message: str, hint: str) -> RuleError:
    return RuleError(source.place(path), message, hint=hint)
