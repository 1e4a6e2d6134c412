"""A relay: passes sealed requests of a site's machines on to their collector, and what it answers back.

It holds no key that opens anything, keeps nothing, and believes nobody: machines prove themselves to the collector,
which signs what it answers. What cannot be passed on stays in the machines' spools. A relay may withhold and delay, and
machines and collector notice that as they notice a bad line.
"""

from __future__ import annotations

import hmac
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import structlog
import urllib3
from fastapi import FastAPI, Request
from starlette.responses import Response

from vonggac_contract.envelope import BYTES_MEDIA, ENVELOPE_MEDIA
from vonggac_contract.limits import KIB
from vonggac_rules.rulebook import MAX_RULEBOOK_BYTES

from .api.sealed import PATH
from .errors import Busy, Refused, SettingsError
from .http.body import BodyLimits
from .http.refusals import Shell, install_refusals
from .settings import Settings

BOX_KEY: Final = "/agent/v1/boxkey"
AT_ONCE: Final = 16
"""Requests on their way to the collector; fewer than it takes of one source (`connections_per_source`)."""
MAX_ANSWER_BYTES: Final = MAX_RULEBOOK_BYTES + 64 * KIB
TOTAL_S: Final = 60.0
"""For an answer's body; no machine waits longer."""
_TIMES: Final = urllib3.Timeout(connect=10.0, read=20.0)
"""Between two packets."""
_LOG: Final = structlog.get_logger("vonggac.relay")

Forward = Callable[[str, str, bytes], tuple[int, dict[str, str], bytes]]
"""Method, path and body to the collector; its status, header fields (names in lower case) and body. Raises Busy."""


def forward_to(url: str, ca: Path | None) -> Forward:
    """What passes requests on. `ca`: the only authority to trust. Raises SettingsError."""
    parts = urlsplit(url)
    host, local = parts.hostname or "", parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise SettingsError(
            f"{url!r}: no https address of a collector; example: https://vonggac.tinh.gov.vn:8443"
        )
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        pool = urllib3.HTTPSConnectionPool(
            host, parts.port or 443, timeout=_TIMES, maxsize=AT_ONCE, block=True, ssl_context=context
        )
    else:
        pool = urllib3.HTTPConnectionPool(host, parts.port or 80, timeout=_TIMES, maxsize=AT_ONCE, block=True)

    def forward(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {"Content-Type": BYTES_MEDIA, "Accept-Encoding": "identity"}
        try:
            response = pool.urlopen(
                method, parts.path.rstrip("/") + path, body=body or None, headers=headers, retries=False,
                redirect=False, preload_content=False, decode_content=False,
            )  # fmt: skip
            try:
                answer = _read(response, time.monotonic() + TOTAL_S)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError) as e:
            _LOG.warning("the collector does not answer", error=str(e)[:300])
            raise Busy("the collector does not answer the relay") from e
        return response.status, {n.lower(): v for n, v in response.headers.items()}, answer

    return forward


def _read(response: urllib3.BaseHTTPResponse, until: float) -> bytes:
    """The body, if it is there in time and no larger than any answer is. Raises Busy."""
    pieces, got = [], 0
    while piece := response.read1(64 * KIB, decode_content=False):
        pieces.append(piece)
        got += len(piece)
        if got > MAX_ANSWER_BYTES or time.monotonic() > until:
            raise Busy("the collector answered more, or more slowly, than a relay passes on")
    return b"".join(pieces)


def create_relay(settings: Settings, secret: str, forward: Forward) -> FastAPI:
    """The application. `secret`: the word that machines of the site show; nobody else's traffic is passed on."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    gate = anyio.CapacityLimiter(AT_ONCE)
    waiting = 0

    def refuse(code: str, peer: str, detail: str) -> None:
        _LOG.info("refused", code=code, peer=peer, detail=detail[:300])

    def observe(method: str, status: int, seconds: float) -> None:
        """Each request has its line of the log; nothing is counted besides."""

    async def passed_on(request: Request, path: str) -> Response:
        nonlocal waiting
        shown = request.headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(shown, f"Bearer {secret}".encode()):
            raise Refused("login-required", "the relay's token is missing or another one")
        if waiting >= 4 * AT_ONCE:
            raise Busy("too many requests wait at the relay")
        waiting += 1
        try:
            body = await request.body()
            status, headers, answer = await anyio.to_thread.run_sync(
                forward, request.method, path, body, limiter=gate
            )
        finally:
            waiting -= 1
        kept = {"retry-after": headers["retry-after"]} if "retry-after" in headers else {}
        media = ENVELOPE_MEDIA if path == BOX_KEY else headers.get("content-type", BYTES_MEDIA)
        return Response(answer, status, kept, media)

    @app.post(PATH)
    async def sealed(request: Request) -> Response:
        """Pass one request on."""
        return await passed_on(request, PATH)

    @app.get(BOX_KEY)
    async def box_key(request: Request) -> Response:
        """The collector's key for boxes, which it signed."""
        return await passed_on(request, BOX_KEY)

    app.state.refuse = refuse
    install_refusals(app, refuse)
    app.add_middleware(BodyLimits)
    app.add_middleware(
        Shell,
        refuse=refuse,
        observe=observe,
        secure=settings.tls_certificate is not None or settings.behind_proxy,
        behind_proxy=settings.behind_proxy,
    )
    return app
