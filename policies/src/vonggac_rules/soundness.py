"""What is wrong with a rule whose types are right: it can't pass, can't fail, says something twice, or repeats another.

Decided over every world that the conditions can tell apart (`worlds`), with the evaluator's own answers; where there
are too many of them nothing is said. Reads no files.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from vonggac_contract.finding import SEVERITIES, Outcome
from vonggac_contract.rule import All, AnyOf, Compare, Condition, Count, Not, Profile, Quantify, Rule

from .cases import Case
from .errors import RuleError
from .evaluate import View, decide_rule
from .evidence import fields_read
from .load import LoadedRule
from .plan import facts_in
from .regions import Undecided
from .source import Path_, Source
from .types import FieldType
from .uses import type_of
from .worlds import Space, leaves_of, resolved

MAX_PARTS: Final = 200
"""Parts of one `all` or `any` that are tried without each other; a rule that people read has a few."""
CHECK: Final = ("check",)
WHEN: Final = ("applies", "when")


class Flaw(NamedTuple):
    """What is wrong at a path of the rule's file, and what to do."""

    path: Path_
    message: str
    hint: str


def unsound(
    rules: Mapping[str, LoadedRule],
    profiles: Sequence[Profile],
    sources: Mapping[str, Source],
    cases: Mapping[str, Sequence[Case]] | None = None,
) -> list[RuleError]:
    """Every flaw of the rules, of the values that profiles give them, and of rules beside each other, in file order.

    `sources`: the file of each profile, by its id. `cases` tell most rules apart at once, where they are given.
    """
    errors = []
    for rule_id in sorted(rules):
        loaded = rules[rule_id]
        errors += [
            RuleError(loaded.source.place(f.path), f.message, hint=f.hint)
            for f in flaws(loaded.rule, defaults(loaded.rule), loaded.source)
        ]
    return errors + unsound_values(rules, profiles, sources) + list(repeated(rules, profiles, cases or {}))


def unsound_values(
    rules: Mapping[str, LoadedRule], profiles: Sequence[Profile], sources: Mapping[str, Source]
) -> list[RuleError]:
    """Values of parameters that take a rule's sense: with them it can't pass, can't fail, or says something twice."""
    return [
        error
        for profile in profiles
        for rule_id, values in profile.rules.items()
        if rule_id in rules
        for error in _of_profile(rules[rule_id], values, profile.id, sources[profile.id])
    ]


def defaults(rule: Rule) -> dict[str, Any]:
    """The values that the rule itself gives its parameters."""
    return {name: d.default for name, d in rule.parameters.items()}


def flaws(rule: Rule, values: Mapping[str, Any], source: Source | None = None) -> list[Flaw]:
    """What is wrong with the rule when its parameters have `values`. `source` is named where a part repeats another."""
    check = resolved(rule.check, dict(values))
    when = None if rule.when is None else resolved(rule.when, dict(values))
    found = [f for c, path in ((when, WHEN), (check, CHECK)) if c for f in _inside(c, path, None, source)]
    if found:
        return found
    try:
        space = Space([check] if when is None else [check, when])
    except Undecided:
        return [f for i, part in _alone(check) for f in _of_part(part, (*CHECK, "all", i), source)]
    mask = space.all
    if when is not None:
        mask = space.sets(when).true
        if not mask:
            return [Flaw(WHEN, "this can never hold, so the rule applies to no machine", _clash(space, when))]
        if not space.sets(when).false:
            return [Flaw(WHEN, "this leaves no machine out", "drop `when`, or ask what can differ")]
    whole = space.sets(check)
    if not whole.true & mask:
        return [Flaw(CHECK, "no facts can make this rule pass", _clash(space, check))]
    if not (whole.false | whole.partial) & mask:
        return [Flaw(CHECK, "no facts can make this rule fail", "ask for a value that can be missed")]
    if when is not None:
        found += _spare(space, when, WHEN, space.all, source)
    return found + _spare(space, check, CHECK, mask, source)


def _alone(check: Condition) -> Iterator[tuple[int, Condition]]:
    """The parts of a large `all` that read facts which no other part reads: each can be looked at by itself."""
    parts = check.of if isinstance(check, All) else ()
    readers = Counter(fact for part in parts for fact in facts_in(part))
    for i, part in enumerate(parts):
        if all(readers[fact] == 1 for fact in facts_in(part)):
            yield i, part


def _of_part(part: Condition, at: Path_, source: Source | None) -> list[Flaw]:
    try:
        space = Space([part])
    except Undecided:
        return []
    found = space.sets(part)
    if not found.true:
        return [Flaw(at, "this part can never hold, so the rule can never pass", _clash(space, part))]
    if not found.false | found.partial:
        return [Flaw(at, "this part always holds", "drop it, or ask what can differ")]
    return _spare(space, part, at, space.all, source)


def repeated(
    rules: Mapping[str, LoadedRule], profiles: Sequence[Profile], cases: Mapping[str, Sequence[Case]]
) -> Iterator[RuleError]:
    """Rules that read the same values as another and fail only where that one fails, unless they weigh more."""
    groups: dict[Any, list[LoadedRule]] = {}
    for rule_id in sorted(rules):
        rule = rules[rule_id].rule
        groups.setdefault((rule.platform, _read(rule)), []).append(rules[rule_id])
    for group in groups.values():
        for one, other in itertools.combinations(group, 2):
            apart = [_told_apart(*pair, cases) for pair in ((one.rule, other.rule), (other.rule, one.rule))]
            if all(apart) or (said := _relation(one.rule, other.rule, profiles)) is None:
                continue
            shadowed, by = (other, one) if said in ("same", "later") else (one, other)
            words = "asks the same as" if said == "same" else "never fails without"
            place = by.source.place(("id",))
            yield RuleError(
                shadowed.source.place(("id",)),
                f"{shadowed.rule.id} {words} {by.rule.id} ({place}), which reads the same values",
                hint="make one rule of the two, or give this one more weight than the other",
            )


def _told_apart(one: Rule, other: Rule, cases: Mapping[str, Sequence[Case]]) -> bool:
    """Whether a case on which the first fails surely lets the second pass, whatever the case leaves out."""
    for case in cases.get(one.id, ()):
        if case.outcome is Outcome.FAIL and case.parameters == defaults(one):
            found = decide_rule(other, defaults(other), View(case.snapshot))
            if found.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
                return True
    return False


def _read(rule: Rule) -> frozenset[Any]:
    """The values that a rule reads: facts with their fields, and of a list's elements the fields asked for."""
    conditions = [rule.check] if rule.when is None else [rule.check, rule.when]
    found: dict[tuple[Any, str], frozenset[str]] = {}
    for leaf in (leaf for c in conditions for leaf in leaves_of(c)):
        inner = frozenset[str]() if isinstance(leaf, Compare) else fields_read(leaf)
        found[leaf.fact, leaf.field] = found.get((leaf.fact, leaf.field), frozenset()) | inner
    return frozenset(found.items())


def _relation(one: Rule, other: Rule, profiles: Sequence[Profile]) -> str | None:
    """`same`, `earlier` if the first fails only where the second does, `later` for the reverse; None if neither."""
    given = [(defaults(one), defaults(other))]
    for p in profiles:
        if one.id in p.rules and other.id in p.rules:
            pair = (given[0][0] | p.rules[one.id], given[0][1] | p.rules[other.id])
            given += [pair] if pair not in given else []
    earlier = later = True
    for values in given:
        try:
            first, second = _failing(one, other, values)
        except Undecided:
            return None
        earlier = earlier and bool(first) and not first & ~second
        later = later and bool(second) and not second & ~first
    if earlier and later:
        return "same"
    if earlier and not _weightier(one, other):
        return "earlier"
    return "later" if later and not _weightier(other, one) else None


def _failing(one: Rule, other: Rule, values: tuple[dict[str, Any], dict[str, Any]]) -> tuple[int, int]:
    """The worlds in which each of the two fails."""
    conditions = [
        (resolved(rule.check, given), None if rule.when is None else resolved(rule.when, given))
        for rule, given in zip((one, other), values, strict=True)
    ]
    space = Space([c for pair in conditions for c in pair if c is not None])
    failing = []
    for check, when in conditions:
        whole = space.sets(check)
        failing.append((whole.false | whole.partial) & (space.all if when is None else space.sets(when).true))
    return failing[0], failing[1]


def _weightier(one: Rule, other: Rule) -> bool:
    return SEVERITIES.index(one.severity) < SEVERITIES.index(other.severity)


def _of_profile(
    loaded: LoadedRule, values: dict[str, Any], profile: str, source: Source
) -> Iterator[RuleError]:
    """Flaws that the rule has only with the profile's values; the place is the value that makes the difference."""
    rule = loaded.rule
    own = defaults(rule)
    if not rule.parameters or own | values == own or flaws(rule, own):
        return
    for flaw in flaws(rule, own | values):
        guilty = [n for n in values if flaw not in flaws(rule, own | values | {n: own[n]})] or list(values)
        path: Path_ = next(
            (p for p in (("set", rule.id), ("add", rule.id), ("rules", rule.id)) if source.has(p)), ()
        )
        place = source.place((*path, guilty[0]))
        at = ".".join(map(str, flaw.path))
        given = ", ".join(f"{n}: {values[n]}" for n in guilty)
        yield RuleError(
            place,
            f"with {given} of {profile}, at {at} of {rule.id}: {flaw.message}",
            hint=f"the rule's own value is {own[guilty[0]]}",
        )


def _clash(space: Space, condition: Condition) -> str:
    """Which two parts of an `all` exclude each other, if two do."""
    if isinstance(condition, All) and len(condition.of) <= MAX_PARTS:
        for (i, a), (j, b) in itertools.combinations(enumerate(condition.of), 2):
            if not space.sets(a).true & space.sets(b).true:
                return f"parts {i + 1} and {j + 1} of `all` exclude each other"
    return "no value meets what is asked; compare it with the field's values"


def _spare(space: Space, root: Condition, at: Path_, mask: int, source: Source | None) -> list[Flaw]:
    """Parts of `all` and `any`, outermost first, without which the condition would be the same wherever `mask` is."""
    wanted = space.sets(root)

    def same(changed: Condition) -> bool:
        found = space.sets(changed)
        return all(not (a ^ b) & mask for a, b in zip(found, wanted, strict=True))

    return list(_dropped(space, root, at, lambda c: c, same, mask, source))


def _dropped(
    space: Space,
    node: Condition,
    at: Path_,
    put: Callable[[Condition], Condition],
    same: Callable[[Condition], bool],
    mask: int,
    source: Source | None,
) -> Iterator[Flaw]:
    """`put` gives the whole condition with another one in the place of `node`."""
    if isinstance(node, Not):
        yield from _dropped(space, node.of, (*at, "not"), lambda c: put(Not(c)), same, mask, source)
    if not isinstance(node, (All, AnyOf)) or len(node.of) > MAX_PARTS:
        return
    kind: type[All] | type[AnyOf] = type(node)
    word = "all" if kind is All else "any"
    kept = list(enumerate(node.of))
    for i, part in reversed(kept.copy()):
        rest = [(j, p) for j, p in kept if j != i]
        if rest and same(put(kind(tuple(p for _, p in rest)))):
            kept = rest
            yield _about_part(space, kind, (*at, word), (i, part), rest, mask, source)
    for n, (i, part) in enumerate(kept):

        def put_here(c: Condition, n: int = n) -> Condition:
            parts = [p for _, p in kept]
            return put(kind((*parts[:n], c, *parts[n + 1 :])))

        yield from _dropped(space, part, (*at, word, i), put_here, same, mask, source)


def _about_part(
    space: Space,
    kind: type[All] | type[AnyOf],
    at: Path_,
    spare: tuple[int, Condition],
    rest: list[tuple[int, Condition]],
    mask: int,
    source: Source | None,
) -> Flaw:
    """Why a part says nothing: by itself, beside one of the others, or beside all of them."""
    index, part = spare
    own = space.sets(part)
    path = (*at, index)
    if kind is All and not own.false & mask:
        return Flaw(path, "this part always holds", "drop it, or ask what can differ")
    if kind is AnyOf and not own.true & mask:
        return Flaw(path, "this part can never hold", "drop it, or ask for a value that the field can have")
    for j, other in rest:
        both, alone = space.sets(kind((other, part))), space.sets(other)
        if all(not (a ^ b) & mask for a, b in zip(both, alone, strict=True)):
            place = source.place((*at, j)) if source is not None else None
            where = f"part {j + 1}" + (f" ({place.line}:{place.column})" if place else "")
            words = "holds wherever" if kind is All else "holds only where"
            return Flaw(path, f"this part {words} {where} does, so it adds nothing", "drop one of the two")
    return Flaw(
        path, "this part changes nothing beside the rest of the rule", "drop it, or ask what can differ"
    )


def _inside(
    condition: Condition, at: Path_, element: FieldType | None, source: Source | None
) -> Iterator[Flaw]:
    """Flaws of what quantifiers ask of their elements, however deep."""
    if isinstance(condition, Not):
        yield from _inside(condition.of, (*at, "not"), element, source)
    elif isinstance(condition, (All, AnyOf)):
        word = "all" if isinstance(condition, All) else "any"
        for i, part in enumerate(condition.of):
            yield from _inside(part, (*at, word, i), element, source)
    elif not isinstance(condition, Compare):
        yield from _of_list(condition, at, type_of(condition, element), source)


def _of_list(leaf: Quantify | Count, at: Path_, found: FieldType, source: Source | None) -> Iterator[Flaw]:
    word = leaf.quantifier if isinstance(leaf, Quantify) else "count"
    check = leaf.check if isinstance(leaf, Quantify) else None
    parts = [(leaf.where, (*at, "where")), (check, (*at, word))]
    inner = [f for c, path in parts if c is not None for f in _inside(c, path, found.element, source)]
    if inner or found.element is None or leaf.where is check is None:
        yield from inner
        return
    try:
        space = Space([c for c, _ in parts if c is not None], found.element)
    except Undecided:
        return
    mask = space.all
    if leaf.where is not None:
        where = space.sets(leaf.where)
        if not where.true:
            yield Flaw(parts[0][1], "no element can be meant", _clash(space, leaf.where))
            return
        if not where.false:
            yield Flaw(parts[0][1], "this leaves no element out", "drop `where`, or ask what can differ")
            return
        mask &= ~where.false
        yield from _spare(space, leaf.where, parts[0][1], space.all, source)
    if check is not None:
        asked = space.sets(check)
        if not asked.true & mask:
            yield Flaw(parts[1][1], "no element can satisfy this", _clash(space, check))
        elif not asked.false & mask:
            yield Flaw(parts[1][1], "every element satisfies this", "ask what can differ")
        else:
            yield from _spare(space, check, parts[1][1], mask, source)
