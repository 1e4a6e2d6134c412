"""Hangs the pages into the collector's web process, which finds `mount` by its entry point.

Routes, forms and errors of each page are in `pages`; programs keep the collector's own answers.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import static_files
from .pages import enrol, host, overview, rule, sign_in, unit
from .pages.problems import CODES_BY_STATUS, problem_page, wants_page

Handler = Callable[[Request, Any], Response | Awaitable[Response]]


def mount(app: FastAPI) -> None:
    """Add every page to `app`, and let people's browsers see pages where nothing else answers."""
    for module in (overview, unit, host, rule, enrol, sign_in, static_files):
        app.include_router(module.router)
    for kind in (HTTPException, Exception):
        before = app.exception_handlers.get(kind)
        if before is not None:
            app.add_exception_handler(kind, page_or(before))


def page_or(before: Handler) -> Handler:
    """A handler that answers a browser with a page, and everybody else as `before` does."""

    async def handler(request: Request, error: Exception) -> Response:
        if not wants_page(request):
            answered = before(request, error)
            return await answered if inspect.isawaitable(answered) else answered
        status = error.status_code if isinstance(error, HTTPException) else 500
        return problem_page(request, CODES_BY_STATUS.get(status, "internal"), status=status)

    return handler
