"""The limit that heartbeats are measured beside: FastAPI on one uvicorn worker that verifies and answers, no more."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from vonggac_contract.envelope import envelope_from_bytes, verify

KEYS = "VONGGAC_BENCH_KEYS"
"""Names a file: JSON, public key of 32 bytes by key id."""


def make_app() -> FastAPI:
    """The application; uvicorn calls it."""
    keys = msgspec.json.decode(Path(os.environ[KEYS]).read_bytes(), type=dict[str, bytes])
    app = FastAPI()

    @app.post("/agent/v1/envelopes")
    async def envelopes(request: Request) -> Response:
        envelope = envelope_from_bytes(await request.body())
        verify(envelope, keys[envelope.keyid])
        return Response(b"{}", media_type="application/json")

    @app.get("/readyz")
    async def ready() -> Response:
        return Response(b"ready")

    return app
