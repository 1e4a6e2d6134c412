"""The values that a case gives a fact, checked against its declared fields, each slip with its own place. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

import msgspec

from .errors import Slips
from .source import Path_, Source
from .types import FieldType, Kind, fields_of, nearest

_EXAMPLES: Final[dict[Kind, str]] = {
    "bool": "write true or false without quotes",
    "int": "write a whole number without quotes, in the field's own unit",
    "float": "write a number without quotes",
    "text": "put it in quotes (in YAML a bare yes, no, on, off or number is no text)",
    "date": "write a day such as 2026-01-31",
    "datetime": "write a moment such as 2026-01-31T00:00:00Z",
    "list": "write a list: [first, second]",
    "struct": "write its fields: {name: value}",
}


def check_given(source: Source, path: Path_, value: Any, found: FieldType) -> None:
    """Raises RuleError, for all at once, unless `value` is one that the field can have.

    Fields of a struct may be left out.
    """
    if value is None and found.optional:
        return
    if found.kind == "struct" and found.struct is not None:
        _check_struct(source, path, value, found.struct)
    elif found.kind == "list" and found.element is not None and isinstance(value, list):
        slips = Slips()
        for i, element in enumerate(value):
            with slips:
                check_given(source, (*path, i), element, found.element)
        slips.settle()
    elif not _fits(value, found.kind):
        raise source.refuse(path, f"{_name(path)!r} takes {found}, not {value!r}", _EXAMPLES[found.kind])
    elif found.allowed and value not in found.allowed:
        raise source.refuse(path, f"{_name(path)!r} can never be {value!r}", nearest(value, found.allowed))


def _check_struct(source: Source, path: Path_, value: Any, struct: type[msgspec.Struct]) -> None:
    fields = fields_of(struct)
    if struct.__struct_config__.array_like and isinstance(value, list):
        for i, (part, kind) in enumerate(zip(value, fields.values(), strict=False)):
            check_given(source, (*path, i), part, kind)
        return
    if not isinstance(value, dict):
        words = f"here stand the fields of {struct.__name__}, not {value!r}"
        raise source.refuse(path, words, f"write {{{next(iter(fields))}: …}}")
    slips = Slips()
    for name, part in value.items():
        with slips:
            if name not in fields:
                words = f"{struct.__name__} has no field {name!r}"
                raise source.refuse((*path, name), words, nearest(name, fields))
            # A case may leave out what its rule does not read, and say so with null.
            if part is not None:
                check_given(source, (*path, name), part, fields[name])
    slips.settle()


def _name(path: Path_) -> str:
    """The last word of a path; an element goes by its list."""
    return next((str(p) for p in reversed(path) if isinstance(p, str)), "")


def _fits(value: Any, kind: Kind) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("int", "float"):
        return isinstance(value, (int,) if kind == "int" else (int, float)) and not isinstance(value, bool)
    if kind == "text":
        return isinstance(value, str)
    if kind in ("date", "datetime"):
        return isinstance(value, date) or (isinstance(value, str) and _is_moment(value, kind))
    return isinstance(value, list) if kind == "list" else isinstance(value, dict)


def _is_moment(text: str, kind: Kind) -> bool:
    try:
        date.fromisoformat(text) if kind == "date" else datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
