"""What people type into the search box, taken apart and written back. Pure; what it means for a kind is `meaning`.

    word "several words" field:value -field:value field:a,b field:start* field:>1 field:1..9

Terms stand beside each other and all have to hold; a comma means or, a minus before a term means not. In quotation
marks every sign stands for itself; \\" and \\\\ are a mark and a backslash in them. Where a number may have tenths, a
comma with one digit after it has them, as in Vietnam. docs/search.md says it to readers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, Literal, get_args

import msgspec

from vonggac_collector.errors import Invalid

from .fields import FIELDS
from .query import KINDS, Kind

MAX_TEXT: Final = 1_000
MAX_PARTS: Final = 30
"""Characters and terms; the project's own figures, beyond what anybody types."""
Relation = Literal["", "<", "<=", ">", ">=", "..", "*"]
"""Equal to one of the values; less or more than the value; from the first to the second; begins with the value."""
Code = Literal[
    "too-long",
    "too-many",
    "open-quote",
    "no-field",
    "too-many-others",
    "too-wide",
    "no-value",
    "not-a-value",
    "not-a-number",
    "not-tenths",
    "not-a-flag",
    "not-a-time",
    "needs-comparison",
    "not-compared",
    "no-beginning",
    "one-value",
]
MESSAGES: Final[dict[Code, str]] = {
    "too-long": "The text is longer than %(most)s characters.",
    "too-many": "There are more than %(most)s terms.",
    "open-quote": "This quotation mark is never closed.",
    "no-field": "There is no field “%(given)s”. To look for the text itself, put it in quotation marks.",
    "too-many-others": "At most %(most)s other things that a machine has can be named.",
    "too-wide": "More than %(most)s machines have that: narrow it down, or look among them.",
    "no-value": "“%(field)s” lacks its value.",
    "not-a-value": "“%(field)s” is never “%(given)s”.",
    "not-a-number": "“%(field)s” wants a whole number, not “%(given)s”.",
    "not-tenths": "“%(field)s” wants a number with at most one decimal after a point, not “%(given)s”.",
    "not-a-flag": "“%(field)s” is true or false, not “%(given)s”.",
    "not-a-time": "“%(field)s” wants a day or a length of time, not “%(given)s”.",
    "needs-comparison": "A length of time needs < or > before it.",
    "not-compared": "“%(field)s” is not compared with <, > or “..”; put a value with these signs in quotation marks.",
    "no-beginning": "“%(field)s” cannot end in *.",
    "one-value": "After a comparison or before * stands one value.",
}
"""What is wrong, in English; pages have it in the reader's language."""
_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z-]*):")
_RELATION: Final = re.compile(r"<=|>=|<|>")
_BETWEEN: Final = re.compile(r"(.*[^.])\.\.([^.].*)")
_WHOLE: Final = re.compile(r"(?:^|\.\.)[0-9]+$", re.ASCII)
_TENTH: Final = re.compile(r",([0-9])(?![0-9])", re.ASCII)
"""A number that has no tenths yet, and what gives it some."""
_QUOTES: Final = '"“”„'
"""Telephones write the curved ones by themselves."""
_TO_QUOTE: Final = re.compile(rf"[\s,\\{_QUOTES}]|^[<>]|\*$|\.\.|^$")


class Part(msgspec.Struct, frozen=True):
    """One term as typed: free text if it has no field. `exact`: the text was in quotation marks."""

    values: tuple[str, ...]
    field: str = ""
    relation: Relation = ""
    negated: bool = False
    exact: bool = False


class Placed(msgspec.Struct, frozen=True):
    """A term and where it stands in the text: characters from 0, the end left out."""

    part: Part
    start: int
    end: int


class Unfit(Invalid):
    """A search that cannot be read: `code` of MESSAGES, where (as in Placed), and what would fit, the nearest first."""

    def __init__(
        self,
        why: Code,
        start: int,
        end: int,
        *,
        field: str = "",
        given: str = "",
        most: int = 0,
        fits: Sequence[str] = (),
    ) -> None:
        self.why, self.start, self.end, self.fits = why, start, end, tuple(fits)
        self.values = {"field": field, "given": given, "most": most}
        hint = f" Fitting: {', '.join(self.fits)}." if fits else ""
        super().__init__(f"character {start + 1}: {MESSAGES[why] % self.values}{hint}")


def read(text: str) -> list[Placed]:
    """The terms of a text. Raises Unfit."""
    if len(text) > MAX_TEXT:
        raise Unfit("too-long", MAX_TEXT, len(text), most=MAX_TEXT)
    reader, found = _Reader(text), list[Placed]()
    while reader.skip_blanks():
        if len(found) == MAX_PARTS:
            raise Unfit("too-many", reader.at, len(text), most=MAX_PARTS)
        start = reader.at
        part = reader.part()
        found.append(Placed(part, start, reader.at))
    return found


def write(parts: Sequence[Part]) -> str:
    """The text that is read as these terms."""
    return " ".join(map(_written, parts))


def toggled(parts: Sequence[Part], field: str, value: str) -> list[Part]:
    """Without that term if it is there, else with it in the place of others that want the field to be something."""
    wanted = Part((value,), field)
    if wanted in parts:
        return [p for p in parts if p != wanted]
    return [p for p in parts if p.negated or p.relation or p.field != field] + [wanted]


def kinds_of(field: str) -> list[Kind]:
    """The kinds that have the field."""
    return [k for k in KINDS if field in FIELDS[k]]


def has_tenths(field: str) -> bool:
    """Whether people write its numbers with a decimal."""
    return any(FIELDS[kind][field].tenths for kind in kinds_of(field))


def nearest(given: str, among: Sequence[str]) -> list[str]:
    """All of them, those most like the given one first."""
    close = get_close_matches(given[:60], among, n=3, cutoff=0.5)
    return [*close, *(a for a in among if a not in close)]


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def skip_blanks(self) -> bool:
        """Whether anything is left."""
        while self.at < len(self._text) and self._text[self.at].isspace():
            self.at += 1
        return self.at < len(self._text)

    def part(self) -> Part:
        """The term that begins here."""
        following = self._text[self.at + 1 : self.at + 2]
        negated = self._text[self.at] == "-" and bool(following) and not following.isspace()
        self.at += negated
        if self._quoted():
            return Part((self._quote(),), negated=negated, exact=True)
        named = _FIELD.match(self._text, self.at)
        if named is None:
            return Part((self._bare(_QUOTES),), negated=negated)
        return self._of_field(named, negated)

    def _of_field(self, named: re.Match[str], negated: bool) -> Part:
        start, field = named.start(), named[1].lower()
        if not kinds_of(field):
            fields = list(dict.fromkeys(name for kind in KINDS for name in FIELDS[kind]))
            close = get_close_matches(field[:60], fields, n=3, cutoff=0.5)
            raise Unfit("no-field", start, named.end(), given=field, fits=close)
        self.at = named.end()
        related = _RELATION.match(self._text, self.at)
        if related is not None:
            self.at = related.end()
        found = [self._value(field, start)]
        while self._text[self.at : self.at + 1] == ",":
            self.at += 1
            found.append(self._value(field, start))
        said = [r for r in (related[0] if related else "", *(r for r, _ in found)) if r]
        if said and len(found) + len(said) > 2:
            raise Unfit("one-value", start, self.at, field=field)
        values = tuple(v for _, given in found for v in given)
        return Part(values, field, _relation(said[0] if said else ""), negated)

    def _value(self, field: str, start: int) -> tuple[str, list[str]]:
        """A value, or what a bare one says of a beginning or of two ends."""
        if self._quoted():
            return "", [self._quote()]
        value = self._bare("," + _QUOTES)
        while has_tenths(field) and _WHOLE.search(value) and (tenth := _TENTH.match(self._text, self.at)):
            self.at = tenth.end()
            value += f".{tenth[1]}" + self._bare("," + _QUOTES)
        relation, values = _hidden_relation(value)
        if "" in values or _RELATION.match(value):
            known = next(FIELDS[k][field].values for k in kinds_of(field))
            raise Unfit("no-value", start, max(self.at, start + 1), field=field, fits=known)
        return relation, values

    def _quoted(self) -> bool:
        return self.at < len(self._text) and self._text[self.at] in _QUOTES

    def _bare(self, stops: str) -> str:
        start = self.at
        while self.at < len(self._text) and not self._text[self.at].isspace():
            if self._text[self.at] in stops:
                break
            self.at += 1
        return self._text[start : self.at]

    def _quote(self) -> str:
        start, taken = self.at, list[str]()
        self.at += 1
        while self.at < len(self._text) and self._text[self.at] not in _QUOTES:
            if self._text[self.at] == "\\" and self.at + 1 < len(self._text):
                self.at += 1
            taken.append(self._text[self.at])
            self.at += 1
        if self.at == len(self._text):
            raise Unfit("open-quote", start, start + 1)
        self.at += 1
        return "".join(taken)


def _hidden_relation(value: str) -> tuple[str, list[str]]:
    """What a bare value says beside itself: that it is a beginning, or two ends."""
    if value.endswith("*"):
        return "*", [value[:-1]]
    ends = _BETWEEN.fullmatch(value)
    return ("", [value]) if ends is None else ("..", [ends[1], ends[2]])


def _relation(text: str) -> Relation:
    return next(r for r in get_args(Relation) if r == text)


def _written(part: Part) -> str:
    minus = "-" if part.negated else ""
    if not part.field:
        return minus + (_in_quotes(part.values[0]) if part.exact else part.values[0])
    first, *others = [_in_quotes(v) if _TO_QUOTE.search(v) else v for v in part.values]
    if has_tenths(part.field):
        others = [_in_quotes(v) if _TENTH.match(f",{v}") else v for v in others]
    if part.relation == "..":
        return f"{minus}{part.field}:{'..'.join(part.values)}"
    if part.relation == "*":
        return f"{minus}{part.field}:{part.values[0]}*"
    return f"{minus}{part.field}:{part.relation}{','.join([first, *others])}"


def _in_quotes(text: str) -> str:
    return '"' + re.sub(rf"[\\{_QUOTES}]", lambda m: "\\" + m[0], text) + '"'
