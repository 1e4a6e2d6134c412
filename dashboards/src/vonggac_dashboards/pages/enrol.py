"""`/enrol`: how do I add a machine? Makes tokens, shows each once with the two lines to copy, and revokes them; lets in
machines that wait, or turns them away.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vonggac_collector import approval, enrolment
from vonggac_collector.auth import web
from vonggac_collector.auth.caller import require
from vonggac_collector.enrolment_views import ApplicantRow, EnrolPage, TokenRow
from vonggac_collector.errors import Invalid
from vonggac_collector.views import SystemRow, UnitLink
from vonggac_contract.enrolment import fingerprint

from ..format import number
from ..instructions import command_block
from ..language import Language
from .forms import Form, form_of, whole_number
from .session import Visit, may, visit
from .shared import asked_text

router = APIRouter(include_in_schema=False)
MAX_USES: Final = 1_000
MAX_DAYS: Final = 90
USABLE: Final = 40
ENDED: Final = 10
"""Tokens in the list: those that still enrol, and those that don't any more."""
FormFields = Annotated[Form, Depends(form_of)]


class Given(msgspec.Struct, frozen=True):
    """What the form holds: at first what is usual, after a refusal what was typed."""

    unit: str = ""
    system: str = ""
    uses: str = "1"
    days: str = "7"
    find: str = ""
    approval: bool = False


class Made(msgspec.Struct, frozen=True):
    """A token just made, with the text that is shown once and kept nowhere."""

    text: str
    row: TokenRow
    hostname: str = ""
    """The one host that it is for, if it is."""


def two_lines(collector_url: str, token: str, *, again: bool = False) -> list[str]:
    """The commands for the machine: enrol, start the service. The token stays out of the process list, and by the
    space before it out of the history of a shell with HISTCONTROL=ignorespace (bash(1)).
    """
    url, more = shlex.quote(collector_url), " --again" if again else ""
    enrol = f"sudo vonggac-agent enrol --collector {url} --token-file /dev/stdin{more}"
    return [
        f" printf '%s\\n' {shlex.quote(token)} | {enrol}",
        "sudo vonggac-agent service install",
    ]


def shows_sample(view: EnrolPage) -> bool:
    """Whether anything on the page is sample data."""
    return (
        any(u.sample for u in view.units)
        or any(t.unit.sample for t in view.tokens)
        or any(h.sample for h in view.recent)
        or any(a.unit.sample for a in view.applicants)
    )


def chosen_unit(view: EnrolPage, code: str) -> UnitLink | None:
    """The unit that tokens are made for: the one asked for, else one of their own machines, else the first."""
    real = [u for u in view.units if not u.sample]
    asked = [u for u in view.units if u.code == code]
    return next(iter([*asked, *real[-1:], *view.units]), None)


def fingerprints(applicants: Sequence[ApplicantRow]) -> dict[str, tuple[str, str]]:
    """By key id: as the machine prints it too."""
    return {a.keyid: fingerprint(a.keyid) for a in applicants}


def usable(tokens: Sequence[TokenRow], now: datetime) -> list[TokenRow]:
    """The tokens that still enrol, the newest first."""
    return [t for t in _newest(tokens) if _enrols(t, now)]


def ended(tokens: Sequence[TokenRow], now: datetime) -> list[TokenRow]:
    """Those that don't any more, the newest first."""
    return [t for t in _newest(tokens) if not _enrols(t, now)]


def _newest(tokens: Sequence[TokenRow]) -> list[TokenRow]:
    return sorted(tokens, key=lambda t: t.created_at, reverse=True)


def _enrols(token: TokenRow, now: datetime) -> bool:
    return bool(token.uses_left) and not token.revoked and token.expires_at > now


def context(
    language: Language,
    view: EnrolPage,
    chosen: UnitLink | None,
    systems: Sequence[SystemRow],
    given: Given,
    made: Made | None = None,
    problem: str = "",
    *,
    may_decide: bool = False,
) -> dict[str, Any]:
    """What the template needs. `systems`: those of the chosen unit, for a token is for one of them or for none."""
    good, gone = usable(view.tokens, view.as_of), ended(view.tokens, view.as_of)
    lines = two_lines(view.collector_url, made.text, again=bool(made.hostname)) if made else []
    return {
        "view": view,
        "chosen": chosen,
        "systems": systems,
        "usable": good[:USABLE],
        "ended": gone[:ENDED],
        "ended_total": max(view.tokens_total - len(good), len(gone)),
        "given": given,
        "made": made,
        "commands": [command_block(language, [line]) for line in lines],
        "waiting": [a for a in view.applicants if a.state == "waiting"],
        "decided": [a for a in view.applicants if a.state != "waiting"][:ENDED],
        "fingerprints": fingerprints(view.applicants),
        "system_names": {s.id: language.pick(s.name_vi, s.name_en) for s in view.systems},
        "problem": problem,
        "may_decide": may_decide,
    }


def page(
    visitor: Visit, given: Given, made: Made | None = None, problem: str = "", status: int = 200
) -> Response:
    """The page, for `host` too, whose tokens are shown on it."""
    view = visitor.queries.enrol(visitor.caller, find=given.find, unit=given.unit)
    chosen = chosen_unit(view, given.unit)
    systems = visitor.queries.unit(visitor.caller, chosen.code).systems if chosen else []
    decides = may(visitor.caller, "decide")
    values = context(visitor.language, view, chosen, systems, given, made, problem, may_decide=decides)
    return visitor.answer("enrol.html", as_of=view.as_of, sample=shows_sample(view), status=status, **values)


@router.get("/enrol")
def enrol(request: Request) -> Response:
    """The form, the tokens, and who came lately."""
    visitor = visit(request)
    require(visitor.caller, "enrol")
    asked = request.query_params
    return page(visitor, Given(unit=asked.get("unit", ""), find=asked_text(asked.get("find"))))


@router.post("/enrol")
def make_token(request: Request, form: FormFields) -> Response:
    """Make a token and show it, this once; a value that does not fit is named, and what was typed stays."""
    visitor = visit(request)
    web.check_csrf(request, form)
    given = Given(
        form.get("unit", ""),
        form.get("system", ""),
        form.get("uses", ""),
        form.get("days", ""),
        approval="approval" in form,
    )
    uses, days = whole_number(given.uses, 1, MAX_USES), whole_number(given.days, 1, MAX_DAYS)
    t = visitor.language
    if uses is None:
        told = t.gettext("Number of machines: a whole number from 1 to %(most)s.") % {
            "most": number(t, MAX_USES)
        }
        return page(visitor, given, problem=told, status=422)
    if days is None:
        told = t.gettext("Valid for: a whole number of days from 1 to %(most)s.") % {"most": MAX_DAYS}
        return page(visitor, given, problem=told, status=422)
    now = visitor.queries.now()
    try:
        text, row = enrolment.create_token(
            request.app.state.ledger,
            visitor.caller,
            given.unit,
            given.system or None,
            uses,
            now + timedelta(days=days),
            now,
            approval=given.approval,
        )
    except Invalid as error:
        request.state.page = page(visitor, given, problem=str(error), status=422)
        raise
    return page(visitor, Given(unit=given.unit, system=given.system), Made(text, row))


@router.post("/enrol/{token_id}/revoke")
def revoke(request: Request, token_id: str, form: FormFields) -> Response:
    """From now on the token enrols nobody."""
    visitor = visit(request)
    web.check_csrf(request, form)
    enrolment.revoke_token(request.app.state.ledger, visitor.caller, token_id, visitor.queries.now())
    return RedirectResponse("/enrol", 303)


@router.post("/enrol/machines/{keyid}/approve")
def approve(request: Request, keyid: str, form: FormFields) -> Response:
    """Let a machine in."""
    return _decided(request, keyid, form, approval.approve)


@router.post("/enrol/machines/{keyid}/refuse")
def refuse(request: Request, keyid: str, form: FormFields) -> Response:
    """Turn a machine away for good, with a reason that it is told."""
    return _decided(request, keyid, form, approval.refuse)


def _decided(request: Request, keyid: str, form: Form, decide: Callable[..., object]) -> Response:
    visitor = visit(request)
    web.check_csrf(request, form)
    try:
        decide(request.app.state.ledger, visitor.caller, keyid, form.get("reason", ""), visitor.queries.now())
    except Invalid as error:
        request.state.page = page(visitor, Given(), problem=str(error), status=422)
        raise
    return RedirectResponse("/enrol", 303)
