"""Profiles: which rules a level is judged by, with which parameter values, checked against the rules' own types.

A profile is either complete in itself or local: `extends` a complete one and says what is changed there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from vonggac_contract.rule import Profile, ProfileChange, Text
from vonggac_contract.terminal import acting

from .errors import Slips
from .load import LoadedRule
from .source import Path_, Source, unreadable
from .types import nearest
from .uses import fit_parameters

_COMPLETE: Final = ("id", "level", "title", "source", "rules")
_LOCAL: Final = ("id", "extends", "title", "replaces", "set", "add", "drop")
_CHANGES: Final = ("extends", "replaces", "set", "add", "drop")
_SAID: Final = Text(
    "Hồ sơ riêng, mở rộng từ “{title}”: {n} thay đổi do quản trị viên đặt, không do tiêu chuẩn.",
    "A local profile that extends “{title}”: {n} made by an administrator and not by the standard.",
)


class Books:
    """What a profile is checked against.

    The rules that load, the ids of those that do not, the complete profiles, what each local one extends, and the
    ids of profiles that have errors of their own.
    """

    def __init__(
        self,
        rules: Mapping[str, LoadedRule],
        refused: Collection[str] = (),
        complete: Mapping[str, Profile] | None = None,
        extends: Mapping[str, str] | None = None,
        broken: Collection[str] = (),
    ) -> None:
        self.rules = rules
        self.refused = refused
        self.complete = complete or {}
        self.extends = extends or {}
        self.broken = broken


def is_local(source: Source) -> bool:
    """Whether the file says what it changes of another profile."""
    return isinstance(source.value, dict) and any(key in source.value for key in _CHANGES)


def load_profile(source: Source, rules: Mapping[str, LoadedRule], refused: Collection[str] = ()) -> Profile:
    """Check one complete profile's file. Rules of `refused` have errors of their own.

    Raises RuleError, for everything that is wrong at once.
    """
    top = _top(source)
    slips = Slips()
    with slips:
        source.check_keys((), top, _COMPLETE, _COMPLETE, f"a profile has {', '.join(_COMPLETE)}")
    level = top.get("level", 1)
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5:
        slips.add(
            source.refuse(("level",), f"{level!r} is no level", "write a number from 1 to 5, without quotes")
        )
    with slips:
        profile_id = _id(source)
    texts = {}
    for key in ("title", "source"):
        if key in top:
            with slips:
                texts[key] = _text(source, (key,))
    with slips:
        chosen = _rules(source, Books(rules, refused), ("rules",))
        if top.get("rules") == {}:
            hint = "write `<rule id>: {}` lines, with parameter values in {}"
            raise source.refuse(("rules",), "no rules", hint)
    slips.settle()
    return Profile(profile_id, level, texts["title"], texts["source"], chosen)


def load_local(source: Source, books: Books) -> Profile:
    """Check one profile that extends a complete one. Raises RuleError, for everything that is wrong at once."""
    top = _top(source)
    slips = Slips()
    with slips:
        needed = ("id", "extends", "title")
        source.check_keys((), top, _LOCAL, needed, f"a local profile has {', '.join(_LOCAL)}")
    with slips:
        profile_id = _id(source)
    if "title" in top:
        with slips:
            title = _text(source, ("title",))
    replaces = top.get("replaces", False)
    if not isinstance(replaces, bool):
        words = f"{replaces!r} is neither true nor false"
        slips.add(source.refuse(("replaces",), words, "write true or false"))
    base = books.complete.get(top["extends"]) if isinstance(top.get("extends"), str) else None
    if base is None:
        if "extends" in top:
            words, hint = _no_base(str(top.get("id")), top["extends"], books)
            slips.add(source.refuse(("extends",), words, hint))
        slips.settle()
        raise source.refuse((), "'extends' is missing", nearest("", books.complete))
    rules = {rule: dict(values) for rule, values in base.rules.items()}
    changes: list[ProfileChange] = []
    for changed in (_dropped, _set, _added):
        with slips:
            changes += changed(source, books, rules, base.id)
    if not slips.found and not any(top.get(key) for key in ("set", "add", "drop")):
        slips.add(source.refuse((), f"nothing differs from {base.id}", "write `set`, `add` or `drop`"))
    if not rules and not books.refused:
        slips.add(source.refuse(("drop",), "no rule is left", "keep at least one"))
    slips.settle()
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
    if isinstance(named, str) and named in books.broken:
        return f"{named} has errors of its own", "mend them first"
    return f"no complete profile is called {named!r}", hint


def _dropped(
    source: Source, books: Books, rules: dict[str, dict[str, Any]], base: str
) -> list[ProfileChange]:
    found, slips = [], Slips()
    for rule in _mapping(source, ("drop",), "write `<rule id>: {vi: …, en: …}` lines, with the reason"):
        if rule in books.refused:
            continue
        with slips:
            _there(source, ("drop", rule), rule, rules, base)
            found.append(ProfileChange("dropped", rule, reason=_text(source, ("drop", rule))))
            del rules[rule]
    slips.settle()
    return found


def _set(source: Source, books: Books, rules: dict[str, dict[str, Any]], base: str) -> list[ProfileChange]:
    found, slips = [], Slips()
    dropped = _dropped_ids(source)
    chosen = {}
    with slips:
        chosen = _rules(source, books, ("set",), slips)
    for rule, values in chosen.items():
        with slips:
            if rule in dropped:
                raise source.refuse(("set", rule), f"{rule} is dropped as well", "keep one of the two")
            _there(source, ("set", rule), rule, rules, base)
            if not source.value["set"][rule]:
                raise source.refuse(("set", rule), "no parameter is set", "write {name: value}")
            given = {n: d.default for n, d in books.rules[rule].rule.parameters.items()} | rules[rule]
            for name, value in values.items():
                if given[name] == value:
                    words = f"{base} has this value already"
                    hint = "drop it, or set another value"
                    slips.add(source.refuse(("set", rule, name), words, hint))
                found.append(ProfileChange("set", rule, name, given[name], value))
            rules[rule] = given | values
    slips.settle()
    return found


def _added(source: Source, books: Books, rules: dict[str, dict[str, Any]], base: str) -> list[ProfileChange]:
    found, slips = [], Slips()
    chosen = {}
    with slips:
        chosen = _rules(source, books, ("add",), slips)
    for rule, values in chosen.items():
        with slips:
            if rule in rules or rule in _dropped_ids(source):
                hint = "set its parameters under `set`" if rule in rules else "it stands under `drop` too"
                raise source.refuse(("add", rule), f"{base} asks {rule} already", hint)
            rules[rule] = {n: d.default for n, d in books.rules[rule].rule.parameters.items()} | values
            found.append(ProfileChange("added", rule))
    slips.settle()
    return found


def _dropped_ids(source: Source) -> Collection[str]:
    dropped = source.value.get("drop")
    return dropped if isinstance(dropped, dict) else ()


def _there(source: Source, path: Path_, rule: str, rules: Mapping[str, Any], base: str) -> None:
    if rule not in rules:
        raise source.refuse(path, f"{base} does not ask {rule}", nearest(rule, rules))


def _rules(
    source: Source, books: Books, path: Path_, slips: Slips | None = None
) -> dict[str, dict[str, Any]]:
    """The rules that stand at `path`, with their parameters' values in the form that they are compared in."""
    given = _mapping(source, path, "write `<rule id>: {}` lines, with parameter values in {}")
    found, own = {}, Slips() if slips is None else slips
    for rule in given:
        if rule not in books.refused:
            with own:
                found[rule] = _values(source, books, (*path, rule), rule)
    if slips is None:
        own.settle()
    return found


def _values(source: Source, books: Books, path: Path_, rule_id: str) -> dict[str, Any]:
    if rule_id not in books.rules:
        raise source.refuse(path, f"no rule {rule_id!r}", nearest(rule_id, books.rules))
    given = source.value[path[0]][rule_id]
    if not isinstance(given, dict):
        raise source.refuse(path, f"here stand parameter values, not {given!r}", "write {} if there are none")
    loaded = books.rules[rule_id]
    return fit_parameters(source, path, given, loaded.rule, loaded.uses)


def _top(source: Source) -> dict[str, Any]:
    if not isinstance(source.value, dict):
        raise source.refuse((), "here stands a profile", f"a profile has {', '.join(_COMPLETE)}")
    return source.value


def _mapping(source: Source, path: Path_, hint: str) -> dict[str, Any]:
    value = source.value.get(path[0], {})
    if not isinstance(value, dict):
        raise source.refuse(path, f"{path[0]!r} is a mapping of rule ids", hint)
    return value


def _id(source: Source) -> str:
    value = source.value.get("id", "-")  # that it is missing is told with the other keys
    if not isinstance(value, str) or not value:
        raise source.refuse(("id",), f"{value!r} is no profile id", "write a text such as health-level3")
    return value


def _text(source: Source, path: Path_) -> Text:
    value = source.value
    for part in path:
        value = value[part]
    both = isinstance(value, dict) and set(value) == {"vi", "en"}
    if not both or not all(isinstance(v, str) and v.strip() for v in value.values()):
        raise source.refuse(path, f"{str(path[0])!r} has a text in vi and in en", "write {vi: …, en: …}")
    for language, text in value.items():
        if (place := acting(text)) is not None:
            words = unreadable(text[place])
            raise source.refuse((*path, language), words, "remove the escape that stands for it")
    return Text(value["vi"].strip(), value["en"].strip())
