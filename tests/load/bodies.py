"""Payloads of reports from parts that were packed once: what machines have in common costs no packing again.

A payload is one gzip member (RFC 1952) of one DEFLATE stream (RFC 1951): long texts as packed blocks that refer to
nothing before them, what differs between machines as stored blocks. It unpacks to the very bytes that the agent packs.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

_MARK: Final = re.compile(rb'"@@([a-z_]+)@@"')
_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
"""RFC 1952 section 2.3: deflate, no flags, no time, slowest method, unknown system; as `envelope.pack` writes it."""
_LAST: Final = b"\x01\x00\x00\xff\xff"
"""An empty stored block that is the last one (RFC 1951 section 3.2.4)."""
_MOST_STORED: Final = 0xFFFF
_WORTH_PACKING: Final = 400
"""Bytes; shorter texts are stored with their neighbours."""


def mark(name: str) -> str:
    """What stands in a value for one that is told later; it is the whole of a JSON string."""
    return f"@@{name}@@"


class Packed(NamedTuple):
    """A text and its packed block, which ends on a byte."""

    raw: bytes
    deflated: bytes


class Body:
    """A JSON text with marks, packed as far as it is the same every time."""

    def __init__(self, value: Any) -> None:
        self._parts: list[Packed | list[bytes | str]] = [[]]
        pieces = _MARK.split(msgspec.json.encode(value))
        for place, piece in enumerate(pieces):
            if place % 2:
                self._loose().append(piece.decode())
            elif len(piece) < _WORTH_PACKING:
                self._loose().append(piece)
            else:
                self._parts.append(Packed(piece, _deflated(piece)))

    def _loose(self) -> list[bytes | str]:
        last = self._parts[-1]
        if isinstance(last, list):
            return last
        made: list[bytes | str] = []
        self._parts.append(made)
        return made

    def payload(self, told: Mapping[str, bytes]) -> bytes:
        """The packed text with each mark replaced by what is told for it, which is JSON."""
        found, check, size = [_HEAD], 0, 0
        for part in self._parts:
            if isinstance(part, Packed):
                raw, block = part
            else:
                raw = b"".join(told[p] if isinstance(p, str) else p for p in part)
                block = _stored(raw)
            check, size = zlib.crc32(raw, check), size + len(raw)
            found.append(block)
        found += [_LAST, check.to_bytes(4, "little"), (size & 0xFFFFFFFF).to_bytes(4, "little")]
        return b"".join(found)


def _deflated(raw: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)


def _stored(raw: bytes) -> bytes:
    if len(raw) > _MOST_STORED:
        raise ValueError(f"{len(raw)} bytes differ; at most {_MOST_STORED} may")
    size = len(raw)
    return b"\x00" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + raw
