"""A request that only the collector reads, and its answer under the collector's signature: what goes through a relay.

The request travels in a box (`box`); its content is a line that says what is asked, and the body. The answer begins
with an envelope, on one line, that names the very box it is for and the digest of the body, which follows. So whoever
stands between can withhold either, and change or replay neither.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .decode import decode_as
from .envelope import ANSWER, envelope_from_bytes, envelope_to_bytes, seal
from .errors import Malformed
from .limits import KIB
from .report import Digest
from .signed import open_signed

SCHEMA: Final = 1
MAX_LINE: Final = 4 * KIB
"""Of the first line of either."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of the collector: one of its addresses for agents."""

    method: Literal["GET", "POST"]
    path: Annotated[str, msgspec.Meta(pattern=r"^/agent/v1/[a-z]+(/[a-z]+)?(/[0-9a-z.]+)?\Z", max_length=200)]


class Answered(msgspec.Struct, frozen=True):
    """The head of an answer. `request`: SHA-256 of the box; `status`: of HTTP; `retry_after`: seconds, 0 for none;
    `body`: SHA-256 of what follows.
    """

    schema: int
    request: Digest
    status: Annotated[int, msgspec.Meta(ge=200, le=599)]
    body: Digest
    retry_after: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0


def request_to_content(asked: Asked, body: bytes) -> bytes:
    """What is put into the box."""
    return msgspec.json.encode(asked) + b"\n" + body


def request_from_content(content: bytes) -> tuple[Asked, bytes]:
    """Raises Malformed, TooLarge."""
    line, found, body = content.partition(b"\n")
    if not found:
        raise Malformed("a request begins with a line that says what is asked")
    return decode_as(line, Asked, maximum=MAX_LINE), body


def answer_to_bytes(
    box: bytes, status: int, body: bytes, key: Ed25519PrivateKey, *, retry_after: int = 0
) -> bytes:
    """The answer to the request in that box, signed with the collector's key."""
    said = Answered(SCHEMA, _digest(box), status, _digest(body), retry_after)
    return envelope_to_bytes(seal(ANSWER, msgspec.json.encode(said), key)) + b"\n" + body


def answer_from_bytes(raw: bytes, box: bytes, collector_key: bytes) -> tuple[Answered, bytes]:
    """Verified with the pinned key, and for that very box. Raises BadSignature, Malformed, TooLarge, UnknownSchema."""
    line, _, body = raw.partition(b"\n")
    if len(line) > MAX_LINE:
        raise Malformed("an answer begins with a short line")
    said = open_signed(
        envelope_from_bytes(line), ANSWER, Answered, collector_key, schema=SCHEMA, what="answer"
    )
    if said.request != _digest(box):
        raise Malformed("the answer is for another request")
    if said.body != _digest(body):
        raise Malformed("the answer's body is not the one that was signed for")
    return said, body


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
