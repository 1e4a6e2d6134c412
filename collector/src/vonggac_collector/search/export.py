"""Rows found as a file: CSV for spreadsheets, JSON for programs. Pure; which rows is `reads.search`.

Columns are the fields of the kind by the names that people type, so that a value can be searched for again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from .fields import FIELDS
from .query import Kind
from .results import FoundRow

Format = Literal["csv", "json"]
MEDIA: Final[dict[Format, str]] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
MAX_ROWS: Final = 1_048_575
"""A sheet of Excel has 1,048,576 rows, one of them for the head (Microsoft, Excel specifications and limits)."""
_LIVE: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for a formula (OWASP, CSV Injection), with the wide forms that it reads as the same."""
_BOM: Final = "\ufeff"
"""Without it Excel does not read UTF-8."""
_TITLES: Final = ("title_vi", "title_en")


def columns(kind: Kind) -> list[str]:
    """The head of the file."""
    return [*FIELDS[kind], "unit_name", *(_TITLES if kind == "findings" else ())]


def values(row: FoundRow, kind: Kind) -> dict[str, Any]:
    """A row by column; without what it does not have."""
    found = {name: row.fields[name] for name in FIELDS[kind] if name in row.fields}
    found["unit_name"] = row.unit.name_vi
    return found | ({"title_vi": row.title_vi, "title_en": row.title_en} if kind == "findings" else {})


def csv_pieces(rows: Iterator[FoundRow], kind: Kind) -> Iterator[bytes]:
    """RFC 4180 in UTF-8, every value in quotation marks, and none that a spreadsheet would compute."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    head = columns(kind)
    buffer.write(_BOM)
    writer.writerow(head)
    for row in rows:
        found = values(row, kind)
        writer.writerow([_cell(found.get(name, "")) for name in head])
        yield _taken(buffer)
    yield _taken(buffer)


def json_pieces(
    rows: Iterator[FoundRow], kind: Kind, text: str, total: int, as_of: datetime
) -> Iterator[bytes]:
    """One object: what was asked, how many there are, and the rows."""
    head = {"kind": kind, "text": text, "as_of": as_of, "total": total}
    yield msgspec.json.encode(head)[:-1] + b',"rows":['
    comma = b""
    for row in rows:
        yield comma + msgspec.json.encode(values(row, kind))
        comma = b",\n"
    yield b"]}"


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "'" + text if isinstance(value, str | list) and text.startswith(_LIVE) else text


def _taken(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode("utf-8", "backslashreplace")
    buffer.seek(0)
    buffer.truncate()
    return piece
