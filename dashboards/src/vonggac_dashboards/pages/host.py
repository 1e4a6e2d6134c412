"""`/hosts/{id}`: what is wrong here, and how is it fixed?"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vonggac_collector.identity_views import Fork, ForkSide
from vonggac_collector.views import FindingRow, HostPage, UnitLink
from vonggac_contract.finding import SEVERITIES

from ..charts.waterfall import FULL
from ..evidence import actual, expected, offender
from ..inert import MAX_ENTRY, MAX_NAME, MAX_SHOWN, inert
from ..language import Language, folded
from ..preferences import here_with
from ..topics import topic_of
from ..words import word
from .inventory import inventory
from .sections import titled
from .session import may, visit
from .shared import ALL_DEDUCTIONS, all_deductions, explained

router = APIRouter(include_in_schema=False)
WAIVED: Final = "waived"
WRONG: Final = ("fail", "partial", "unknown")
ALL_TEXT: Final = 30_000
"""Bytes of the findings that are wrong, shown with their steps or in a line each, and REPORTS of the chain: the page
has to stay under 100 kB."""
ALL_LISTS: Final = 28_000
"""Bytes of all findings together: those that pass or do not apply are named one by one if they fit, else by topic."""
AROUND: Final = 1_500
AROUND_LINE: Final = 280
AROUND_BARE: Final = 200
AROUND_NAME: Final = 70
"""Bytes of markup around one finding, roughly: with its steps, in a line, in one without evidence, as a name."""
ALL_LINES: Final = 20_000
"""Bytes of the lines alone where there are so many that evidence does not fit: each has its points below as well."""
SOME_EVIDENCE: Final = 4_000
"""Bytes of evidence that the worst get even then."""
REPORTS: Final = 6
ORDER: Final = ("fail", "partial", "unknown", WAIVED, "pass", "not-applicable")


class Group(msgspec.Struct, frozen=True):
    """The findings of one outcome, worst first."""

    outcome: str
    findings: list[FindingRow]
    in_full: int = 0
    """How many of them are shown with their steps."""
    with_evidence: int = 0
    """How many are shown at least with what was found."""
    listed: int = 0
    """How many are named at all; the others are counted, by topic where they are not wrong."""

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
    for rows in by_outcome.values():
        rows.sort(key=lambda r: (r.rule != chosen, *_worst_first(r)))
    lines = sum(line_size_of(language, row) for name in WRONG for row in by_outcome[name])
    if lines <= ALL_TEXT:
        groups, used = _in_full(language, by_outcome, chosen, lines)
    else:
        groups, used = _in_lines(language, by_outcome, chosen)
    for name, rows in by_outcome.items():
        if name not in WRONG:
            size = sum(AROUND_NAME + _bytes([language.text_of(r.title)[:MAX_NAME], r.rule]) for r in rows)
            fits = name == WAIVED or used + size <= ALL_LISTS
            used += size if fits else 0
            groups[name] = Group(name, rows, listed=len(rows) if fits else 0)
    return [groups[name] for name in by_outcome]


def _in_full(
    language: Language, by_outcome: dict[str, list[FindingRow]], chosen: str, used: int
) -> tuple[dict[str, Group], int]:
    """The groups of what is wrong where every finding has a line: as many with their steps as there is room for."""
    groups: dict[str, Group] = {}
    for name in WRONG:
        rows, in_full = by_outcome[name], 0
        for row in rows:
            size = size_of(language, row) - line_size_of(language, row)
            if used + size > ALL_TEXT and row.rule != chosen and (in_full or groups):
                break
            used += size
            in_full += 1
        groups[name] = Group(name, rows, in_full, len(rows), len(rows))
    return groups, used


def _in_lines(
    language: Language, by_outcome: dict[str, list[FindingRow]], chosen: str
) -> tuple[dict[str, Group], int]:
    """The same where there are too many: the worst with its steps, then lines, then lines without evidence."""
    listed = dict.fromkeys(WRONG, 0)
    used = 0
    # What is partial or unknown is mostly little: it comes before the long list of what fails.
    for name in reversed(WRONG):
        for row in by_outcome[name]:
            size = bare_size_of(language, row)
            if used + size > ALL_LINES:
                break
            used += size
            listed[name] += 1
    groups: dict[str, Group] = {}
    for name in WRONG:
        rows, with_evidence = by_outcome[name], 0
        for row in rows[: listed[name]]:
            more = line_size_of(language, row) - bare_size_of(language, row)
            if used + more > ALL_LINES + SOME_EVIDENCE:
                break
            used += more
            with_evidence += 1
        worst = not any(g.in_full for g in groups.values())
        in_full = int(bool(rows) and (worst or rows[0].rule == chosen))
        groups[name] = Group(name, rows, in_full, max(in_full, with_evidence), max(in_full, listed[name]))
    return groups, used


def by_topic(language: Language, rows: list[FindingRow]) -> list[tuple[str, str, int]]:
    """(topic, its word, number of findings) of each topic, by its word."""
    counts = Counter(topic_of(row.rule) for row in rows)
    found = [(code, word(language, "topic", code), count) for code, count in counts.items()]
    return sorted(found, key=lambda t: folded(t[1]))


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


def bare_size_of(language: Language, row: FindingRow) -> int:
    """About how many bytes the finding takes in a line without its evidence."""
    return AROUND_BARE + _bytes([language.text_of(row.title)[:MAX_NAME], row.rule])


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
        "topics": {g.outcome: by_topic(language, g.findings[g.listed :]) for g in groups},
        "chosen": chosen,
        "shown_reports": min(REPORTS, len(view.reports)),
        "failing": sum(g.count for g in groups if g.outcome in WRONG),
        "age_of_look": None if view.looked_at is None else (view.as_of - view.looked_at).total_seconds(),
        "path_to_host": path_to(view),
        "waterfall": _explained(language, view, path),
        "fork_sections": _forked(language, view.fork),
        "stock": inventory(language, view, path, query),
        "since_words": {
            "fail": language.gettext("Failing since"),
            "partial": language.gettext("Partial since"),
            "unknown": language.gettext("Unknown since"),
        },
    }


def _forked(language: Language, fork: Fork | None) -> list[str]:
    """Sections of which both reports of a fork say different things."""
    fields = ForkSide.__struct_fields__
    return [] if fork is None else [titled(language, name) for name in fork.differs if name not in fields]


def path_to(view: HostPage) -> list[UnitLink]:
    """The units above the host, the nearest last."""
    return [*(u for u in view.path if u.code != view.unit.code), view.unit]


def _explained(language: Language, view: HostPage, path: str) -> Markup | None:
    """The waterfall of the score that the deductions explain."""
    all_link = here_with(path, [], **dict([ALL_DEDUCTIONS]))
    return explained(
        language, view.deductions, explained_score(view), with_hosts=False, links="", all_link=all_link
    )


def explained_score(view: HostPage) -> int | None:
    """The score that the deductions lead to: what counts by the age of the data, else what was measured."""
    left = FULL - sum(d.points for d in view.deductions)
    return next((s for s in (view.effective, view.score) if s == left), None)


@router.get("/hosts/{host_id}")
def host(request: Request, host_id: str) -> HTMLResponse:
    """One host, or the same 404 for one that is not there and one that the caller may not see."""
    visitor = visit(request)
    view = visitor.queries.host(visitor.caller, host_id)
    query = request.query_params.multi_items()
    score = explained_score(view)
    if ALL_DEDUCTIONS in query and score is not None:
        path, links = request.url.path, f"{request.url.path}?rule={{}}#chosen"
        found = all_deductions(visitor.language, view.deductions, score, path, query, links, with_hosts=False)
        head = {"name": view.hostname, "path": path_to(view), "back": path}
        return visitor.answer("deductions.html", as_of=view.as_of, sample=view.sample, **head, **found)
    values = context(visitor.language, view, request.url.path, query)
    values["may_decide"] = may(visitor.caller, "decide")
    return visitor.answer("host.html", as_of=view.as_of, sample=view.sample, **values)
