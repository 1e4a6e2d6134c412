"""What several pages make of read models: trends as points, deductions as steps with links, sorted unit rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from vonggac_collector.views import DeductionRow, TrendPoint, UnitRow

from ..charts.sparkline import Point, sparkline
from ..charts.waterfall import FULL, Step, waterfall
from ..inert import inert
from ..language import Language, folded
from ..preferences import here_with
from ..words import CAUSES, word

RULE_KIND: Final = "rule"
UNKNOWN_KIND: Final = "unknown"
"""Kinds of `DeductionRow` whose `what` is the id of a rule, so that it has a page."""
SILENCE_KIND: Final = "silence"
MAX_FIND: Final = 80
"""Characters of a text to find by; more is cut."""


class Sorting(msgspec.Struct, frozen=True):
    """How a table is sorted, and where each head leads."""

    key: str
    direction: str
    links: dict[str, str]


def trend_points(trend: Sequence[TrendPoint]) -> list[Point]:
    """Days and scores as charts take them."""
    return [(p.day, p.score) for p in trend]


def sparklines(language: Language, rows: Sequence[UnitRow]) -> dict[str, Markup]:
    """A sparkline per unit code."""
    return {r.unit.code: sparkline(language, trend_points(r.trend)) for r in rows}


def steps(language: Language, deductions: Sequence[DeductionRow], *, links: bool = True) -> list[Step]:
    """Deductions with a label that leads to the rule where there is one."""
    return [Step(_label(language, row, links), row.points, row.hosts) for row in deductions]


def _label(language: Language, row: DeductionRow, links: bool) -> Markup:
    name = language.pick(row.title_vi, row.title_en)
    if row.what in CAUSES:
        return inert(word(language, "cause", row.what))
    if row.kind not in (RULE_KIND, UNKNOWN_KIND):
        return inert(name or row.what)
    link = inert(name or row.what)
    if links:
        link = Markup('<a href="/rules/{}">{}</a>').format(quote(row.what, safe=""), link)
    if row.kind == RULE_KIND:
        return link
    return Markup('{} <span class="soft small">({})</span>').format(link, language.gettext("not known"))


def explained(
    language: Language,
    deductions: Sequence[DeductionRow],
    score: int | None,
    *,
    with_hosts: bool,
    links: bool = True,
) -> Markup | None:
    """The waterfall of a score; None where there is no score, or where the deductions do not explain it.

    `links`: rules are linked; a host's page links them above.
    """
    if score is None or score + sum(d.points for d in deductions) != FULL:
        return None
    return waterfall(language, steps(language, deductions, links=links), score, with_hosts=with_hosts)


def asked_text(value: str | None) -> str:
    """A text to find by, as it may be used and shown again."""
    return (value or "").strip()[:MAX_FIND]


def found_units(rows: Sequence[UnitRow], find: str) -> list[UnitRow]:
    """The rows whose name or code holds `find`."""
    wanted = folded(find)
    return [r for r in rows if wanted in folded(f"{r.unit.name_vi} {r.unit.name_en} {r.unit.code}")]


_WORST: Final = -(10**9)


def _sort_value(row: UnitRow, key: str) -> float:
    standing = row.standing
    if key == "change":
        return _WORST if standing.change is None else -standing.change
    if key == "coverage":
        return standing.coverage
    if key == "age":
        return _WORST if standing.freshness is None else -standing.freshness
    if key == "silent":
        return -row.silent
    if key == "critical":
        return -row.critical
    return _WORST if row.rank is None else row.rank


SORT_KEYS: Final = ("rank", "change", "coverage", "age", "silent", "critical")
_ASCENDING: Final = frozenset({"rank", "coverage"})


def sort_key(value: str | None) -> str:
    """One of SORT_KEYS, whatever the address says."""
    return next((k for k in SORT_KEYS if k == value), "rank")


def sorted_units(rows: Sequence[UnitRow], key: str) -> list[UnitRow]:
    """By rank, or with what needs attention first: thinnest coverage, oldest data, most silent, most critical."""
    return sorted(rows, key=lambda r: (_sort_value(r, key), r.rank or 0))


def sorting_of(key: str, path: str, query: list[tuple[str, str]]) -> Sorting:
    """The heads' links."""
    links = {k: here_with(path, query, sort="" if k == "rank" else k) + "#ranking" for k in SORT_KEYS}
    return Sorting(key, "ascending" if key in _ASCENDING else "descending", links)
