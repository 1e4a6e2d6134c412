"""The only door for JSON from outside: bounds are checked on the bytes, before anything is decoded.

msgspec alone would recurse as deep as the input says, keep the last of two equal keys, and take integers of any size
and NUL; so the bytes are scanned first, with patterns that cannot backtrack (possessive quantifiers).
"""

from __future__ import annotations

import re
import zlib
from typing import Any, Final, TypeVar

import msgspec

from . import limits
from .errors import Malformed, TooLarge

T = TypeVar("T")

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.?+[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
"""A string, or what is left of one that nothing closes: whoever opens one is matched, so no byte is looked at twice."""
_BRACKETS_ONLY: Final = bytes(c for c in range(256) if c not in b"[]{}")
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_LONG_INTEGER: Final = re.compile(rb"(?<![\d.eE+-])-?\d{16,}(?![\d.eE])")
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def bounded_json(raw: bytes, *, maximum: int = limits.MAX_WIRE_BYTES) -> Any:
    """Decode `raw` to builtins.

    Raises TooLarge (bytes, depth, keys, items, one string) or Malformed (not UTF-8 JSON of I-JSON's kind, RFC 7493:
    duplicate keys, NaN, integers beyond 2^53, NUL, lone surrogates).
    """
    bare = scan_json(raw, maximum=maximum)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Malformed(f"not JSON: {e}") from e
    # Two equal keys leave fewer colons after a round trip; counting them so costs less than a hook for every object.
    if bare.count(b":") != _without_strings(msgspec.json.encode(value)).count(b":"):
        raise Malformed("an object holds the same key twice")
    return value


def scan_json(raw: bytes, *, maximum: int) -> bytes:
    """Check the bounds on the bytes; returns `raw` without its strings. Raises TooLarge or Malformed."""
    if len(raw) > maximum:
        raise TooLarge(f"{len(raw)} bytes; at most {maximum} are taken")
    if len(raw) > limits.MAX_JSON_STRING_BYTES and _longest_string(raw) > limits.MAX_JSON_STRING_BYTES:
        raise TooLarge(f"a string is longer than {limits.MAX_JSON_STRING_BYTES} bytes")
    bare = _without_strings(raw)
    if bare.count(b":") > limits.MAX_JSON_KEYS:
        raise TooLarge(f"more than {limits.MAX_JSON_KEYS} keys")
    if bare.count(b",") > limits.MAX_JSON_ITEMS:
        raise TooLarge(f"more than {limits.MAX_JSON_ITEMS} items")
    _check_depth(bare)
    for number in _LONG_INTEGER.finditer(bare):
        # More than 20 digits are never turned into a number: that alone would take time.
        if len(number.group()) > 20 or abs(int(number.group())) > limits.MAX_SAFE_INTEGER:
            raise Malformed("a number is beyond 2^53")
    if b"\\u0000" in raw and _NUL.search(raw):
        raise Malformed("a string holds a NUL")
    return bare


def _without_strings(raw: bytes) -> bytes:
    """What stands outside of strings."""
    if b"\\" in raw:
        return _STRING.sub(b"", raw)
    # Without a backslash every quotation mark opens or closes a string: four times as quick as the pattern.
    return b"".join(raw.split(b'"')[::2])


def _longest_string(raw: bytes) -> int:
    """Bytes between quotation marks, escapes as they are written."""
    if b"\\" in raw:
        return max((match.end() - match.start() - 2 for match in _STRING.finditer(raw)), default=0)
    return max(map(len, raw.split(b'"')[1::2]), default=0)


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
