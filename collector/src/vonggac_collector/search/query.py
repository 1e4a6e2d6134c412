"""A search as values: made by `syntax` from what was typed, answered alike by every `index`. Pure.

Words are compared folded (`index.fold`): without diacritics and capitals, đ as d. A document fits a query if it fits
every term of it. A negated term fits exactly the documents that the same term without the negation does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

Kind = Literal["findings", "hosts", "packages", "ports", "certificates", "accounts"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Word(msgspec.Struct, frozen=True, tag="word"):
    """Free text. One word fits every word that begins with it, or only itself if `whole`; several (a phrase, or what
    punctuation takes apart, such as so-y-te) fit where they stand in that order, each whole. Text without any letter
    or digit fits everything.
    """

    text: str
    whole: bool = False
    negated: bool = False


class Is(msgspec.Struct, frozen=True, tag="is"):
    """The field has one of the values. A `name` has a value that holds its words in that order, each whole; a `unit`
    is that one or lies under it; everything else is equal.
    """

    field: str
    values: tuple[str | int | bool, ...]
    negated: bool = False


class Starts(msgspec.Struct, frozen=True, tag="starts"):
    """The field, a `term` or a `name`, begins with the text; of a `name` a word begins with the text's last, and its
    words before that stand together somewhere in the field.
    """

    field: str
    text: str
    negated: bool = False


class Range(msgspec.Struct, frozen=True, tag="range"):
    """The `number`, `time` or `version` lies between both ends; an end that is None is open, `above` and `below`
    leave it out.
    """

    field: str
    low: int | datetime | str | None = None
    high: int | datetime | str | None = None
    above: bool = False
    below: bool = False
    negated: bool = False


class Having(msgspec.Struct, frozen=True, tag="having"):
    """The host that the document is about has a document of that kind which fits all of the terms."""

    kind: Kind
    terms: tuple[Word | Is | Starts | Range, ...]
    negated: bool = False


Term = Word | Is | Starts | Range | Having


class Sort(msgspec.Struct, frozen=True):
    """By a field that can be sorted by; documents without it come first when it rises, last when it falls."""

    field: str
    descending: bool = False


class Query(msgspec.Struct, frozen=True):
    """What is looked for. Without `sort`: the order of that kind (`fields.ORDER`)."""

    kind: Kind
    terms: tuple[Term, ...] = ()
    sort: Sort | None = None


class Scope(msgspec.Struct, frozen=True):
    """What the asker may see: the subtree under `unit`. Every index adds it by itself to every search."""

    unit: str
