"""Whether it runs (`/healthz`), whether it can work (`/readyz`), and its figures (`/metrics`)."""

from __future__ import annotations

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from vonggac_collector.errors import Busy, StoreFailed
from vonggac_collector.http.refusals import problem_response
from vonggac_collector.space import disk_of, folder_of
from vonggac_contract.envelope import JSON_MEDIA

router = APIRouter(tags=["health"])
_ALIVE: Final = msgspec.json.encode({"status": "alive"})


@router.get("/healthz")
async def healthz() -> Response:
    """The process answers; nothing else is asked of it."""
    return Response(_ALIVE, media_type=JSON_MEDIA)


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """The ledger answers and has this release's schema, and a rulebook is published."""
    state = request.app.state
    try:
        have, want = state.ledger.schema()
        with state.ledger.read() as tx:
            published = bool(tx.rulebooks.published(state.now()))
            lag = tx.outbox.lag()
    except (Busy, StoreFailed) as e:
        return problem_response(e.code, "the ledger does not answer")
    if have != want:
        return problem_response(
            "store-failed", f"the ledger's schema is {have}, this release works with {want}"
        )
    if not published:
        return problem_response("no-rulebook", "no rulebook was published")
    # Search that is behind, a disk that fills up: said and nothing else, agents and pages are served all the same.
    disk = disk_of(folder_of(state.settings))
    said = {
        "status": "ready",
        "schema": have,
        "search": lag,
        "disk": {"used": disk.used, "free": disk.free, "warning": disk.warning},
    }
    return Response(msgspec.json.encode(said), media_type=JSON_MEDIA)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus text."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
