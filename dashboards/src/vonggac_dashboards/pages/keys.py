"""A machine's key on its page: taking it away, and a token with which that very machine gets a new one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vonggac_collector import enrolment, revocation
from vonggac_collector.auth import web

from .enrol import Given, Made
from .enrol import page as enrol_page
from .forms import Form, form_of
from .session import visit

router = APIRouter(include_in_schema=False)
VALID: Final = timedelta(days=7)
FormFields = Annotated[Form, Depends(form_of)]


@router.post("/hosts/{host_id}/revoke")
def revoke(request: Request, host_id: str, form: FormFields) -> Response:
    """From its next request on nothing of the machine is taken."""
    visitor = visit(request)
    web.check_csrf(request, form)
    now = visitor.queries.now()
    revocation.revoke(request.app.state.ledger, visitor.caller, host_id, form.get("reason", ""), now)
    return RedirectResponse(f"/hosts/{quote(host_id)}", 303)


@router.post("/hosts/{host_id}/token")
def token(request: Request, host_id: str, form: FormFields) -> Response:
    """Make a token for this one machine, and show it, this once: a new key and epoch, what it reported stays."""
    visitor = visit(request)
    web.check_csrf(request, form)
    view = visitor.queries.host(visitor.caller, host_id)
    now, unit = visitor.queries.now(), view.unit.code
    ledger = request.app.state.ledger
    text, row = enrolment.create_token(ledger, visitor.caller, unit, None, 1, now + VALID, now, host=host_id)
    return enrol_page(visitor, Given(unit=unit), Made(text, row, view.hostname))
