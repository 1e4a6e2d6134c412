"""The only door for JSON from outside: bounds are checked on the bytes, before anything is decoded.

msgspec alone would recurse as deep as the input says, keep the last of two equal keys, and take integers of any size
and NUL; so the bytes are scanned first, with patterns that cannot backtrack.
"""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from . import limits
from .errors import Malformed, TooLarge

T = TypeVar("T")

_QUOTED_ONLY: Final = bytes(c for c in range(256) if c not in b'[]{}"')
_BRACKETS_ONLY: Final = bytes(c for c in range(256) if c not in b"[]{}")
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_LONG: Final = 16
"""Digits of the smallest number that may be beyond 2^53."""
_LONG_INTEGER: Final = re.compile(rb"(?<![\d.eE+-])-?\d{16,}(?![\d.eE])")
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_TWICE: Final = "an object holds the same key twice"


def bounded_json(
    raw: bytes, *, maximum: int = limits.MAX_WIRE_BYTES, longest: int = limits.MAX_JSON_STRING_BYTES
) -> Any:
    """Decode `raw` to builtins. `longest`: bytes of one string, as it is written.

    Raises TooLarge (bytes, depth, keys, items, one string) or Malformed (not UTF-8 JSON of I-JSON's kind, RFC 7493:
    duplicate keys, NaN, integers beyond 2^53, NUL, lone surrogates).
    """
    bare = scan_json(raw, maximum=maximum, longest=longest)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Malformed(f"not JSON: {e}") from e
    if bare.count(b":") != _keys(value):
        raise Malformed(_TWICE)
    return value


def bounded_members(raw: bytes, *, maximum: int) -> dict[str, msgspec.Raw]:
    """The members of an object as bytes, checked as by `bounded_json`, but never the whole is in memory as builtins.

    For objects of long lists, which are checked element by element. Raises TooLarge or Malformed.
    """
    bare = scan_json(raw, maximum=maximum)
    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        keys = len(members)
        for member in members.values():
            listed = bytes(memoryview(member)[:1]) == b"["
            parts = msgspec.json.decode(member, type=list[msgspec.Raw]) if listed else [member]
            keys += sum(_keys(msgspec.json.decode(part)) for part in parts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Malformed(f"not a JSON object: {e}") from e
    if bare.count(b":") != keys:
        raise Malformed(_TWICE)
    return members


def as_written(
    raw: bytes,
    kind: type[T],
    *,
    maximum: int = limits.MAX_WIRE_BYTES,
    longest: int = limits.MAX_JSON_STRING_BYTES,
) -> T | None:
    """`raw` decoded to `kind`, if encoding that again gives `raw`, byte for byte, and no bound is near; else None.

    What this project's own programs write is read so at half the cost: encoded again to the same bytes, it holds no key
    twice and none that is unknown. None says nothing against `raw`: `bounded_json` decides on it.
    """
    if not _surely_bounded(raw, maximum, longest):
        return None
    try:
        value = msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return value if msgspec.json.encode(value) == raw else None


def _surely_bounded(raw: bytes, maximum: int, longest: int) -> bool:
    """Whether `scan_json` lets `raw` through, told without taking out every string; False may be wrong, True is not."""
    if not surely_few(raw, maximum, longest) or b"\\u0000" in raw:
        return False
    # Sixteen digits are seldom a number: every fiftieth SHA-256 has them.
    if b"0" * _LONG in raw.translate(_DIGITS) and b"0" * _LONG in _bare(raw).translate(_DIGITS):
        return False
    # Two marks side by side may go, whichever strings they belong to: what is left stays inside or outside.
    quoted = _without_escapes(raw).translate(_SQUARE, _QUOTED_ONLY).replace(b'""', b"")
    try:
        _check_depth(b"".join(quoted.split(b'"')[::2]))
    except (TooLarge, Malformed):
        return False
    return True


def surely_few(raw: bytes, maximum: int, longest: int = limits.MAX_JSON_STRING_BYTES) -> bool:
    """Whether `raw` is within the bounds on bytes, one string, keys and items, told by its size or by counting marks
    in strings too; False may be wrong, True is not.
    """
    if len(raw) > min(maximum, longest):
        return False
    # An item takes two bytes at least, a key four.
    return len(raw) <= min(2 * limits.MAX_JSON_ITEMS, 4 * limits.MAX_JSON_KEYS) or (
        raw.count(b":") <= limits.MAX_JSON_KEYS and raw.count(b",") <= limits.MAX_JSON_ITEMS
    )


def scan_json(raw: bytes, *, maximum: int, longest: int = limits.MAX_JSON_STRING_BYTES) -> bytes:
    """Check the bounds on the bytes; returns `raw` without its strings. Raises TooLarge or Malformed."""
    if len(raw) > maximum:
        raise TooLarge(f"{len(raw)} bytes; at most {maximum} are taken")
    parts = _split(raw)
    if max(map(len, parts[1::2]), default=0) > longest:
        raise TooLarge(f"a string is longer than {longest} bytes")
    bare = b"".join(parts[::2])
    if bare.count(b":") > limits.MAX_JSON_KEYS:
        raise TooLarge(f"more than {limits.MAX_JSON_KEYS} keys")
    if bare.count(b",") > limits.MAX_JSON_ITEMS:
        raise TooLarge(f"more than {limits.MAX_JSON_ITEMS} items")
    _check_depth(bare)
    digits = bare.translate(_DIGITS)
    for number in _LONG_INTEGER.finditer(bare) if b"0" * _LONG in digits else ():
        # More than 20 digits are never turned into a number: that alone would take time.
        if len(number.group()) > 20 or abs(int(number.group())) > limits.MAX_SAFE_INTEGER:
            raise Malformed("a number is beyond 2^53")
    if b"\\u0000" in raw and _NUL.search(raw):
        raise Malformed("a string holds a NUL")
    return bare


def _keys(value: Any) -> int:
    """Keys of all objects in `value`.

    Two equal keys leave fewer colons after a round trip; counting them so costs less than a hook for every object.
    """
    return _bare(msgspec.json.encode(value)).count(b":")


def _bare(raw: bytes) -> bytes:
    """What stands outside of strings."""
    return b"".join(_split(raw)[::2])


def _split(raw: bytes) -> list[bytes]:
    """In turns what stands outside and what inside of strings; an escaped backslash or quotation mark is two bytes."""
    return _without_escapes(raw).split(b'"')


def _without_escapes(raw: bytes) -> bytes:
    r"""Pairs are replaced from the left, so the marks that are left open and close strings, and `\\"` closes one.

    A backslash outside of strings is no JSON, which the decoder says.
    """
    if b'\\"' not in raw:
        return raw
    return raw.replace(rb"\\", b"__").replace(rb"\"", b"__")


def _check_depth(bare: bytes) -> None:
    """Take away the innermost pairs as often as the depth allows; what is left is too deep, or not balanced.

    Which of the two kinds a bracket is does not matter for that, and the decoder that follows checks it.
    """
    brackets = bare.translate(_SQUARE, _BRACKETS_ONLY)
    for _ in range(limits.MAX_JSON_DEPTH):
        if not brackets:
            return
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            raise Malformed("brackets do not match")
        brackets = shorter
    if brackets:
        raise TooLarge(f"nested deeper than {limits.MAX_JSON_DEPTH}")


def decode_as(raw: bytes, kind: type[T], *, maximum: int = limits.MAX_WIRE_BYTES) -> T:
    """`bounded_json`, then converted to `kind`. Raises TooLarge or Malformed."""
    value = bounded_json(raw, maximum=maximum)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as e:
        raise Malformed(str(e)) from e


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises Malformed for one without zone or beyond the calendar."""
    if moment.tzinfo is None:
        raise Malformed("a time without zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as e:
        raise Malformed("a time beyond the calendar") from e


def unpack_gzip(packed: bytes) -> bytes:
    """Unpack one gzip member (RFC 1952), nothing after it, never beyond the size and ratio limits.

    Raises TooLarge or Malformed.
    """
    ceiling = min(
        limits.MAX_UNPACKED_BYTES, max(limits.RATIO_FREE_BYTES, len(packed) * limits.MAX_UNPACK_RATIO)
    )
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        out = stream.decompress(packed, ceiling + 1)
    except zlib.error as e:
        raise Malformed(f"not gzip: {e}") from e
    if len(out) > ceiling:
        raise TooLarge(f"unpacks to more than {ceiling} bytes")
    if not stream.eof:
        raise Malformed("gzip data is cut short")
    if stream.unused_data:
        raise Malformed("bytes follow the gzip data")
    return out
