"""The door every page goes through: who asks, through which queries, and how it is answered in their language."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.auth import Caller, web
from vonggac_collector.auth.caller import Action, require
from vonggac_collector.errors import Forbidden
from vonggac_collector.queries import Queries

from ..language import Language, language
from ..preferences import preferences_of
from ..rendering import Viewer, answer


class Visit(msgspec.Struct, frozen=True):
    """One request for a page."""

    request: Request
    caller: Caller
    queries: Queries
    language: Language
    viewer: Viewer

    def answer(self, template: str, **values: Any) -> HTMLResponse:
        """The page for this visitor."""
        return answer(self.request, template, viewer=self.viewer, **values)


def may(caller: Caller, action: Action) -> bool:
    """Whether the caller's role allows it."""
    try:
        require(caller, action)
    except Forbidden:
        return False
    return True


def visit(request: Request) -> Visit:
    """The visit behind `request`. Raises LoginRequired where nobody is signed in."""
    caller = web.current_caller(request)
    return Visit(
        request,
        caller,
        request.app.state.queries,
        language(preferences_of(request).language),
        viewer_of(request),
    )


def viewer_of(request: Request) -> Viewer:
    """Who is signed in, as the header shows them. Raises LoginRequired where nobody is."""
    caller = web.current_caller(request)
    return Viewer(caller.name, caller.role, may(caller, "enrol"), web.csrf_token(request))
