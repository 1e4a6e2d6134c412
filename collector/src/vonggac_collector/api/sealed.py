"""`/agent/v1/sealed`: requests that came through a relay, opened, answered as if they had come straight, and signed."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from vonggac_collector.boxes import open_boxes
from vonggac_collector.http.body import Application, Message
from vonggac_contract.envelope import BYTES_MEDIA, ENVELOPE_MEDIA
from vonggac_contract.errors import Malformed
from vonggac_contract.sealed import Asked, answer_to_bytes, request_from_content

PATH: Final = "/agent/v1/sealed"

router = APIRouter(tags=["agent"])


@router.post(PATH, responses={200: {"description": "an answer that is signed", "content": {BYTES_MEDIA: {}}}})
async def sealed(request: Request) -> Response:
    """Take one request in a box; what is answered to it, whatever it is, is signed."""
    state, box = request.app.state, await request.body()
    boxes = await run_in_threadpool(open_boxes, state.settings.state_dir, state.now())
    asked, body = request_from_content(await run_in_threadpool(boxes.open, box))
    if asked.path == PATH:
        raise Malformed("a request in a box asks for no other box to be opened")
    status, headers, answer = await _within(request.app, request.scope, asked, body)
    retry_after = headers.get(b"retry-after", b"0").decode("latin-1")
    raw = answer_to_bytes(
        box, status, answer, state.key, retry_after=int(retry_after) if retry_after.isdecimal() else 0
    )
    return Response(raw, 200, media_type=BYTES_MEDIA)


async def _within(
    app: Application, outer: MutableMapping[str, Any], asked: Asked, body: bytes
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Ask the application itself: status, header fields, body."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": asked.method,
        "scheme": outer["scheme"],
        "path": asked.path,
        "raw_path": asked.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", ENVELOPE_MEDIA.encode())],
        "client": outer.get("client"),
        "server": outer.get("server"),
    }
    status, headers, pieces = 500, dict[bytes, bytes](), list[bytes]()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], {n.lower(): v for n, v in message["headers"]}
        else:
            pieces.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, headers, b"".join(pieces)
