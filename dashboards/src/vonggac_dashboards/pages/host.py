"""`/hosts/{id}`: what is wrong here, and how is it fixed?"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.views import FindingRow, HostPage
from vonggac_contract.finding import SEVERITIES

from ..evidence import actual, expected, offender
from ..inert import MAX_ENTRY, MAX_NAME, MAX_SHOWN, inert
from ..language import Language
from .inventory import inventory
from .session import visit
from .shared import explained

router = APIRouter(include_in_schema=False)
WAIVED: Final = "waived"
WRONG: Final = ("fail", "partial", "unknown")
ALL_TEXT: Final = 32_000
"""Bytes of the findings that are wrong, shown with their steps or in a line each, and REPORTS of the chain: the page
has to stay under 100 kB."""
AROUND: Final = 1_500
AROUND_LINE: Final = 280
"""Bytes of markup around one finding, roughly: with its steps, and in a line."""
REPORTS: Final = 6
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


def grouped(language: Language, findings: list[FindingRow], chosen: str = "") -> list[Group]:
    """Findings by outcome in ORDER, worst first, the one of the rule `chosen` before all of its group.

    What is waived stands apart, for it is accepted, not fixed.
    """
    by_outcome: dict[str, list[FindingRow]] = {name: [] for name in ORDER}
    for row in findings:
        waived = row.waived_until is not None and row.outcome in WRONG
        by_outcome.setdefault(WAIVED if waived else row.outcome, []).append(row)
    used = sum(line_size_of(language, row) for name in WRONG for row in by_outcome[name])
    groups = list[Group]()
    for name, rows in by_outcome.items():
        ordered = sorted(rows, key=lambda r: (r.rule != chosen, *_worst_first(r)))
        in_full = 0
        for row in ordered if name in WRONG else ():
            used += size_of(language, row) - line_size_of(language, row)
            if used > ALL_TEXT and row.rule != chosen and (in_full or groups):
                break
            in_full += 1
        groups.append(Group(name, ordered, in_full))
    return groups


def size_of(language: Language, row: FindingRow) -> int:
    """About how many bytes the finding takes when it is shown with its steps."""
    texts = [language.text_of(t) for t in (row.title, row.why, row.fix)]
    for piece in row.evidence:
        texts += [v[:MAX_SHOWN] + " " * 30 for v in (expected(language, piece), actual(language, piece))]
        texts += [offender(language, o, piece)[:MAX_ENTRY] + " " * 25 for o in piece.offenders]
    return AROUND + _bytes(texts)


def line_size_of(language: Language, row: FindingRow) -> int:
    """About how many bytes the finding takes in a line."""
    texts = [language.text_of(row.title)[:MAX_NAME], row.rule]
    for piece in row.evidence[:1]:
        texts += [expected(language, piece)[:MAX_ENTRY], actual(language, piece)[:MAX_NAME]]
    return AROUND_LINE + _bytes(texts)


def _bytes(texts: list[str]) -> int:
    return sum(len(inert(t).encode("utf-8", "replace")) for t in texts)


def _worst_first(row: FindingRow) -> tuple[int, int, str]:
    place = next((i for i, s in enumerate(SEVERITIES) if s == row.severity), len(SEVERITIES))
    return -row.points, place, row.rule


def context(language: Language, view: HostPage, path: str, query: list[tuple[str, str]]) -> dict[str, Any]:
    """What the template needs beside the read model."""
    chosen = dict(query).get("rule", "")
    groups = grouped(language, view.findings, chosen)
    return {
        "view": view,
        "groups": groups,
        "chosen": chosen,
        "shown_reports": min(REPORTS, len(view.reports)),
        "failing": sum(g.count for g in groups if g.outcome in WRONG),
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
