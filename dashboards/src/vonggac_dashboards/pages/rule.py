"""`/rules` and `/rules/{id}`: what is asked, why, and who fails?"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.views import RuleListRow, RulePage
from vonggac_contract.finding import DOMAINS, SEVERITIES

from ..language import folded
from .session import visit
from .shared import asked_text

router = APIRouter(include_in_schema=False)
UNITS: Final = 40
"""Units of which the failing hosts are named; the page has to stay under 100 kB."""


def chosen(rows: list[RuleListRow], find: str, domain: str) -> list[RuleListRow]:
    """The rules that fit, those that fail on most hosts first."""
    wanted = folded(find)
    fitting = [
        r
        for r in rows
        if wanted in folded(" ".join([r.id, *r.title.values()])) and (not domain or r.domain == domain)
    ]
    return sorted(fitting, key=lambda r: (-r.failing, _place(r.severity), r.id))


def _place(severity: str) -> int:
    return next((i for i, s in enumerate(SEVERITIES) if s == severity), len(SEVERITIES))


def shows_sample(view: RulePage) -> bool:
    """Whether anything on the page is sample data."""
    return any(f.unit.sample or any(h.sample for h in f.hosts) for f in view.failures)


def list_context(rows: list[RuleListRow], find: str, domain: str) -> dict[str, Any]:
    """What the list's template needs."""
    domain = next((d for d in DOMAINS if d == domain), "")
    return {
        "rows": chosen(rows, find, domain),
        "total": len(rows),
        "find": find,
        "domain": domain,
        "domains": DOMAINS,
    }


@router.get("/rules")
def rules(request: Request) -> HTMLResponse:
    """Every rule in force, with how often it fails where the caller may look."""
    visitor = visit(request)
    query = request.query_params
    rows = visitor.queries.rules(visitor.caller)
    values = list_context(rows, asked_text(query.get("find")), query.get("domain") or "")
    return visitor.answer("rules.html", as_of=visitor.queries.now(), **values)


@router.get("/rules/{rule_id}")
def rule(request: Request, rule_id: str) -> HTMLResponse:
    """One rule."""
    visitor = visit(request)
    view = visitor.queries.rule(visitor.caller, rule_id)
    return visitor.answer("rule.html", as_of=view.as_of, sample=shows_sample(view), view=view, shown=UNITS)
