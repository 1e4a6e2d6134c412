"""Every way the facts can turn out, as far as conditions can tell ways apart: sets of worlds as bits of integers. Pure.

A *world* gives each (fact, field) that the conditions read one of its `regions`; one more world for each fact has
nobody look at it. What a comparison says of a value is the evaluator's own answer, each asked once; what joins
comparisons is then a few operations on integers with one bit a world. Fields are taken to be independent of each
other: so what holds in every world here holds on every machine, and what is found to differ may not occur on any.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from vonggac_contract.facts import TOPICS, FactKey
from vonggac_contract.rule import (
    All,
    AnyOf,
    Compare,
    Condition,
    Count,
    Not,
    Operand,
    Parameter,
    Quantify,
    Value,
)

from .evaluate import Decision, Element, Truth, View
from .regions import Undecided, operands, regions
from .types import FieldType, field_type

MAX_WORLDS: Final = 1 << 17
MAX_ELEMENTS: Final = 1 << 12
"""Worlds of one element of a list."""
MAX_KINDS: Final = 7
"""Kinds of elements that the questions about one list can tell apart."""
MAX_ASKED: Final = 40_000
"""Values, or elements of all lists together, that the questions about one field are asked of."""
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)

Leaf = Compare | Quantify | Count


class Sets(NamedTuple):
    """The worlds in which a condition is true, false, partial; in all others it is unknown."""

    true: int
    false: int
    partial: int


class _Variable(NamedTuple):
    """One field: what is asked of it, the answers that can come together, and a value for each (None if made up)."""

    field: str
    leaves: list[Leaf]
    asked: list[Leaf]
    answers: list[tuple[Truth, ...]]
    samples: list[Any] | None


class Space:
    """The worlds of some conditions, whose operands are literals (`resolved`).

    `element`: the type of the list's element that they ask about, instead of facts. Raises Undecided.
    """

    def __init__(self, conditions: Iterable[Condition], element: FieldType | None = None) -> None:
        self.element = element
        leaves = {repr(leaf): leaf for c in conditions for leaf in leaves_of(c)}
        by_field: dict[tuple[FactKey | None, str], list[Leaf]] = {}
        for leaf in leaves.values():
            by_field.setdefault((leaf.fact, leaf.field), []).append(leaf)
        self.groups: dict[Any, list[_Variable]] = {}
        for (fact, field), asked in sorted(by_field.items(), key=lambda kv: str(kv[0])):
            group = fact if fact is not None else field
            self.groups.setdefault(group, []).extend(self._variables(fact, field, asked))
        self.unseen = element is None and self._size(1) <= MAX_WORLDS
        self.size = self._size(int(self.unseen))
        if self.size > (MAX_WORLDS if element is None else MAX_ELEMENTS):
            raise Undecided(f"{self.size} worlds")
        self.all = (1 << self.size) - 1
        self._sets = dict(self._leaf_sets())
        self._said = {
            repr(a): b
            for group in self.groups.values()
            for v in group
            for a, b in zip(v.leaves, v.asked, strict=True)
        }

    def sets(self, condition: Condition) -> Sets:
        """Where a condition holds, by the evaluator's logic (Kleene's strong one, with partial below true)."""
        if isinstance(condition, Not):
            inner = self.sets(condition.of)
            return Sets(inner.false, inner.true, 0)
        if not isinstance(condition, (All, AnyOf)):
            return self._sets[repr(condition)]
        parts = [self.sets(c) for c in condition.of]
        every, some, partial, whole = self.all, 0, 0, self.all
        joined = isinstance(condition, All)
        for part in parts:
            every &= part.true if joined else part.false
            some |= part.false if joined else part.true
            partial |= part.partial
            whole &= part.partial | (part.true if joined else part.false)
        return Sets(every, some, partial & whole) if joined else Sets(some, every, partial & whole)

    def said(self, condition: Condition) -> Condition:
        """The condition with the comparisons that the samples can be asked."""
        if isinstance(condition, Not):
            return Not(self.said(condition.of))
        if isinstance(condition, (All, AnyOf)):
            return type(condition)(tuple(self.said(c) for c in condition.of))
        return self._said[repr(condition)]

    def elements(self, conditions: Sequence[Condition]) -> list[Any]:
        """One element for each way in which `conditions` can come out together. Raises Undecided."""
        variables = [v for group in self.groups.values() for v in group]
        if any(v.samples is None for v in variables):
            raise Undecided("values that can't be written down")
        sets = [self.sets(c) for c in conditions]
        found: dict[tuple[int, ...], Any] = {}
        choices = [list(v.samples or ()) for v in variables]
        for world, chosen in enumerate(itertools.product(*reversed(choices))):
            answer = tuple((s.true >> world & 1) + 2 * (s.false >> world & 1) for s in sets)
            if answer not in found:
                built = _built(dict(zip([v.field for v in variables], reversed(chosen), strict=True)))
                if built is not _IMPOSSIBLE:
                    found[answer] = built
        return list(found.values())

    def _size(self, unseen: int) -> int:
        size = 1
        for group in self.groups.values():
            states = 1
            for variable in group:
                states *= len(variable.answers)
            size *= states + unseen
        return size

    def _leaf_sets(self) -> Iterator[tuple[str, Sets]]:
        """Bits of the worlds in which each comparison is true, false, partial; the first variable turns fastest."""
        stride = 1
        for group in self.groups.values():
            step, seen = stride, stride
            for variable in group:
                seen *= len(variable.answers)
            for variable in group:
                width = step * len(variable.answers)
                for i, leaf in enumerate(variable.leaves):
                    bits = [0, 0, 0]
                    for n, answer in enumerate(variable.answers):
                        kind = _KINDS.get(answer[i])
                        if kind is not None:
                            bits[kind] |= ((1 << step) - 1) << (n * step)
                    in_group = [_repeated(b, width, seen) for b in bits]
                    whole = seen + stride * self.unseen
                    yield repr(leaf), Sets(*(_repeated(b, whole, self.size) for b in in_group))
                step = width
            stride = seen + stride * self.unseen

    def _variables(self, fact: FactKey | None, field: str, asked: list[Leaf]) -> list[_Variable]:
        """The field's answers; where they can't be told together each question is taken as if it were alone."""
        try:
            return [self._variable(fact, field, asked)]
        except Undecided:
            alone = []
            for leaf in asked:
                try:
                    alone.append(self._variable(fact, field, [leaf]))
                except Undecided:
                    free = [Truth.TRUE, Truth.FALSE, Truth.UNKNOWN]
                    if isinstance(leaf, Quantify) and leaf.fraction:
                        free.append(Truth.PARTIAL)
                    alone.append(_Variable(field, [leaf], [leaf], [(t,) for t in free], None))
            return alone

    def _variable(self, fact: FactKey | None, field: str, leaves: list[Leaf]) -> _Variable:
        found = self._type(fact, field)
        if found.kind == "list":
            values, asked = lists(found, leaves)
        else:
            compared = [leaf for leaf in leaves if isinstance(leaf, Compare)]
            values, said = regions(found, compared, NOW)
            asked = list(said)
            if len(values) * len(asked) > MAX_ASKED:
                raise Undecided(f"{len(asked)} questions about {len(values)} values")
        answers: dict[tuple[Truth, ...], Any] = {}
        for value in values:
            decision = self._decision(fact, field, value)
            answers.setdefault(tuple(decision.condition(leaf).truth for leaf in asked), value)
        return _Variable(field, leaves, asked, list(answers), list(answers.values()))

    def _type(self, fact: FactKey | None, field: str) -> FieldType:
        if fact is not None:
            return field_type(TOPICS[fact.topic].value, field)
        if self.element is None:
            raise ValueError(f"field {field!r} of no element")
        return field_type(self.element.struct, field) if field and self.element.struct else self.element

    def _decision(self, fact: FactKey | None, field: str, value: Any) -> Decision:
        nested = _built({field: value})
        if fact is not None:
            return Decision({}, View.made_of(NOW, "", {fact: nested}))
        return Decision({}, View.made_of(NOW, "", {}), Element(nested, self.element or FieldType("struct")))


_KINDS: Final = {Truth.TRUE: 0, Truth.FALSE: 1, Truth.PARTIAL: 2}
_IMPOSSIBLE: Final = object()


def lists(found: FieldType, leaves: Sequence[Leaf]) -> tuple[list[Any], list[Leaf]]:
    """Lists that answer the questions in every way there is, and the questions to ask them. Raises Undecided."""
    if found.element is None:
        raise Undecided("a list of nothing")
    asked = [(leaf, *_of_elements(leaf)) for leaf in leaves]
    conditions = [c for _, where, check in asked for c in (where, check) if c is not None]
    space = Space(conditions, found.element)
    said: list[Leaf] = [_said(leaf, space) for leaf in leaves]
    kinds: dict[tuple[Truth | None, ...], Any] = {}
    for value in space.elements(conditions):
        inner = Decision({}, View.made_of(NOW, "", {}), Element(value, found.element))
        role = []
        for leaf, where, check in asked:
            w, c = (None if x is None else space.said(x) for x in (where, check))
            verdict = inner.selected(w, c, leaf.quantifier if isinstance(leaf, Quantify) else "any")
            role.append(None if verdict is None else verdict.truth)
        kinds.setdefault(tuple(role), value)
    if len(kinds) > MAX_KINDS:
        raise Undecided(f"{len(kinds)} kinds of elements")
    times = _times(leaves, list(kinds))
    asked_of = math.prod(map(len, times)) * sum(sum(t) / len(t) for t in times) * len(leaves)
    if asked_of > MAX_ASKED:
        raise Undecided(f"{asked_of:.0f} elements")
    values: list[Any] = [
        [v for v, n in zip(kinds.values(), chosen, strict=True) for _ in range(n)]
        for chosen in itertools.product(*times)
    ]
    return [*values, None] if found.optional else values, said


def _of_elements(leaf: Leaf) -> tuple[Condition | None, Condition | None]:
    """What a question about a list asks of each of its elements: `where` and the check."""
    if isinstance(leaf, Quantify):
        return leaf.where, leaf.check
    if isinstance(leaf, Count):
        return leaf.where, None
    if leaf.operator == "contains":
        return None, Compare(None, "", "equals", leaf.operand)
    if leaf.operator == "subset_of":
        return None, Compare(None, "", "one_of", leaf.operand)
    return None, None


def _said(leaf: Leaf, space: Space) -> Leaf:
    if isinstance(leaf, Compare):
        return leaf
    where = None if leaf.where is None else space.said(leaf.where)
    if isinstance(leaf, Count):
        return msgspec.structs.replace(leaf, where=where)
    return msgspec.structs.replace(leaf, where=where, check=space.said(leaf.check))


def _times(leaves: Sequence[Leaf], kinds: list[tuple[Truth | None, ...]]) -> list[list[int]]:
    """How often an element of each kind may be there so that every count is below, at and above its numbers.

    A sum of t over n kinds of elements is made of ones and a single t - n + 1 or more. Raises Undecided.
    """
    counts = {i: leaf for i, leaf in enumerate(leaves) if isinstance(leaf, Count)}
    if len({repr(c.where) for c in counts.values()}) > 1:
        raise Undecided("counts of different elements of one list")
    points = operands([Compare(None, "", c.operator, c.operand) for c in counts.values()])
    counted = [any(kind[i] is not None for i in counts) for kind in kinds]
    wanted = {0, 1} | {p + n for p in points for n in range(1 - sum(counted), 2)}
    many = sorted(n for n in wanted if n >= 0)
    return [many if is_counted else [0, 1] for is_counted in counted]


def leaves_of(condition: Condition) -> Iterator[Leaf]:
    """The comparisons and quantifiers that a condition joins; nothing that stands inside a quantifier."""
    if isinstance(condition, Not):
        yield from leaves_of(condition.of)
    elif isinstance(condition, (All, AnyOf)):
        for part in condition.of:
            yield from leaves_of(part)
    else:
        yield condition


def resolved(condition: Condition, values: dict[str, Any]) -> Condition:
    """The condition with each parameter's value in its place."""

    def operand(o: Operand) -> Operand:
        return Value(values[o.name]) if isinstance(o, Parameter) else o

    if isinstance(condition, Not):
        return Not(resolved(condition.of, values))
    if isinstance(condition, (All, AnyOf)):
        return type(condition)(tuple(resolved(c, values) for c in condition.of))
    if isinstance(condition, Compare):
        return msgspec.structs.replace(condition, operand=operand(condition.operand))
    where = None if condition.where is None else resolved(condition.where, values)
    if isinstance(condition, Count):
        return msgspec.structs.replace(condition, operand=operand(condition.operand), where=where)
    return msgspec.structs.replace(condition, where=where, check=resolved(condition.check, values))


def _repeated(bits: int, width: int, size: int) -> int:
    """`bits`, which take `width`, side by side until `size` is full (a multiple of `width`)."""
    found, times = bits, 1
    left = size // width
    while times * 2 <= left:
        found |= found << (width * times)
        times *= 2
    return (
        found | _repeated(bits, width, (left - times) * width) << (width * times) if left > times else found
    )


def _built(values: dict[str, Any]) -> Any:
    """Builtins from values by dotted field; _IMPOSSIBLE where a part of nothing has a value."""
    if "" in values:
        return values[""]
    top: dict[str, Any] = {}
    for field, value in sorted(values.items()):
        *way, last = field.split(".")
        at: Any = top
        for name in way:
            at = at.setdefault(name, {}) if at is not None else None
        if at is not None:
            at[last] = dict(value) if isinstance(value, dict) else value
        elif value is not None:
            return _IMPOSSIBLE
    return top
