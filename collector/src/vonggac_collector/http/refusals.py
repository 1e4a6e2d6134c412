"""Every refusal in one form, problem+json (RFC 9457), counted and written down once; protecting headers on all."""

from __future__ import annotations

import ipaddress
import math
import random
import secrets
import time
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from vonggac_collector.errors import PROBLEMS, CollectorError, Full, Refused, code_of
from vonggac_collector.ingest.answer import problem_body
from vonggac_contract.envelope import ENVELOPE_MEDIA, PROBLEM_MEDIA
from vonggac_contract.errors import ContractError

from .body import Application, Message, Receive, Send

_LOG: Final = structlog.get_logger("vonggac.http")
_RETRY_AFTER_S: Final = {
    "busy": 5,
    "store-failed": 30,
    "throttled": 60,
    "no-rulebook": 60,
    "policy-foreign": 600,
}
"""At least; up to twice as long is said, so that those who were sent away together do not come back together."""
_BY_STATUS: Final = {404: "not-found", 405: "wrong-method", 413: "too-large", 415: "media-type"}
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cache-control", b"no-store"),
)
"""Set unless the answer has its own: pages bring their own content security policy, rulebooks may be cached."""
_ENVELOPE: Final = ENVELOPE_MEDIA.encode()
_OF_ENVELOPES: Final = tuple(h for h in _HEADERS if h[0] in (b"x-content-type-options", b"cache-control"))
"""No browser shows an envelope as a page; for machines the rest would be a tenth of a heartbeat's bytes."""
_TRANSPORT_SECURITY: Final = (b"strict-transport-security", b"max-age=31536000")


def problem_response(code: str, detail: str, **more: Any) -> Response:
    """The refusal as an HTTP answer."""
    return Response(problem_body(code, detail, **more), PROBLEMS[code].status, later(code), PROBLEM_MEDIA)


def later(code: str) -> dict[str, str]:
    """The header that says when to try again what was refused with that code, if that helps."""
    least = _RETRY_AFTER_S.get(code)
    return {} if least is None else {"Retry-After": str(random.randint(least, 2 * least))}  # noqa: S311  spreads, guards nothing


def install_refusals(app: FastAPI, refuse: Callable[[str, str, str], None]) -> None:
    """Answer every error of the collector, the contract and the framework with its problem; `refuse` counts it."""

    def told(request: Request, error: Exception) -> Response:
        return refused(request.scope, error, refuse)

    def invalid(request: Request, error: Exception) -> Response:
        places = [
            {"where": ".".join(str(part) for part in e["loc"]), "what": e["msg"]}
            for e in (error.errors() if isinstance(error, RequestValidationError) else ())
        ][:20]
        refuse("invalid", peer_of(request.scope), f"{request.method} {request.url.path}")
        return problem_response(
            "invalid", "; ".join(f"{p['where']}: {p['what']}" for p in places), errors=places
        )

    def framework(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        code = _BY_STATUS.get(status, "malformed" if status < 500 else "internal")
        refuse(code, peer_of(request.scope), f"{request.method} {request.url.path}")
        answer = problem_response(code, PROBLEMS[code].title if code != "not-found" else "not found")
        if isinstance(error, HTTPException) and error.headers:
            answer.headers.update(error.headers)
        return answer

    app.add_exception_handler(CollectorError, told)
    app.add_exception_handler(ContractError, told)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)


def refused(
    scope: MutableMapping[str, Any], error: Exception, refuse: Callable[[str, str, str], None]
) -> Response:
    """The answer to an error of the collector or the contract, which is counted."""
    code = code_of(error)
    detail = PROBLEMS[code].title if code in ("internal", "store-failed", "busy") else str(error)
    refuse(code, peer_of(scope), f"{scope['method']} {URL(scope=scope).path}: {error}")
    answer = problem_response(code, detail)
    if isinstance(error, Full):
        answer.headers["Retry-After"] = str(math.ceil(error.turn()))
    return answer


def peer_of(scope: MutableMapping[str, Any]) -> str:
    """The address at the other end of the connection, or that the proxy names (`named_by_proxy`)."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def named_by_proxy(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The last address of the last X-Forwarded-For, which the proxy itself wrote; "" if there is none.

    What stands before it came from the sender, and is not believed.
    """
    lines = [value for name, value in headers if name == b"x-forwarded-for"]
    try:
        return (
            str(ipaddress.ip_address(lines[-1].rpartition(b",")[2].strip().decode("ascii"))) if lines else ""
        )
    except ValueError:
        return ""


class Shell:
    """Outermost ASGI layer: protecting headers, one log line a request, refusals that come before routing."""

    def __init__(
        self,
        app: Application,
        *,
        refuse: Callable[[str, str, str], None],
        observe: Callable[[str, int, float], None],
        secure: bool,
        behind_proxy: bool = False,
    ) -> None:
        """`behind_proxy`: every connection is a proxy's, which names the sender in X-Forwarded-For."""
        self._app = app
        self._behind_proxy = behind_proxy
        self._refuse = refuse
        self._observe = observe
        self._added = (*_HEADERS, _TRANSPORT_SECURITY) if secure else _HEADERS

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        if self._behind_proxy and (sender := named_by_proxy(scope["headers"])):
            scope["client"] = (sender, 0)

        async def protected(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                have = {name.lower(): value for name, value in message["headers"]}
                added = _OF_ENVELOPES if have.get(b"content-type") == _ENVELOPE else self._added
                message["headers"] = [*message["headers"], *(h for h in added if h[0] not in have)]
            await send(message)

        try:
            await self._app(scope, receive, protected)
        except Refused as e:
            if status:
                raise
            client = scope.get("client")
            self._refuse(e.code, client[0] if client else "", str(e))
            answer = problem_response(e.code, str(e))
            if e.code == "malformed":
                # Where this request ends is not certain, so what follows is no request (RFC 9112 section 6.1).
                answer.headers["Connection"] = "close"
            await answer(scope, receive, protected)
        except ClientDisconnect:
            # Whoever sent it is gone, or sent what is no HTTP and was told so by the protocol: nothing failed here.
            _LOG.info("the sender left", path=scope["path"])
        except Exception as e:
            number = secrets.token_hex(8)
            _LOG.error("request failed", number=number, path=scope["path"], exc_info=e)
            self._refuse("internal", "", f"{scope['method']} {scope['path']}: number {number}")
            if status:
                raise
            await problem_response("internal", f"number {number}", number=number)(scope, receive, protected)
        finally:
            took = time.monotonic() - began
            self._observe(scope["method"], status, took)
            _LOG.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(took * 1000, 1),
                peer=scope["client"][0] if scope.get("client") else "",
            )
