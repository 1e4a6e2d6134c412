"""`/`: who is doing how well, and who is not heard from?"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.views import Overview, UnitRow

from ..charts.sparkline import sparkline
from ..charts.tile_grid import Tile, bare_name, map_code, tile_grid
from ..language import Language
from .session import visit
from .shared import (
    asked_text,
    found_units,
    sort_key,
    sorted_units,
    sorting_of,
    sparklines,
    trend_points,
)

router = APIRouter(include_in_schema=False)
MOVERS: Final = 5
ATTENTION: Final = 8


def movers(rows: list[UnitRow], *, up: bool) -> list[UnitRow]:
    """The few units that rose, or fell, most in 30 days."""
    moved = [
        (r.standing.change, r)
        for r in rows
        if r.standing.change is not None and (r.standing.change > 0) == up
    ]
    real = [(c, r) for c, r in moved if c]
    ordered = sorted(real, key=lambda pair: -abs(pair[0]))
    return [r for _, r in ordered[:MOVERS]]


def attention(rows: list[UnitRow]) -> list[UnitRow]:
    """The few units with most silent hosts or most critical failures."""
    concerned = [r for r in rows if r.silent or r.critical]
    return sorted(concerned, key=lambda r: (-(r.silent / max(1, r.hosts)), -r.critical))[:ATTENTION]


def tile_of(language: Language, row: UnitRow) -> Tile:
    """A province as a tile."""
    enough = row.standing.sufficient
    return Tile(
        map_code(row.unit.code, row.unit.name_vi),
        language.pick(bare_name(row.unit.name_vi), row.unit.name_en),
        "/units/" + quote(row.unit.code),
        row.standing.score if enough else None,
        row.standing.grade if enough else None,
    )


def context(
    language: Language, view: Overview, path: str, query: list[tuple[str, str]], find: str, sort: str
) -> dict[str, Any]:
    """What the template needs beside the read model."""
    own = [view.own] if view.own is not None else []
    everybody = [*view.ranked, *view.insufficient, *own]
    many = len(everybody) > MOVERS * 2
    return {
        "view": view,
        "trend": sparkline(language, trend_points(view.trend), width=320, height=44),
        "tiles": tile_grid(language, [tile_of(language, r) for r in view.tiles]) if view.tiles else None,
        "sample_tiles": any(r.unit.sample for r in view.tiles),
        "quiet": sum(r.silent for r in everybody),
        "movers_up": movers(view.ranked, up=True) if many else [],
        "movers_down": movers(view.ranked, up=False) if many else [],
        "attention": attention(everybody) if many else [],
        "ranked": [*sorted_units(found_units(view.ranked, find), sort), *found_units(own, find)],
        "charts": sparklines(language, [r for r in everybody if not r.own]),
        "sorting": sorting_of(sort, path, query),
        "find": find,
    }


@router.get("/")
def overview(request: Request) -> HTMLResponse:
    """The overview of what the caller may see."""
    visitor = visit(request)
    view = visitor.queries.overview(visitor.caller)
    find, sort = asked_text(request.query_params.get("find")), sort_key(request.query_params.get("sort"))
    query = request.query_params.multi_items()
    values = context(visitor.language, view, request.url.path, query, find, sort)
    return visitor.answer("overview.html", as_of=view.as_of, sample=view.sample, **values)
