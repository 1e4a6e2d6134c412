"""`/login` and `/logout`: who are you? Checking names and passwords is the work of the collector's auth."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vonggac_collector.auth import web
from vonggac_collector.errors import PROBLEMS, Refused

from ..language import language
from ..preferences import preferences_of
from ..rendering import answer
from .forms import Form, form_of
from .problems import texts_of

router = APIRouter(include_in_schema=False)
FormFields = Annotated[Form, Depends(form_of)]
AWAY: Final = {"Cache-Control": "no-store"}


def own_address(target: str) -> str:
    """`target` if it is an address on this site, else the overview: nobody is sent elsewhere from here.

    A browser reads `//host` and `/\\host` as another site (WHATWG URL, path-absolute state), so neither is let through.
    """
    inside = target.startswith("/") and not target.startswith(("//", "/\\", "/login"))
    return target if inside and target.isprintable() and "\\" not in target else "/"


def _page(request: Request, target: str, name: str = "", problem: str = "", status: int = 200) -> Response:
    return answer(
        request, "sign_in.html", status=status, next=own_address(target), name=name, problem=problem
    )


@router.get("/login")
def sign_in_form(request: Request) -> Response:
    """The form."""
    return _page(request, request.query_params.get("next", "/"))


@router.post("/login")
def sign_in(request: Request, form: FormFields) -> Response:
    """Begin a session and go on to where one was going; a refusal keeps the name that was typed."""
    target, name = form.get("next", "/"), form.get("name", "")
    try:
        cookie = web.sign_in(request, name, form.get("password", ""))
    except Refused as error:
        title, hint = texts_of(language(preferences_of(request).language), error.code)
        status = PROBLEMS[error.code].status
        request.state.page = _page(request, target, name, f"{title}. {hint}", status)
        raise
    response = RedirectResponse(own_address(target), 303, AWAY)
    cookie.put(response)
    return response


@router.post("/logout")
def sign_out(request: Request, form: FormFields) -> Response:
    """End the session."""
    cookie = web.sign_out(request, form)
    response = RedirectResponse("/login", 303, AWAY)
    cookie.put(response)
    return response
