"""Values that stand for all the others: one of each region that a rule's comparisons cut a field's values into. Pure.

What a comparison asks is only whether a value is below, at or above a number, is a named word, came before a moment;
so a handful of values shows every answer there is. Patterns are not taken apart: each may hold or not, whatever the
others say, which can only make the checker say less (`free_texts`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import re2

from vonggac_contract.rule import Compare, Value

from .evaluate import boundary
from .types import FieldType

MAX_FREE: Final = 6
"""Patterns and parts of one text that may each hold or not: 2 to this power values."""
MARK: Final = "\N{LEFT WHITE SQUARE BRACKET}"
END: Final = "\N{RIGHT WHITE SQUARE BRACKET}"


class Undecided(Exception):
    """There are too many values, or they can't be told apart exactly: then nothing is said."""


def regions(found: FieldType, asked: Sequence[Compare], now: datetime) -> tuple[list[Any], list[Compare]]:
    """Values of a field that answer `asked` in every way there is, and the comparisons to ask them.

    The comparisons are those given, but patterns that stand for themselves are put in other words. Operands are
    literals. Raises Undecided.
    """
    compared = [c for c in asked if c.operator not in ("exists", "absent")]
    values, said = _BY_KIND[found.kind](found, compared, now)
    values += [v for v in found.unseen if v not in values]
    if found.optional:
        values.append(None)
    in_other_words = dict(zip(map(repr, compared), said, strict=True))
    return values, [in_other_words.get(repr(c), c) for c in asked]


Answer = tuple[list[Any], list[Compare]]


def _truths(found: FieldType, asked: list[Compare], now: datetime) -> Answer:
    return [True, False], asked


def _whole_numbers(found: FieldType, asked: list[Compare], now: datetime) -> Answer:
    points = operands(asked) or [0]
    near = {v for p in points for v in (math.floor(p) - 1, math.floor(p), math.ceil(p), math.ceil(p) + 1)}
    return sorted(near), asked


def _numbers(found: FieldType, asked: list[Compare], now: datetime) -> Answer:
    points = sorted(set(operands(asked))) or [0]
    between = [(a + b) / 2 for a, b in itertools.pairwise(points)]
    return sorted([points[0] - 1, *points, *between, points[-1] + 1]), asked


def _texts(found: FieldType, asked: list[Compare], now: datetime) -> Answer:
    if found.allowed:
        return list(found.allowed), asked
    named = list(dict.fromkeys(operands([c for c in asked if c.operator in ("equals", "one_of")])))
    named += [w for w in found.unseen if w not in named]
    if any(c.operator == "matches" for c in asked):
        return free_texts(named, asked)
    parts = list(dict.fromkeys(operands([c for c in asked if c.operator == "contains"])))
    if len(parts) > MAX_FREE:
        raise Undecided(f"{len(parts)} parts of one text")
    joined = [
        MARK + END.join(chosen) + MARK
        for n in range(len(parts) + 1)
        for chosen in itertools.combinations(parts, n)
    ]
    return named + joined, asked


def free_texts(named: list[str], asked: list[Compare]) -> Answer:
    """The named words, and a text for each way in which the patterns and parts may hold of yet another one."""
    loose = list({repr(c): c for c in asked if c.operator in ("matches", "contains")}.values())
    if len(loose) > MAX_FREE:
        raise Undecided(f"{len(loose)} patterns of one text")
    others = [MARK + "".join(bits) + END for bits in itertools.product("01", repeat=len(loose))]
    said = {}
    for i, c in enumerate(loose):
        wanted = c.operand.value  # type: ignore[union-attr]
        held = [w for w in named if (re2.fullmatch(wanted, w) if c.operator == "matches" else wanted in w)]
        pattern = "|".join([*(re2.escape(w) for w in held), f"{MARK}[01]{{{i}}}1[01]*{END}"])
        said[repr(c)] = msgspec.structs.replace(c, operator="matches", operand=Value(pattern))
    return named + others, [said.get(repr(c), c) for c in asked]


def _days(found: FieldType, asked: list[Compare], now: datetime) -> Answer:
    points = {boundary(text, now).date() for text in _one_kind(asked)} or {now.date()}
    return sorted({p + timedelta(days=n) for p in points for n in (-1, 0, 1)}), asked


def _moments(found: FieldType, asked: list[Compare], now: datetime) -> Answer:
    points = {boundary(text, now) for text in _one_kind(asked)} or {now}
    return sorted({p + timedelta(seconds=n) for p in points for n in (-1, 0, 1)}), asked


def _one_kind(asked: list[Compare]) -> list[str]:
    """The operands, if they are all spans or all days: which of the two kinds is earlier changes with the clock."""
    texts = [str(t) for t in operands(asked)]
    if len({t[:1].isdigit() for t in texts}) > 1:
        raise Undecided("spans and days of one moment")
    return texts


def _structs(found: FieldType, asked: list[Compare], now: datetime) -> Answer:
    return [{}], asked


_BY_KIND: Final[dict[str, Callable[[FieldType, list[Compare], datetime], Answer]]] = {
    "bool": _truths,
    "int": _whole_numbers,
    "float": _numbers,
    "text": _texts,
    "date": _days,
    "datetime": _moments,
    "struct": _structs,
}


def operands(asked: Sequence[Compare]) -> list[Any]:
    """Every value that the comparisons name, lists taken apart."""
    found = []
    for c in asked:
        value = c.operand.value  # type: ignore[union-attr]
        found += value if isinstance(value, list) else [value]
    return found
