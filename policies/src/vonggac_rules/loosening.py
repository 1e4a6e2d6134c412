"""Which way a change of parameters goes: what the rule lets through with the new values, beside the old ones. Pure.

Decided like the soundness of rules over every world that its conditions tell apart (`worlds`), so nobody has to write
down whether more is better: the comparisons say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from vonggac_contract.rule import (
    All,
    AnyOf,
    Compare,
    Condition,
    Count,
    Direction,
    Not,
    Profile,
    Quantify,
    Rule,
)

from .errors import RuleError
from .load import LoadedRule
from .paragraph import parameter
from .regions import Undecided
from .soundness import defaults
from .source import Source
from .types import FieldType
from .uses import type_of
from .worlds import Sets, Space, resolved

_LOOSE: Final = {"looser", "other"}
_TURNED: Final[dict[Direction, Direction]] = {"looser": "tighter", "tighter": "looser"}


def direction(rule: Rule, before: dict[str, Any], after: dict[str, Any]) -> Direction:
    """`looser` if with `after` the rule refuses less than with `before`, `tighter` if more; "" if the same.

    `other`: it refuses some more and some less, or which cannot be told (patterns, too many worlds).
    """
    checks = (resolved(rule.check, before), resolved(rule.check, after))
    if rule.when is None:
        return _joined(*checks, None)
    whens = (resolved(rule.when, before), resolved(rule.when, after))
    try:
        space = Space([*checks, *whens])
    except Undecided:
        found: Direction = "other"
    else:
        first, second = (
            Sets(c.true & w.true | w.false, (c.false | c.partial) & w.true, 0)
            for c, w in zip(map(space.sets, checks), map(space.sets, whens), strict=True)
        )
        found = _grown(first, second)
    return _joined(*checks, None) if found == "other" and whens[0] == whens[1] else found


def _grown(first: Sets, second: Sets) -> Direction:
    """Whether the second refuses less than the first; where both refuse the same, whether it lets more through."""
    for lost, won in (
        (second.false | second.partial, first.false | first.partial),
        (first.true, second.true),
    ):
        if lost != won:
            return "looser" if not lost & ~won else "tighter" if not won & ~lost else "other"
    return ""


def _joined(before: Condition, after: Condition, element: FieldType | None) -> Direction:
    """The direction of a condition, of which the second differs from the first in its operands alone.

    Where it can't be told of the whole, of its parts: what joins them turns it round only in `not`, `none`, `where`.
    """
    try:
        space = Space([before, after], element)
        found = _grown(space.sets(before), space.sets(after))
    except Undecided:
        found = "other"
    if found != "other":
        return found
    ways = set(_ways(before, after, element)) - {""}
    return ways.pop() if len(ways) == 1 else "other" if ways else ""


def _ways(before: Condition, after: Condition, element: FieldType | None) -> Iterator[Direction]:
    """The directions of the parts, as they bear on the whole."""
    if isinstance(before, Not) and isinstance(after, Not):
        yield _turned(_joined(before.of, after.of, element))
    elif isinstance(before, (All, AnyOf)) and isinstance(after, (All, AnyOf)):
        for one, other in zip(before.of, after.of, strict=True):
            if one != other:
                yield _joined(one, other, element)
    elif isinstance(before, Quantify) and isinstance(after, Quantify):
        inner = type_of(before, element).element
        if before.check != after.check:
            way = _joined(before.check, after.check, inner)
            yield _turned(way) if before.quantifier == "none" else way
        if before.where is not None and after.where is not None and before.where != after.where:
            way = _joined(before.where, after.where, inner)
            yield way if before.quantifier == "any" else _turned(way)
    elif isinstance(before, Count) and isinstance(after, Count) and before.where == after.where:
        # So many elements need not be made: a count is a number like any other.
        one, other = (Compare(None, "", c.operator, c.operand) for c in (before, after))
        yield _joined(one, other, FieldType("int"))
    else:
        yield "other"


def _turned(way: Direction) -> Direction:
    return _TURNED.get(way, way)


def directed(profile: Profile, base: Profile, rules: Mapping[str, LoadedRule]) -> Profile:
    """The local profile with the direction of each value that it sets otherwise than `base`.

    Each is looked at alone; where only all those of one rule together let more through, each of them is `other`.
    """
    given: dict[str, dict[str, Any]] = {}
    for change in profile.changes:
        if change.kind == "set":
            given.setdefault(change.rule, {})[change.parameter] = change.after
    ways: dict[str, dict[str, Direction]] = {}
    for rule_id, values in given.items():
        rule = rules[rule_id].rule
        old = defaults(rule) | base.rules[rule_id]
        ways[rule_id] = {name: direction(rule, old, old | {name: value}) for name, value in values.items()}
        if not _LOOSE & set(ways[rule_id].values()) and direction(rule, old, old | values) in _LOOSE:
            ways[rule_id] = dict.fromkeys(values, "other")
    changes = [
        msgspec.structs.replace(c, direction=ways[c.rule][c.parameter]) if c.kind == "set" else c
        for c in profile.changes
    ]
    return msgspec.structs.replace(profile, changes=changes)


_WORDS: Final[dict[Direction, str]] = {
    "looser": "is looser than",
    "other": "may let through what is refused with",
}


def loosened(profile: Profile, rules: Mapping[str, LoadedRule], source: Source) -> list[RuleError]:
    """A warning for each value of a local profile that lets more through than the one of the profile it extends."""
    found = []
    for change in profile.changes:
        if change.direction in _WORDS:
            rule = rules[change.rule].rule
            old, new = (parameter(rule, change.parameter, v, "en") for v in (change.before, change.after))
            at = source.place(("set", rule.id, change.parameter))
            words = f"{change.parameter} of {rule.id}: {new} {_WORDS[change.direction]} {old} of {profile.extends}"
            found.append(
                RuleError(at, words, hint=f"write {old} or what asks more; pages show that it is so")
            )
    return found
