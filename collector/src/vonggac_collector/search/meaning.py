"""What the terms of a text mean when one kind of thing is asked for. Pure.

A field of another kind says what else the host has: see `divided`.

A length of time counts back from now for what was (`since:>30d`: for longer than 30 days) and ahead for what will be
(`expires:<30d`: within 30 days, or over already). Days are those of Vietnam, as pages show them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

from .fields import COMMON, FIELDS, HOMES, Field
from .query import Having, Is, Kind, Query, Range, Sort, Starts, Word
from .syntax import Code, Part, Placed, Unfit, nearest

AHEAD: Final = frozenset({"expires"})
"""Fields that tell of what will be."""
EXAMPLES: Final = ("30d", "12h", "2w", "1y", "2026-11-30", "30/11/2026", "2026-11")
_OF_HOSTS: Final = frozenset(f.name for f in COMMON)
_FLAGS: Final = {"true": True, "yes": True, "có": True, "false": False, "no": False, "không": False}
_VIETNAM: Final = timezone(timedelta(hours=7))
"""Fixed since 1975, without summer time (tz database, Asia/Ho_Chi_Minh)."""
_LENGTH: Final = re.compile(r"([0-9]{1,4})([hdwy])", re.ASCII)
_HOURS: Final = {"h": 1, "d": 24, "w": 168, "y": 8_760}
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})(?:-([0-9]{1,2}))?", re.ASCII)
_DAY_VI: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_TENTHS: Final = re.compile(r"([0-9]{1,14})(?:\.([0-9]))?", re.ASCII)


MAX_OTHERS: Final = 5
"""Other things that a search may name: each is looked for by itself. The project's own figure."""


class Other(msgspec.Struct, frozen=True):
    """Something of another kind that the host has, or has none of if `negated`: one and the same thing fits all the
    terms, which are without their minus.
    """

    kind: Kind
    terms: tuple[Placed, ...]
    negated: bool = False


def query_of(terms: Iterable[Placed], kind: Kind, now: datetime, sort: Sort | None = None) -> Query:
    """Raises Unfit for a term that cannot be asked."""
    own, others = divided(terms, kind)
    made = [_Meaning(p, kind, now).term() for p in own]
    # What is said of the host itself holds for all that it has: so only those hosts have to be looked through.
    shared = [term for p, term in zip(own, made, strict=True) if p.part.field in _OF_HOSTS]
    having = [
        Having(o.kind, (*(_Meaning(p, o.kind, now).term() for p in o.terms), *shared), o.negated)
        for o in others
    ]
    return Query(kind, (*made, *having), sort)


def divided(terms: Iterable[Placed], kind: Kind) -> tuple[list[Placed], list[Other]]:
    """The terms about the kind, and what else its hosts have.

    Fields that the kind lacks go together to the kind that has most of them. In the text's order they describe one
    thing, until a field comes again: then another one begins. With a minus each stands alone: there is no such thing.
    Raises Unfit for more than MAX_OTHERS.
    """
    own, foreign = list[Placed](), list[Placed]()
    for placed in terms:
        field = placed.part.field
        (own if not field or field in FIELDS[kind] else foreign).append(placed)
    others = _things([p for p in foreign if not p.part.negated])
    others += [_no_such(p) for p in foreign if p.part.negated]
    if len(others) > MAX_OTHERS:
        first = others[MAX_OTHERS].terms[0]
        raise Unfit("too-many-others", first.start, first.end, most=MAX_OTHERS)
    return own, others


def _things(terms: list[Placed]) -> list[Other]:
    homes = _homes(terms)
    things: list[tuple[Kind, dict[str, Placed]]] = []
    for placed in terms:
        field = placed.part.field
        begun = [t for k, t in things if k == homes[field]]
        if not begun or field in begun[-1]:
            things.append((homes[field], {field: placed}))
        else:
            begun[-1][field] = placed
    return [Other(kind, tuple(thing.values())) for kind, thing in things]


def _homes(terms: list[Placed]) -> dict[str, Kind]:
    """The kind that each field is asked of: the one that has most of them, then the one that has most of the rest."""
    left, found = {p.part.field for p in terms}, dict[str, Kind]()
    while left:
        home = max(HOMES, key=lambda kind: len(left & FIELDS[kind].keys()))
        found |= dict.fromkeys(left & FIELDS[home].keys(), home)
        left -= FIELDS[home].keys()
    return found


def _no_such(placed: Placed) -> Other:
    part = msgspec.structs.replace(placed.part, negated=False)
    home = _homes([placed])[part.field]
    return Other(home, (msgspec.structs.replace(placed, part=part),), negated=True)


class _Meaning:
    def __init__(self, placed: Placed, kind: Kind, now: datetime) -> None:
        self._placed = placed
        self._kind = kind
        self._now = now

    def term(self) -> Word | Is | Starts | Range:
        part = self._placed.part
        if not part.field:
            return Word(part.values[0], whole=part.exact, negated=part.negated)
        field = FIELDS[self._kind][part.field]
        if field.type == "time":
            return self._time(field, part)
        if part.relation == "*":
            if field.type not in ("term", "name"):
                raise self._unfit("no-beginning")
            return Starts(field.name, part.values[0], part.negated)
        if not part.relation:
            return Is(field.name, tuple(self._value(field, v) for v in part.values), part.negated)
        if field.type == "number":
            return _between(part, *(self._number(field, v) for v in part.values))
        if field.type == "version":
            return _between(part, *part.values)
        raise self._unfit("not-compared")

    def _value(self, field: Field, text: str) -> str | int | bool:
        if field.type == "number":
            return self._number(field, text)
        plain = text.casefold()
        if field.type == "flag":
            if plain not in _FLAGS:
                raise self._unfit("not-a-flag", text, ("true", "false"))
            return _FLAGS[plain]
        if not field.values:
            return text
        if plain not in field.values:
            raise self._unfit("not-a-value", text, nearest(plain, field.values))
        return plain

    def _number(self, field: Field, text: str) -> int:
        if field.tenths:
            found = _TENTHS.fullmatch(text)
            if found is None:
                raise self._unfit("not-tenths", text)
            return int(found[1]) * 10 + int(found[2] or 0)
        if _NUMBER.fullmatch(text) is None:
            raise self._unfit("not-a-number", text)
        return int(text)

    def _time(self, field: Field, part: Part) -> Range:
        if part.relation == "*":
            raise self._unfit("no-beginning")
        if len(part.values) > 1 and part.relation != "..":
            raise self._unfit("one-value")
        lengths = [_LENGTH.fullmatch(v) for v in part.values]
        if all(lengths):
            return self._length(
                field, part, [timedelta(hours=int(x[1]) * _HOURS[x[2]]) for x in lengths if x]
            )
        days = [self._day(v) for v in part.values]
        (start, end), (_, last) = days[0], days[-1]
        low: datetime | None = {"<": None, "<=": None, ">": end}.get(part.relation, start)
        high: datetime | None = {">": None, ">=": None, "<": start, "..": last}.get(part.relation, end)
        return Range(field.name, low, high, below=high is not None, negated=part.negated)

    def _length(self, field: Field, part: Part, lengths: list[timedelta]) -> Range:
        if not part.relation:
            raise self._unfit("needs-comparison", fits=(f"{field.name}:>{part.values[0]}",))
        ahead = field.name in AHEAD
        try:
            moments = [self._now + x if ahead else self._now - x for x in lengths]
        except OverflowError:
            raise self._unfit("not-a-time", part.values[0], EXAMPLES) from None
        if ahead:
            return _between(part, *moments)
        # Longer ago is earlier.
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(part.relation, part.relation)
        return _between(part, *moments[::-1], relation=turned)

    def _day(self, text: str) -> tuple[datetime, datetime]:
        """Where the day or month begins, and where the next one does."""
        found, turned = _DAY.fullmatch(text), _DAY_VI.fullmatch(text)
        try:
            if turned is not None:
                start = datetime(int(turned[3]), int(turned[2]), int(turned[1]), tzinfo=_VIETNAM)
                return _utc(start), _utc(start + timedelta(days=1))
            if found is not None:
                start = datetime(int(found[1]), int(found[2]), int(found[3] or 1), tzinfo=_VIETNAM)
                days = 1 if found[3] else 32
                end = start + timedelta(days=days)
                return _utc(start), _utc(end if found[3] else end.replace(day=1))
        except (ValueError, OverflowError):
            pass
        raise self._unfit("not-a-time", text, EXAMPLES)

    def _unfit(self, why: Code, given: str = "", fits: Iterable[str] = ()) -> Unfit:
        placed = self._placed
        return Unfit(why, placed.start, placed.end, field=placed.part.field, given=given, fits=tuple(fits))


def _between(part: Part, first: object, second: object = None, *, relation: str = "") -> Range:
    """The range that the part's relation makes of one end or two."""
    how = relation or part.relation
    low, high = (first, second) if how == ".." else (first, None) if how.startswith(">") else (None, first)
    return Range(part.field, low, high, how == ">", how == "<", part.negated)  # type: ignore[arg-type]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
