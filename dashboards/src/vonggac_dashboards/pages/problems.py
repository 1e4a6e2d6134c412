"""What went wrong, for people: every refusal a page can meet in their language, with what to do next."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vonggac_collector.errors import PROBLEM_TYPE, CollectorError, LoginRequired
from vonggac_contract.envelope import PROBLEM_MEDIA

from ..language import Language, language, translatable
from ..preferences import preferences_of
from ..rendering import Viewer, answer
from .session import viewer_of

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "not-found": (
        translatable("There is no such page here"),
        translatable(
            "Check the address. You see only what belongs to your own units; whether anything else exists is not told."
        ),
    ),
    "forbidden": (
        translatable("Your role does not allow this"),
        translatable("Ask an administrator of your unit."),
    ),
    "csrf": (
        translatable("The form is too old, or it came from elsewhere"),
        translatable("Go back, load the page again and send the form once more."),
    ),
    "login-refused": (
        translatable("Name and password do not fit"),
        translatable("Check both and try again."),
    ),
    "throttled": (translatable("Too many attempts"), translatable("Wait a minute, then try again.")),
    "invalid": (translatable("A value does not fit"), translatable("Go back, correct it and send again.")),
    "changed": (
        translatable("What you decided about is no longer what is there"),
        translatable("Nothing was changed. Go back, load the page again, look, and decide then."),
    ),
    "too-large": (translatable("That was too much"), translatable("Go back and send less.")),
    "malformed": (translatable("The form cannot be read"), translatable("Go back and send it once more.")),
    "media-type": (translatable("The form cannot be read"), translatable("Go back and send it once more.")),
    "wrong-method": (translatable("This address does not take that"), translatable("Begin at the overview.")),
    "busy": (
        translatable("The ledger is busy"),
        translatable("Try again in a few seconds. Nothing was lost."),
    ),
    "store-failed": (
        translatable("The ledger's disk reports an error"),
        translatable("Nothing was changed. Tell whoever runs the collector."),
    ),
    "index-failed": (
        translatable("Search does not answer"),
        translatable("Try again in a few minutes. Everything else goes on, and search catches up by itself."),
    ),
    "internal": (
        translatable("The collector failed"),
        translatable("Nothing was changed. Tell whoever runs the collector, with the number below."),
    ),
}
TOLD: Final = frozenset({"invalid", "malformed", "too-large", "media-type"})
"""Refusals whose English detail is shown: it is about a value that was given."""
OF_PROGRAMS: Final = ("/api/", "/agent/", "/static/", "/metrics", "/healthz", "/readyz")
MAX_PROBLEM: Final = 64 * 1024


def texts_of(chosen: Language, code: str) -> tuple[str, str]:
    """Title and hint of a refusal; the general one for a code that no page meets by itself."""
    title, hint = TEXTS.get(code, TEXTS["internal"])
    return chosen.gettext(title), chosen.gettext(hint)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for a page, and not a program for data."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(OF_PROGRAMS)


def page_for(request: Request, problem: dict[str, Any]) -> Response:
    """What a person gets in the place of a problem: the way to sign in, the page that the route prepared
    (`request.state.page`, a form with what was typed), or the page of the refusal.
    """
    code = str(problem.get("type", "")).removeprefix(PROBLEM_TYPE)
    if code == LoginRequired.code:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = "/login" if request.method != "GET" or here == "/" else "/login?next=" + quote(here, safe="")
        return RedirectResponse(target, 303, {"Cache-Control": "no-store"})
    prepared = getattr(request.state, "page", None)
    if isinstance(prepared, Response):
        return prepared
    title, hint = texts_of(language(preferences_of(request).language), code)
    return answer(
        request,
        "problem.html",
        viewer=_viewer(request),
        status=int(problem["status"]),
        number=problem["status"],
        title=title,
        hint=hint,
        detail=str(problem.get("detail", "")) if code in TOLD else "",
        code=code,
        fault=str(problem.get("number", "")),
    )


def _viewer(request: Request) -> Viewer | None:
    """Who is signed in, so that a refusal keeps the way back; None where nobody is or the ledger cannot say."""
    try:
        return viewer_of(request)
    except CollectorError:
        return None


class ProblemPages:
    """Outermost ASGI layer of the pages: a browser that would be answered by problem+json (RFC 9457) gets a page.

    The collector has made, counted and written down the refusal by then; only its looks change here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or not wants_page(Request(scope)):
            await self._app(scope, receive, send)
            return
        held: list[tuple[bytes, bytes]] | None = None
        body = bytearray()

        async def changed(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                kinds = [v for k, v in message["headers"] if k.lower() == b"content-type"]
                if kinds and kinds[0].startswith(PROBLEM_MEDIA.encode()):
                    held = message["headers"]
                    return
            if held is None:
                await send(message)
                return
            body.extend(message.get("body", b"")[: MAX_PROBLEM - len(body)])
            if not message.get("more_body"):
                page = page_for(Request(scope), msgspec.json.decode(bytes(body), type=dict[str, Any]))
                own = {k.lower() for k, _ in page.raw_headers} | {b"content-type", b"content-length"}
                page.raw_headers.extend(h for h in held if h[0].lower() not in own)
                await page(scope, receive, send)

        await self._app(scope, receive, changed)
