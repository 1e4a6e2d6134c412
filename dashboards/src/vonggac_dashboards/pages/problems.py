"""What went wrong, for people: every refusal a page can meet in their language, with what to do next."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import quote

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from vonggac_collector.errors import PROBLEMS, CollectorError, Forbidden, Invalid, LoginRequired, Refused

from ..language import Language, language, translatable
from ..preferences import preferences_of
from ..rendering import answer

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
    "internal": (
        translatable("The collector failed"),
        translatable("Nothing was changed. Tell whoever runs the collector, with the time."),
    ),
}
CODES_BY_STATUS: Final = {
    403: "forbidden",
    404: "not-found",
    405: "wrong-method",
    413: "too-large",
    429: "throttled",
}


def texts_of(chosen: Language, code: str) -> tuple[str, str]:
    """Title and hint of a refusal; the general one for a code that no page meets by itself."""
    title, hint = TEXTS.get(code, TEXTS["internal"])
    return chosen.gettext(title), chosen.gettext(hint)


def problem_page(request: Request, code: str, *, status: int | None = None, detail: str = "") -> HTMLResponse:
    """The page for the refusal `code`."""
    chosen = language(preferences_of(request).language)
    title, hint = texts_of(chosen, code)
    number = status or (PROBLEMS[code].status if code in PROBLEMS else 500)
    return answer(request, "problem.html", status=number, title=title, hint=hint, detail=detail, code=code)


def page_for(request: Request, error: CollectorError) -> Response:
    """The answer to an error of the collector. Its English detail is shown only where it is about a given value."""
    if isinstance(error, LoginRequired):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = "/login" if request.method != "GET" or here == "/" else "/login?next=" + quote(here, safe="")
        return RedirectResponse(target, 303, {"Cache-Control": "no-store"})
    told = str(error) if isinstance(error, Invalid | Refused) and not isinstance(error, Forbidden) else ""
    return problem_page(request, error.code, detail=told)


class PageRoute(APIRoute):
    """A route whose errors are answered by a page, and a missing sign-in by the way to it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler with the errors of the collector turned into pages."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except CollectorError as error:
                return page_for(request, error)

        return handler


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for a page, and not a program for data."""
    path = request.url.path
    of_programs = path.startswith(("/api/", "/agent/", "/static/")) or path in (
        "/metrics",
        "/healthz",
        "/readyz",
    )
    return not of_programs and "text/html" in request.headers.get("accept", "")
