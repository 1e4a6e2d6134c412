"""`/hosts/{id}`: what is wrong here, and how is it fixed?"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.views import FindingRow, HostPage
from vonggac_contract.finding import SEVERITIES

from ..language import Language
from .inventory import inventory
from .problems import PageRoute
from .session import visit
from .shared import explained

router = APIRouter(include_in_schema=False, route_class=PageRoute)
WAIVED: Final = "waived"
IN_FULL: Final = 20
"""Findings shown with their steps, and REPORTS of the chain: the page has to stay under 100 kB."""
REPORTS: Final = 10
ORDER: Final = ("fail", "partial", "unknown", WAIVED, "pass", "not-applicable")


class Group(msgspec.Struct, frozen=True):
    """The findings of one outcome, worst first."""

    outcome: str
    findings: list[FindingRow]
    in_full: int
    """How many of them are shown with their steps."""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.findings)


def grouped(findings: list[FindingRow]) -> list[Group]:
    """Findings by outcome in ORDER; what is waived stands apart, for it is accepted, not fixed."""
    by_outcome: dict[str, list[FindingRow]] = {name: [] for name in ORDER}
    for row in findings:
        waived = row.waived_until is not None and row.outcome in ("fail", "partial", "unknown")
        by_outcome.setdefault(WAIVED if waived else row.outcome, []).append(row)
    left, groups = IN_FULL, list[Group]()
    for name, rows in by_outcome.items():
        groups.append(Group(name, sorted(rows, key=_worst_first), left))
        left = max(0, left - len(rows))
    return groups


def _worst_first(row: FindingRow) -> tuple[int, int, str]:
    place = next((i for i, s in enumerate(SEVERITIES) if s == row.severity), len(SEVERITIES))
    return -row.points, place, row.rule


def context(language: Language, view: HostPage, path: str, query: list[tuple[str, str]]) -> dict[str, Any]:
    """What the template needs beside the read model."""
    groups = grouped(view.findings)
    return {
        "view": view,
        "groups": groups,
        "shown_reports": min(REPORTS, len(view.reports)),
        "failing": sum(g.count for g in groups if g.outcome in ("fail", "partial", "unknown")),
        "age_of_look": None if view.looked_at is None else (view.as_of - view.looked_at).total_seconds(),
        "path_to_host": [*(u for u in view.path if u.code != view.unit.code), view.unit],
        "waterfall": explained(language, view.deductions, view.effective, with_hosts=False)
        or explained(language, view.deductions, view.score, with_hosts=False),
        "stock": inventory(language, view, path, query),
        "since_words": {
            "fail": language.gettext("Failing since"),
            "partial": language.gettext("Partial since"),
            "unknown": language.gettext("Unknown since"),
        },
    }


@router.get("/hosts/{host_id}")
def host(request: Request, host_id: str) -> HTMLResponse:
    """One host, or the same 404 for one that is not there and one that the caller may not see."""
    visitor = visit(request)
    view = visitor.queries.host(visitor.caller, host_id)
    query = request.query_params.multi_items()
    values = context(visitor.language, view, request.url.path, query)
    return visitor.answer("host.html", as_of=view.as_of, sample=view.sample, **values)
