"""What the collector says under its signature, a JSON document with a schema: opened in one way, whatever it is."""

from __future__ import annotations

from typing import Protocol, TypeVar

from .decode import decode_as
from .envelope import Envelope, verify
from .errors import Malformed, UnknownSchema
from .limits import KIB


class _Said(Protocol):
    @property
    def schema(self) -> int: ...


S = TypeVar("S", bound=_Said)


def open_signed(
    envelope: Envelope, payload_type: str, kind: type[S], key: bytes, *, schema: int, what: str
) -> S:
    """Verify with that key, then read at most 16 KiB. Raises BadSignature, Malformed, TooLarge, UnknownSchema."""
    if envelope.payload_type != payload_type:
        raise Malformed(f"{envelope.payload_type} is no {what}")
    verify(envelope, key)
    said = decode_as(envelope.payload, kind, maximum=16 * KIB)
    if said.schema != schema:
        raise UnknownSchema(f"{what} schema {said.schema}; this release reads {schema}")
    return said
