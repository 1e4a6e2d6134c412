"""What an officer decides about a fork, on the machine's page: who of two machines with one key goes on."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vonggac_collector.auth import web
from vonggac_collector.forks import decide

from .forms import Form, form_of
from .session import visit

router = APIRouter(include_in_schema=False)
FormFields = Annotated[Form, Depends(form_of)]


@router.post("/hosts/{host_id}/fork")
def fork(request: Request, host_id: str, form: FormFields) -> Response:
    """Decide, with a reason, about the report that was shown; again, as long as no machine went on."""
    visitor = visit(request)
    web.check_csrf(request, form)
    now, ledger = visitor.queries.now(), request.app.state.ledger
    decision, reason, seen = (form.get(name, "") for name in ("decision", "reason", "seen"))
    decide(ledger, visitor.caller, host_id, decision, reason, now, seen=seen)
    return RedirectResponse(f"/hosts/{quote(host_id)}", 303)
