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
from ..words import REMEDIES
from .session import Visit, visit
from .shared import (
    ALL_DEDUCTIONS,
    SILENCE_KIND,
    UNKNOWN_KIND,
    all_deductions,
    asked_text,
    explained,
    first_asked,
    part_of,
    sparklines,
    trend_points,
)

router = APIRouter(include_in_schema=False)


UNITS: Final = 50
"""Units beneath on one page: a row with its trend takes about 1 kB."""
UNITS_FROM: Final = "units"
HOSTS: Final = 40
HOSTS_BESIDE_CHILDREN: Final = 5
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
    place = first_asked(dict(query).get(UNITS_FROM), len(view.children))
    children = view.children[place : place + UNITS]
    return {
        "view": view,
        "trend": sparkline(language, trend_points(view.trend), width=320, height=44),
        "waterfall": explained(
            language,
            view.deductions,
            view.standing.score,
            with_hosts=True,
            all_link=here_with(path, [], **dict([ALL_DEDUCTIONS])),
        ),
        "children": children,
        "units_part": part_of(path, query, place, UNITS, len(view.children), "units", UNITS_FROM),
        "charts": sparklines(language, children),
        "heard": heard_strip(language, ages),
        "silence": sum(d.points for d in view.deductions if d.kind == SILENCE_KIND),
        "not_known": sum(d.points for d in view.deductions if d.kind == UNKNOWN_KIND),
        "remedies": {code: language.gettext(text) for code, text in REMEDIES.items()},
        "only_host": view.hosts[0] if view.hosts_total == len(view.hosts) == 1 else None,
        "hosts": found[first : first + size],
        "part": part_of(path, query, first, size, len(found), "hosts"),
        "find": find,
        "searchable": len(view.hosts) > size,
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
    if ALL_DEDUCTIONS in query and view.standing.score is not None:
        return _deductions(visitor, view, request.url.path, query)
    first = first_asked(asked.get("from"), len(view.hosts))
    values = context(visitor.language, view, request.url.path, query, asked_text(asked.get("host")), first)
    return visitor.answer("unit.html", as_of=view.as_of, sample=shows_sample(view), **values)


def _deductions(visitor: Visit, view: UnitPage, path: str, query: list[tuple[str, str]]) -> HTMLResponse:
    """All that keeps the unit's score from being 100."""
    score = view.standing.score or 0
    values = all_deductions(visitor.language, view.deductions, score, path, query, with_hosts=True)
    name = visitor.language.pick(view.unit.name_vi, view.unit.name_en)
    head = {"name": name, "path": [link for link in view.path if link.code != view.unit.code], "back": path}
    return visitor.answer("deductions.html", as_of=view.as_of, sample=view.unit.sample, **head, **values)
