"""Text that comes from the machine: undecodable bytes made visible and reversible, lengths bounded.

Nothing is judged or dressed up here: terminal escapes, right-to-left marks and markup pass through as they are. Showing
them inert is the work of whoever prints them.
"""

from __future__ import annotations

import os
import re

from vonggac_contract import limits

_AMBIGUOUS = re.compile(r"\\(?=x(?:00|5c|[89a-f][0-9a-f]))")
_ESCAPED = re.compile(r"\\x(00|5c|[89a-f][0-9a-f])")


def as_text(raw: bytes | str) -> str:
    r"""`raw` as text; each byte that is not UTF-8, and NUL, becomes `\xNN` (lower case).

    A `str` may hold surrogates as `os.listdir` makes them. A backslash that would read as such an escape becomes
    `\x5c`, so `as_bytes` gives the original back; other backslashes (systemd's `\x2d`) stay as they are.
    """
    data = os.fsencode(raw) if isinstance(raw, str) else raw
    if b"\\x" in data:
        text = _AMBIGUOUS.sub(r"\\x5c", data.decode("utf-8", "surrogateescape"))
        data = text.encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def as_bytes(text: str) -> bytes:
    """The bytes that `as_text` was given."""
    parts = _ESCAPED.split(text)
    return b"".join(
        bytes([int(part, 16)]) if place % 2 else part.encode("utf-8") for place, part in enumerate(parts)
    )


def bounded(text: str, limit: int = limits.MAX_FACT_TEXT) -> str:
    """The first `limit` characters of `text`; a cut shows as an ellipsis in the last place."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def without_userinfo(text: str) -> str:
    """An address without `user:password@` before its host, RFC 3986 section 3.2.1; any other text as it is.

    With or without a scheme. A password that holds a `/`, which the standard forbids, is recognised by its colon.
    """
    scheme, slashes, rest = text.partition("://")
    if not slashes:
        scheme, rest = "", text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        place = authority.rpartition("@")[2]
        return scheme + slashes + place + rest[len(authority) :]
    after = authority.partition(":")[2]
    if "@" in rest and after and not authority.startswith("[") and not after.isdigit():
        return scheme + slashes + rest.rpartition("@")[2]
    return text
