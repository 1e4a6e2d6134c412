"""`/units/{code}`: where do we stand, why, and what first?"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.views import HostRow, UnitPage

from ..charts.heard_strip import heard_strip
from ..charts.sparkline import sparkline
from ..language import Language, folded
from ..preferences import here_with
from .forms import whole_number
from .session import visit
from .shared import SILENCE_KIND, asked_text, explained, sparklines, trend_points

router = APIRouter(include_in_schema=False)


HOSTS: Final = 40
HOSTS_BESIDE_CHILDREN: Final = 8
"""Hosts on one page, and where the units beneath take most of it; the page has to stay under 100 kB."""


def shows_sample(view: UnitPage) -> bool:
    """Whether anything on the page is sample data."""
    return (
        view.unit.sample
        or any(h.sample for h in view.hosts)
        or any(c.unit.sample for c in view.children)
        or any(s.sample for s in view.systems)
    )


def context(
    language: Language, view: UnitPage, path: str, query: list[tuple[str, str]], find: str, first: int
) -> dict[str, Any]:
    """What the template needs beside the read model. `first`: place of the first host shown, from 0."""
    ages = [None if h.looked_at is None else (view.as_of - h.looked_at).total_seconds() for h in view.hosts]
    found = found_hosts(view.hosts, find)
    size = HOSTS_BESIDE_CHILDREN if view.children else HOSTS
    after, before = first + size, max(0, first - size)
    return {
        "view": view,
        "trend": sparkline(language, trend_points(view.trend), width=320, height=44),
        "waterfall": explained(language, view.deductions, view.standing.score, with_hosts=True),
        "charts": sparklines(language, view.children),
        "heard": heard_strip(language, ages),
        "silence": sum(d.points for d in view.deductions if d.kind == SILENCE_KIND),
        "hosts": found[first:after],
        "found": len(found),
        "first": first,
        "find": find,
        "searchable": len(view.hosts) > size,
        "next_link": here_with(path, query, **{"from": str(after)}) + "#hosts" if after < len(found) else "",
        "previous_link": here_with(path, query, **{"from": str(before) if before else ""}) + "#hosts"
        if first
        else "",
    }


def found_hosts(hosts: list[HostRow], find: str) -> list[HostRow]:
    """The hosts whose name holds `find`."""
    wanted = folded(find)
    return [h for h in hosts if wanted in folded(h.hostname)] if wanted else hosts


@router.get("/units/{code:path}")
def unit(request: Request, code: str) -> HTMLResponse:
    """One unit, or the same 404 for one that is not there and one that the caller may not see."""
    visitor = visit(request)
    view = visitor.queries.unit(visitor.caller, code)
    asked, query = request.query_params, request.query_params.multi_items()
    first = whole_number(asked.get("from", ""), 0, len(view.hosts)) or 0
    values = context(visitor.language, view, request.url.path, query, asked_text(asked.get("host")), first)
    return visitor.answer("unit.html", as_of=view.as_of, sample=shows_sample(view), **values)
