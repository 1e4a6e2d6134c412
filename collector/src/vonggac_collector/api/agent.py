"""`/agent/v1`: enrolment, envelopes, rulebooks (docs/wire.md, HTTP). What is decided here is nothing; see `ingest`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from vonggac_collector.desk import Desk
from vonggac_collector.enrolment import enrol
from vonggac_collector.errors import Refused
from vonggac_collector.http.refusals import later, peer_of
from vonggac_collector.ingest.accept import accept, sender_of
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.rulebooks import Shelf
from vonggac_contract.envelope import ENVELOPE_MEDIA, JSON_MEDIA, PROBLEM_MEDIA, TAKEN_MEDIA

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            ENVELOPE_MEDIA: {"schema": {"type": "string", "format": "binary", "description": "DSSE v1"}}
        },
    }
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": what,
        "content": {PROBLEM_MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, what in (
        (401, "signature, key or token refused"),
        (403, "revoked, quarantined, or another machine's"),
        (408, "too slow"),
        (409, "another report has this place"),
        (413, "over a limit"),
        (415, "media type or encoding"),
        (422, "not what it claims to be"),
        (503, "busy; try again"),
    )
}
_SEALED: Final[dict[str, Any]] = {
    "description": "an envelope sealed by the collector",
    "content": {ENVELOPE_MEDIA: {}},
}

router = APIRouter(prefix="/agent/v1", tags=["agent"])


@router.post(
    "/envelopes", openapi_extra=_BODY, responses={200: _SEALED, 202: {"description": "pending"}, **_REFUSALS}
)
async def envelopes(request: Request) -> Response:
    """Take one report or heartbeat; answers with its receipt once it is committed."""
    answer = await _taken(request, accept)
    request.app.state.metrics.took(answer.outcome)
    return _told(answer)


@router.post("/enrol", openapi_extra=_BODY, responses={200: _SEALED, **_REFUSALS})
async def enrolment(request: Request) -> Response:
    """Take one enrolment request with its token."""
    return _told(await _taken(request, enrol))


@router.get(
    "/rulebooks/{digest}",
    responses={200: {"description": "the rulebook's bytes"}, 404: {"description": "none"}},
)
def rulebook(request: Request, digest: str = Path(pattern="^[0-9a-f]{64}$")) -> Response:
    """A published rulebook, whose SHA-256 is `digest`; it never changes."""
    shelf: Shelf = request.app.state.shelf
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{digest}"'}
    return Response(shelf.raw(digest), 200, headers, JSON_MEDIA)


async def _taken(request: Request, take: Callable[..., Answer]) -> Answer:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in TAKEN_MEDIA:
        raise Refused("media-type", f"{media_type[:100]!r} is not taken here")
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
    state, body, peer = request.app.state, bytes(raw), peer_of(request)
    desk: Desk = state.desk

    def work() -> Answer:
        return take(state.ledger, body, now=state.now(), collector_key=state.key, peer=peer)

    return await asyncio.wrap_future(desk.submit(work, sender_of(body)))


def _told(answer: Answer) -> Response:
    return Response(answer.body(), answer.status, later(answer.code), answer.media_type)
