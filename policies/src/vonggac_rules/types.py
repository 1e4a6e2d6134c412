"""The types of declared facts, as rules see them, worked out from the Structs, so nothing is to be kept in step."""

from __future__ import annotations

import types
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

Kind = Literal["bool", "int", "float", "text", "date", "datetime", "list", "struct"]
_KINDS: dict[Any, Kind] = {
    bool: "bool", int: "int", float: "float", str: "text", date: "date", datetime: "datetime",
}  # fmt: skip


class FieldType(msgspec.Struct, frozen=True):
    """`element` for lists, `struct` for structs, `allowed` for texts of a fixed set."""

    kind: Kind
    optional: bool = False
    element: FieldType | None = None
    struct: type[msgspec.Struct] | None = None
    allowed: tuple[str, ...] = ()
    unit: str = ""
    secret: bool = False
    volatile: bool = False
    below_zero: bool = False
    """Of a number: it may be negative."""
    unseen: tuple[str, ...] = ()
    """Values that mean nobody could look."""
    description: str = ""
    source: str = ""

    def __str__(self) -> str:
        if self.kind == "list":
            return f"list of {self.element}"
        if self.kind == "struct" and self.struct is not None:
            return self.struct.__name__
        return f"{self.kind} ({self.unit})" if self.unit else self.kind


_CACHE: dict[type[msgspec.Struct], dict[str, FieldType]] = {}


def fields_of(struct: type[msgspec.Struct]) -> dict[str, FieldType]:
    """Every field of a Struct with its type, in declared order."""
    if struct not in _CACHE:
        hints = get_type_hints(struct, include_extras=True)
        _CACHE[struct] = {name: _read(hints[name]) for name in struct.__struct_fields__}
    return _CACHE[struct]


@cache
def field_type(struct: type[msgspec.Struct], path: str) -> FieldType:
    """The type at a dotted path. Raises LookupError(message, hint)."""
    found = FieldType("struct", struct=struct)
    for name in path.split("."):
        if found.kind != "struct" or found.struct is None:
            raise LookupError(f"{name!r} asks for a field of {found}", "drop what follows the last dot")
        fields = fields_of(found.struct)
        if name not in fields:
            raise LookupError(f"no field {name!r}", nearest(name, fields))
        optional = found.optional
        found = fields[name]
        if optional:
            found = msgspec.structs.replace(found, optional=True)
    return found


def nearest(word: str, words: Any) -> str:
    """A phrase with the nearest of `words`, or all of them if there are few."""
    names = sorted(str(w) for w in words)
    if not names:
        return "there is none yet"
    meant = close(word, names)
    if meant:
        return "did you mean " + " or ".join(meant) + "?"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"there is: {shown}"


def close(word: str, words: Iterable[str]) -> list[str]:
    """Up to three of `words` that look like `word`; what is longer than any word of the language looks like none."""
    from difflib import get_close_matches  # for who writes rules

    return get_close_matches(word[:100], list(words), n=3, cutoff=0.5)


def _read(hint: Any) -> FieldType:
    if get_origin(hint) is Annotated:
        base, *metas = get_args(hint)
        found = _read(base)
        for meta in metas:
            if isinstance(meta, msgspec.Meta):
                extra = meta.extra or {}
                found = msgspec.structs.replace(
                    found,
                    unit=extra.get("unit", ""),
                    secret=bool(extra.get("secret")),
                    volatile=bool(extra.get("volatile")),
                    below_zero=bool(extra.get("below_zero")),
                    unseen=tuple(extra.get("unseen", ())),
                    description=meta.description or "",
                    source=extra.get("source", ""),
                )
        return found
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = [a for a in get_args(hint) if a is not type(None)]
        if len(inner) != 1:
            raise TypeError(f"{hint} is no type for a fact's field")
        return msgspec.structs.replace(_read(inner[0]), optional=True)
    if origin is Literal:
        return FieldType("text", allowed=tuple(get_args(hint)))
    if origin is list:
        return FieldType("list", element=_read(get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return FieldType("struct", struct=hint)
    if hint in _KINDS:
        return FieldType(_KINDS[hint])
    raise TypeError(f"{hint} is no type for a fact's field")
