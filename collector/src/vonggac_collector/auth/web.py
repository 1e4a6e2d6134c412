"""Ties people to requests: the session's cookie, the token that forms carry, and where a form may come from."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from vonggac_collector.errors import CsrfRefused, LoginRequired
from vonggac_collector.ledger.rows import Session

from . import sessions
from .caller import Caller

COOKIE: Final = "__Host-vonggac"
"""Browsers take a cookie of that prefix only with Secure, Path=/ and no Domain (RFC 6265bis section 4.1.3.2)."""
PLAIN_COOKIE: Final = "vonggac"
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"


class Cookie(msgspec.Struct, frozen=True):
    """The session's cookie, to be put on the answer. An empty secret takes it away."""

    secret: str
    secure: bool

    def put(self, response: Response) -> None:
        """Set it, or delete it."""
        name = COOKIE if self.secure else PLAIN_COOKIE
        if self.secret:
            response.set_cookie(
                name, self.secret, secure=self.secure, httponly=True, samesite="lax", path="/"
            )
        else:
            response.delete_cookie(name, secure=self.secure, httponly=True, samesite="lax", path="/")


def current_caller(request: HTTPConnection) -> Caller:
    """Who asks. Raises LoginRequired."""
    return _session(request)[1]


def csrf_token(request: HTTPConnection) -> str:
    """The token that every form of this session must carry as `csrf`. Raises LoginRequired."""
    return _session(request)[0].csrf


def check_csrf(request: Request, form: Mapping[str, str]) -> None:
    """Raises CsrfRefused unless the form carries the session's token and comes from our own pages, LoginRequired."""
    check_origin(request)
    given = form.get(CSRF_FIELD) or request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(request).encode()):
        raise CsrfRefused("the form does not carry this session's token")


def check_origin(request: Request) -> None:
    """Raises CsrfRefused for a form that a browser says comes from elsewhere (Fetch Metadata, Origin: RFC 6454)."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CsrfRefused("the form comes from another site")
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise CsrfRefused("the form comes from another site")


def sign_in(request: Request, name: str, password: str) -> Cookie:
    """Begin a session. Raises Refused (login-refused, throttled) and CsrfRefused; put the cookie on the answer."""
    check_origin(request)
    state = request.app.state
    peer = request.client.host if request.client else ""
    secret = sessions.sign_in(state.ledger, state.throttle, name, password, now=state.now(), peer=peer)
    return Cookie(secret, not state.settings.insecure_cookies)


def sign_out(request: Request, form: Mapping[str, str]) -> Cookie:
    """End the session. Raises CsrfRefused, LoginRequired."""
    check_csrf(request, form)
    state = request.app.state
    sessions.sign_out(state.ledger, _secret(request), now=state.now())
    return Cookie("", not state.settings.insecure_cookies)


def _secret(request: HTTPConnection) -> str:
    plain = request.app.state.settings.insecure_cookies
    return request.cookies.get(PLAIN_COOKIE if plain else COOKIE, "")


def _session(request: HTTPConnection) -> tuple[Session, Caller]:
    known = getattr(request.state, "session", None)
    if known is not None:
        return known  # type: ignore[no-any-return]  # set below
    secret = _secret(request)
    state = request.app.state
    found = sessions.find(state.ledger, secret, state.now()) if secret else None
    if found is None:
        raise LoginRequired("nobody is signed in")
    request.state.session = found
    return found
