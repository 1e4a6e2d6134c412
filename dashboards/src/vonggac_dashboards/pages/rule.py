"""`/rules` and `/rules/{id}`: what is asked, why, and who fails?"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.views import RuleListRow, RulePage
from vonggac_contract.finding import DOMAINS, SEVERITIES

from ..language import Language, folded
from ..preferences import here_with
from ..topics import topic_of
from ..words import word
from .session import visit
from .shared import asked_text, first_asked, part_of

router = APIRouter(include_in_schema=False)
UNITS: Final = 20
"""Units on one page of those where a rule fails."""
MOST_UNITS: Final = 100_000
"""More than there are in any country."""


RULES: Final = 100
"""Rules on one page of the list; all of five hundred would be a page of over 200 kB."""


def chosen(rows: list[RuleListRow], find: str, domain: str, topic: str = "") -> list[RuleListRow]:
    """The rules that fit, those that fail on most hosts first."""
    wanted = folded(find)
    fitting = [
        r
        for r in rows
        if wanted in folded(" ".join([r.id, *r.title.values()]))
        and (not domain or r.domain == domain)
        and (not topic or topic_of(r.id) == topic)
    ]
    return sorted(fitting, key=lambda r: (-r.failing, _place(r.severity), r.id))


def _place(severity: str) -> int:
    return next((i for i, s in enumerate(SEVERITIES) if s == severity), len(SEVERITIES))


def shows_sample(view: RulePage) -> bool:
    """Whether anything on the page is sample data."""
    return any(f.unit.sample or any(h.sample for h in f.hosts) for f in view.failures)


def topics(language: Language, rows: list[RuleListRow]) -> list[tuple[str, str, int]]:
    """(code, word, number of rules) of each topic there is, by its word."""
    counts = Counter(topic_of(r.id) for r in rows if topic_of(r.id))
    found = [(code, word(language, "topic", code), count) for code, count in counts.items()]
    return sorted(found, key=lambda s: folded(s[1]))


def list_context(
    language: Language, rows: list[RuleListRow], path: str, query: list[tuple[str, str]]
) -> dict[str, Any]:
    """What the list's template needs. `query`: among it `find`, `domain`, `topic` and `from`."""
    asked = dict(query)
    find = asked_text(asked.get("find"))
    domain = next((d for d in DOMAINS if d == asked.get("domain")), "")
    there = topics(language, rows)
    topic = next((s[0] for s in there if s[0] == asked.get("topic")), "")
    found = chosen(rows, find, domain, topic)
    first = first_asked(asked.get("from"), len(found))
    return {
        "rows": found[first : first + RULES],
        "part": part_of(path, query, first, RULES, len(found), "rules"),
        "total": len(rows),
        "find": find,
        "domain": domain,
        "domains": DOMAINS,
        "topic": topic,
        "topics": there,
    }


@router.get("/rules")
def rules(request: Request) -> HTMLResponse:
    """Every rule in force, with how often it fails where the caller may look."""
    visitor = visit(request)
    rows = visitor.queries.rules(visitor.caller)
    values = list_context(visitor.language, rows, request.url.path, request.query_params.multi_items())
    return visitor.answer("rules.html", as_of=visitor.queries.now(), **values)


@router.get("/rules/{rule_id}")
def rule(request: Request, rule_id: str) -> HTMLResponse:
    """One rule."""
    visitor = visit(request)
    query = request.query_params.multi_items()
    asked = dict(query)
    place = first_asked(asked.get("from"), MOST_UNITS)
    view = visitor.queries.rule(visitor.caller, rule_id, within=asked.get("unit", ""), first=place)
    first = place if place < len(view.failures) else 0
    failures = view.failures[first : first + UNITS]
    values = {
        "view": view,
        "failures": failures,
        "narrower": {
            f.unit.code: here_with(request.url.path, [], unit=f.unit.code) + "#failing"
            for f in failures
            if f.beneath
        },
        "part": part_of(request.url.path, query, first, UNITS, len(view.failures), "failing"),
    }
    return visitor.answer("rule.html", as_of=view.as_of, sample=shows_sample(view), **values)
