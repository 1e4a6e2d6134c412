"""`/api/v1`: what pages show, as JSON, for programs; the same queries, the same session, the same subtree."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from vonggac_collector import enrolment, views
from vonggac_collector.auth import sessions, web
from vonggac_collector.enrolment_views import EnrolPage
from vonggac_collector.errors import PROBLEM_TYPE, PROBLEMS, Invalid
from vonggac_collector.queries import MAX_FOUND
from vonggac_contract.envelope import JSON_MEDIA, PROBLEM_MEDIA

router = APIRouter(prefix="/api/v1", tags=["people"])
MAX_EXPIRY: Final = timedelta(days=365)


class SignIn(BaseModel):
    """Name and password."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(min_length=1, max_length=120)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class NewToken(BaseModel):
    """A token for `uses` machines of `unit` (and `system`), good until `expires_at`; or for `host`'s next epoch.

    `approval`: somebody has to approve each machine.
    """

    model_config = ConfigDict(extra="forbid")
    unit: Annotated[str, Field(min_length=1, max_length=80)]
    system: Annotated[str | None, Field(max_length=80)] = None
    host: Annotated[str | None, Field(max_length=36)] = None
    uses: Annotated[int, Field(ge=1, le=enrolment.MAX_USES, strict=True)] = 1
    expires_at: datetime
    approval: Annotated[bool, Field(strict=True)] = False


def _answer(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=JSON_MEDIA)


def _shown(kind: str, *, several: bool = False) -> dict[int | str, dict[str, Any]]:
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{kind}"}
    if several:
        schema = {"type": "array", "items": schema}
    problem = {PROBLEM_MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        200: {"description": "found", "content": {JSON_MEDIA: {"schema": schema}}},
        401: {"description": "nobody is signed in", "content": problem},
        404: {"description": "not there, or not for this caller", "content": problem},
    }


@router.get("/problems")
def problems() -> Response:
    """Every refusal's code, status and what to do; the same codes stand in the counters and the audit log."""
    found = [
        {"type": PROBLEM_TYPE + code, "code": code, "status": p.status, "title": p.title, "hint": p.hint}
        for code, p in PROBLEMS.items()
    ]
    return _answer(found)


@router.post("/session")
def sign_in(request: Request, given: SignIn) -> Response:
    """Begin a session: sets the cookie, answers with the token that changes must carry as X-CSRF-Token."""
    cookie = web.sign_in(request, given.name, given.password)
    found = sessions.find(request.app.state.ledger, cookie.secret, request.app.state.now())
    if found is None:
        raise Invalid("session: it ended at once; is the clock right?")
    session, caller = found
    answer = _answer({"name": caller.name, "role": caller.role, "unit": caller.unit, "csrf": session.csrf})
    cookie.put(answer)
    return answer


@router.delete("/session")
def sign_out(request: Request) -> Response:
    """End the session."""
    cookie = web.sign_out(request, {})
    answer = Response(status_code=204)
    cookie.put(answer)
    return answer


@router.get("/overview", responses=_shown("Overview"))
def overview(request: Request) -> Response:
    """The caller's top units, ranked."""
    return _answer(request.app.state.queries.overview(web.current_caller(request)))


@router.get("/units/{code:path}", responses=_shown("UnitPage"))
def unit(request: Request, code: str) -> Response:
    """Where a unit stands, why, and what to do first."""
    return _answer(request.app.state.queries.unit(web.current_caller(request), code))


@router.get("/hosts", responses=_shown("HostRow", several=True))
def hosts(
    request: Request,
    text: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_FOUND)] = 50,
) -> Response:
    """Hosts whose name or id holds `text`."""
    return _answer(request.app.state.queries.search_hosts(web.current_caller(request), text, limit))


@router.get("/hosts/{host_id}", responses=_shown("HostPage"))
def host(request: Request, host_id: str) -> Response:
    """What is wrong with a host, and how to fix it."""
    return _answer(request.app.state.queries.host(web.current_caller(request), host_id))


@router.get("/rules", responses=_shown("RuleListRow", several=True))
def rules(request: Request) -> Response:
    """Every rule in force."""
    return _answer(request.app.state.queries.rules(web.current_caller(request)))


@router.get("/rules/{rule_id}", responses=_shown("RulePage"))
def rule(request: Request, rule_id: str, unit: Annotated[str, Query(max_length=80)] = "") -> Response:
    """What a rule asks, and where it fails: by unit, beneath one with many by those directly beneath it."""
    return _answer(request.app.state.queries.rule(web.current_caller(request), rule_id, within=unit))


@router.get("/enrolment", responses=_shown("EnrolPage"))
def enrol_page(request: Request, find: Annotated[str, Query(max_length=80)] = "") -> Response:
    """Tokens, the machines that came lately, and the first units whose name holds `find`."""
    return _answer(request.app.state.queries.enrol(web.current_caller(request), find=find))


@router.post("/tokens", status_code=201)
def create_token(request: Request, given: NewToken) -> Response:
    """Make an enrolment token; its text is in this answer and nowhere else."""
    caller = web.current_caller(request)
    web.check_csrf(request, {})
    now = request.app.state.now()
    if given.expires_at.tzinfo is None or not now < given.expires_at <= now + MAX_EXPIRY:
        raise Invalid(f"expires_at: must be within the next {MAX_EXPIRY.days} days, with its zone")
    text, row = enrolment.create_token(
        request.app.state.ledger,
        caller,
        given.unit,
        given.system,
        given.uses,
        given.expires_at,
        now,
        host=given.host,
        approval=given.approval,
    )
    return _answer({"token": text, "row": row}, 201)


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(request: Request, token_id: str) -> Response:
    """From now on the token enrols nobody."""
    caller = web.current_caller(request)
    web.check_csrf(request, {})
    enrolment.revoke_token(request.app.state.ledger, caller, token_id, request.app.state.now())
    return Response(status_code=204)


SHOWN: Final = (
    views.Overview,
    views.UnitPage,
    views.HostPage,
    views.HostRow,
    views.RulePage,
    views.RuleListRow,
    EnrolPage,
)
"""The read models that the API's description names."""
