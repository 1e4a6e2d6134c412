"""`/policy`: by which rulebook are machines judged, who tries another, and who vouches for them?"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from .session import visit

router = APIRouter(include_in_schema=False)


@router.get("/policy")
def policy(request: Request) -> HTMLResponse:
    """The policy in force."""
    visitor = visit(request)
    view = visitor.queries.policy(visitor.caller)
    return visitor.answer("policy.html", view=view, as_of=view.as_of)
