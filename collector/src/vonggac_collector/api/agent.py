"""`/agent/v1`: enrolment, rotation, envelopes, rulebooks (docs/wire.md, HTTP). What is decided is in `ingest`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Path, Request
from starlette.datastructures import State
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from vonggac_collector.boxes import open_boxes
from vonggac_collector.enrolment import enrol
from vonggac_collector.errors import CollectorError, Refused
from vonggac_collector.http.body import Application, Receive, Send
from vonggac_collector.http.refusals import later, peer_of, refused
from vonggac_collector.ingest.accept import accept, sender_of
from vonggac_collector.ingest.answer import Answer
from vonggac_collector.rotation import rotate
from vonggac_collector.rulebooks import Shelf
from vonggac_contract.envelope import ENVELOPE_MEDIA, JSON_MEDIA, PROBLEM_MEDIA, TAKEN_MEDIA
from vonggac_contract.errors import ContractError

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

_ENVELOPES: Final = "/agent/v1/envelopes"
T = TypeVar("T")

router = APIRouter(prefix="/agent/v1", tags=["agent"])


@router.post(
    "/envelopes", openapi_extra=_BODY, responses={200: _SEALED, 202: {"description": "pending"}, **_REFUSALS}
)
async def envelopes(request: Request) -> Response:
    """Take one report or heartbeat; answers with its receipt once it is committed. For the description: see `Road`."""
    return await take(request.scope, request.receive, request.app.state)


@router.post("/enrol", openapi_extra=_BODY, responses={200: _SEALED, **_REFUSALS})
async def enrolment(request: Request) -> Response:
    """Take one enrolment request with its token."""
    how = partial(enrol, state=request.app.state.settings.state_dir)
    return _told(await _taken(request.scope, request.receive, request.app.state, how))


@router.post(
    "/rotate",
    openapi_extra=_BODY,
    responses={200: _SEALED, 202: {"description": "reports are missing, or nobody has decided"}, **_REFUSALS},
)
async def rotation(request: Request) -> Response:
    """Begin a machine's next epoch with another key, which the key in force signs."""
    how = partial(rotate, state=request.app.state.settings.state_dir)
    return _told(await _taken(request.scope, request.receive, request.app.state, how))


@router.get(
    "/rulebooks/{digest}",
    responses={200: {"description": "the rulebook's bytes"}, 404: {"description": "none"}},
)
def rulebook(request: Request, digest: str = Path(pattern="^[0-9a-f]{64}$")) -> Response:
    """A published rulebook, whose SHA-256 is `digest`; it never changes."""
    shelf: Shelf = request.app.state.shelf
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{digest}"'}
    return Response(shelf.raw(digest), 200, headers, JSON_MEDIA)


@router.get("/boxkey", responses={200: _SEALED})
def box_key(request: Request) -> Response:
    """The key that boxes for this collector are closed with."""
    state = request.app.state
    boxes = open_boxes(state.settings.state_dir, state.now())
    return Response(boxes.notice(state.key), 200, media_type=ENVELOPE_MEDIA)


class Road:
    """ASGI middleware: envelopes are nearly all there is to answer, and a framework's way to a function costs more than
    a heartbeat; so they take the same function's short way.
    """

    def __init__(self, app: Application, *, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] != _ENVELOPES or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            answer = await take(scope, receive, self._state)
        except (CollectorError, ContractError) as e:
            answer = refused(scope, e, self._state.refuse)
        await answer(scope, receive, send)


async def take(scope: MutableMapping[str, Any], receive: Receive, state: State) -> Response:
    """Take one envelope."""
    answer = await _taken(scope, receive, state, accept)
    state.metrics.took(answer.outcome)
    return _told(answer)


async def _taken(
    scope: MutableMapping[str, Any], receive: Receive, state: State, how: Callable[..., Answer]
) -> Answer:
    named = next((v for n, v in scope["headers"] if n == b"content-type"), b"").decode("latin-1")
    media_type = named.partition(";")[0].strip().lower()
    if media_type not in TAKEN_MEDIA:
        raise Refused("media-type", f"{media_type[:100]!r} is not taken here")
    raw, peer = await _body(receive), peer_of(scope)

    def work() -> Answer:
        return how(state.ledger, raw, now=state.now(), collector_key=state.key, peer=peer)

    answer: Answer = await state.handing.wait(state.desk.submit(work, sender_of(raw)))
    return answer


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


class Handing:
    """Hands what the desk has done over to the event loop that runs, waking it once for all that is done by then."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._done: deque[asyncio.Future[None]] = deque()
        self._woken = False

    async def wait(self, work: Future[T]) -> T:
        """The result of the desk's work. Whoever stops waiting leaves it to the desk."""
        done: asyncio.Future[None] = self._loop.create_future()
        work.add_done_callback(lambda _: self._put(done))
        await done
        return work.result()

    def _put(self, done: asyncio.Future[None]) -> None:
        self._done.append(done)
        if not self._woken and not self._loop.is_closed():
            self._woken = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        # Before the queue is emptied: what comes after that wakes the loop again.
        self._woken = False
        while self._done:
            done = self._done.popleft()
            if not done.done():
                done.set_result(None)


def _told(answer: Answer) -> Response:
    return Response(answer.body(), answer.status, later(answer.code), answer.media_type)
