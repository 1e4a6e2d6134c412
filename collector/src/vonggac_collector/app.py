"""Puts the collector together: ledger, queries, interfaces, and the pages that are installed beside it.

Knows no HTML: pages come through the entry point group `vonggac_collector.pages`, each a callable `mount(app)`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from vonggac_contract.envelope import keyid_of

from . import audit
from .api import agent, health, people, policy, sealed, search
from .auth.throttle import Throttle
from .background import Background
from .board import BoardMaker
from .checkpoints import Notary
from .desk import Desk
from .errors import Busy
from .http.body import BodyLimits
from .http.refusals import Shell, install_refusals
from .index.interface import Index
from .index.opening import make_consumer, make_index
from .ledger.interface import Ledger
from .metrics import Metrics
from .policy import clerks
from .queries import Queries
from .retention import Keeper, load_months
from .rollup import Worker
from .rulebooks import Shelf
from .score.parameters import load_parameters
from .settings import Settings
from .space import Watch, folder_of

PAGES: Final = "vonggac_collector.pages"
_REF: Final = "#/components/schemas/{name}"
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457; see GET /api/v1/problems",
    "required": ["type", "title", "status", "detail", "hint"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
    },
}


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    ledger: Ledger,
    key: Ed25519PrivateKey,
    *,
    now: Callable[[], datetime] = utc_now,
    pages: bool = True,
    index: Index | None = None,
) -> FastAPI:
    """The application. Its lifespan opens the index, unless one is given, and runs the writing thread and, by
    `settings.role`, the workers.
    """
    parameters = load_parameters()
    shelf = Shelf(ledger)
    desk = Desk(ledger)
    worker = Worker(ledger, BoardMaker(ledger, shelf, parameters), now)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        searched = app.state.index = index or make_index(settings)
        workers: list[Background] = [
            worker,
            make_consumer(ledger, searched, shelf, now, desk.busy),
            Keeper(ledger, searched, load_months(settings.keep_months), now),
            Notary(ledger, key, now),
            *clerks(ledger, settings.state_dir, now),
        ]
        app.state.handing = agent.Handing()
        desk.start()
        watch = Watch(folder_of(settings))
        watch.start()
        if settings.role == "all":
            for thread in workers:
                thread.start()
        yield
        for thread in reversed(workers):
            thread.stop()
        desk.stop()
        watch.stop()
        searched.close()

    app = FastAPI(
        title="Vọng Gác collector",
        version="0.1.0",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    keyid = keyid_of(key.public_key().public_bytes_raw())
    app.state.settings = settings
    app.state.ledger = ledger
    app.state.key = key
    app.state.now = now
    app.state.shelf = shelf
    app.state.desk = desk
    app.state.throttle = Throttle(ledger)
    app.state.index = index
    app.state.metrics = Metrics(ledger, now, folder_of(settings))
    app.state.queries = Queries(
        ledger,
        shelf,
        parameters,
        now,
        collector_url=settings.url,
        collector_keyid=keyid,
        index=lambda: app.state.index,
        state=settings.state_dir,
    )
    app.state.refuse = counter_of_refusals(ledger, desk, now)
    for router in (agent.router, sealed.router, policy.router, people.router, search.router, health.router):
        app.include_router(router)
    install_refusals(app, app.state.refuse)
    _describe(app)
    app.add_middleware(agent.Road, state=app.state)
    app.add_middleware(BodyLimits)
    app.add_middleware(
        Shell,
        refuse=app.state.refuse,
        observe=app.state.metrics.observe,
        secure=settings.tls_certificate is not None or settings.behind_proxy,
        behind_proxy=settings.behind_proxy,
    )
    if pages:
        for entry in entry_points(group=PAGES):
            entry.load()(app)
    return app


def counter_of_refusals(
    ledger: Ledger, desk: Desk, now: Callable[[], datetime]
) -> Callable[[str, str, str], None]:
    """A function that counts a refusal and writes it down, without making anybody wait for it."""

    def refuse(code: str, peer: str, detail: str) -> None:
        def work() -> None:
            with ledger.write() as tx:
                audit.record_refusal(tx, now(), code, actor=peer, subject="", detail=detail)

        try:
            desk.submit(work)
        except Busy:
            # The desk is full of envelopes; those come first, and each of them will be answered.
            return

    return refuse


def _describe(app: FastAPI) -> None:
    """Add the read models to the OpenAPI description: they are msgspec Structs, which FastAPI does not know."""
    inner = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = inner()
            _, components = msgspec.json.schema_components((*people.SHOWN, *search.SHOWN), ref_template=_REF)
            described.setdefault("components", {}).setdefault("schemas", {}).update(
                components, Problem=_PROBLEM
            )
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
