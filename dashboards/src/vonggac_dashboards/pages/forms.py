"""What a form sends, bounded before it is read: few fields, short values, one encoding. Files are never taken."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from vonggac_collector.errors import Refused

MAX_BYTES: Final = 16 * 1024
MAX_FIELDS: Final = 20
MAX_VALUE: Final = 2_000
FORM: Final = "application/x-www-form-urlencoded"

Form = dict[str, str]


async def form_of(request: Request) -> Form:
    """The fields of a form; of a field sent twice, the first. Raises Refused (media-type, too-large, malformed)."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise Refused("media-type", f"a form is sent as {FORM}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            raise Refused("too-large", f"a form holds at most {MAX_BYTES} bytes")
    return fields_of(bytes(body))


def fields_of(body: bytes) -> Form:
    """The fields of an encoded form. Raises Refused (malformed, too-large)."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as e:  # UnicodeDecodeError is one
        raise Refused("malformed", "the form cannot be read") from e
    fields: Form = {}
    for name, value in pairs:
        if len(value) > MAX_VALUE or len(name) > MAX_VALUE:
            raise Refused("too-large", f"a field holds at most {MAX_VALUE} characters")
        fields.setdefault(name, value)
    return fields


def whole_number(text: str, low: int, high: int) -> int | None:
    """The number `text` writes in ASCII digits, if it lies between `low` and `high`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    value = int(text)
    return value if low <= value <= high else None
