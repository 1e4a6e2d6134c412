"""`/agent/v1/policy`: the policy repository, as a TUF client reads it (docs/wire.md). It is nobody's secret."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from vonggac_collector.errors import NotFound
from vonggac_collector.policy import NAME
from vonggac_collector.policy_roots import roots_in
from vonggac_collector.rulebooks import Shelf
from vonggac_contract.envelope import JSON_MEDIA

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "the file's bytes"},
    404: {"description": "none"},
}

router = APIRouter(prefix="/agent/v1/policy", tags=["agent"])


@router.get("/metadata/{name}", responses=_ANSWERS)
def metadata(request: Request, name: str = Path(pattern=f"^(?:{NAME.pattern})$")) -> Response:
    """Signed metadata: `N.root.json`, `N.targets.json`, `N.snapshot.json`, which never change, and `timestamp.json`."""
    with request.app.state.ledger.read() as tx:
        roots_in(tx, request.app.state.settings.state_dir)
        raw = tx.policy.file(name)
    if raw is None:
        raise NotFound
    kept = "no-store" if name == "timestamp.json" else _FOR_EVER
    return Response(raw, 200, {"Cache-Control": kept}, JSON_MEDIA)


@router.get("/targets/{name}", responses=_ANSWERS)
def target(request: Request, name: str = Path(pattern=r"^[0-9a-f]{64}\.[0-9a-f]{64}\.json$")) -> Response:
    """A published rulebook under its target's name: its SHA-256 twice, as consistent snapshots have it."""
    shelf: Shelf = request.app.state.shelf
    prefix, digest, _ = name.split(".")
    if prefix != digest:
        raise NotFound
    return Response(shelf.raw(digest), 200, {"Cache-Control": _FOR_EVER}, JSON_MEDIA)
