"""What several pages make of read models: trends as points, deductions as steps with links, sorted unit rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from vonggac_collector.views import DeductionRow, TrendPoint, UnitRow

from ..charts.sparkline import Point, sparkline
from ..charts.waterfall import FULL, Step, listed, waterfall
from ..inert import inert
from ..language import Language, folded
from ..preferences import here_with
from ..words import CAUSES, word
from .forms import whole_number

RULE_KIND: Final = "rule"
UNKNOWN_KIND: Final = "unknown"
"""Kinds of `DeductionRow` whose `what` is the id of a rule, so that it has a page."""
SILENCE_KIND: Final = "silence"
RULE_LINK: Final = "/rules/{}"
ALL_DEDUCTIONS: Final = ("show", "deductions")
"""What the address of a unit or a host asks for to get all deductions of its score."""
DEDUCTIONS: Final = 100
"""Deductions on one page."""
MAX_FIND: Final = 80
"""Characters of a text to find by; more is cut."""


class Sorting(msgspec.Struct, frozen=True):
    """How a table is sorted, and where each head leads."""

    key: str
    direction: str
    links: dict[str, str]


class Part(msgspec.Struct, frozen=True):
    """The part of a long list that a page shows: places from 1, and the links to what is before and after it."""

    first: int
    last: int
    whole: int
    previous: str
    next: str


def part_of(
    path: str,
    query: list[tuple[str, str]],
    first: int,
    size: int,
    whole: int,
    anchor: str,
    key: str = "from",
) -> Part:
    """The `size` rows from place `first` (from 0) of `whole`. `anchor`: id of the list in its page; `key`: what the
    address calls the place.
    """

    def link(start: int) -> str:
        return here_with(path, query, **{key: str(start) if start else ""}) + f"#{anchor}"

    after, before = first + size, max(0, first - size)
    return Part(
        first + 1,
        min(after, whole),
        whole,
        link(before) if first else "",
        link(after) if after < whole else "",
    )


def first_asked(value: str | None, whole: int) -> int:
    """The place, from 0, that the address asks to begin at; 0 for anything that is no place in the list."""
    found = whole_number(value or "", 0, max(0, whole - 1))
    return 0 if found is None else found


def trend_points(trend: Sequence[TrendPoint]) -> list[Point]:
    """Days and scores as charts take them."""
    return [(p.day, p.score) for p in trend]


def sparklines(language: Language, rows: Sequence[UnitRow]) -> dict[str, Markup]:
    """A sparkline per unit code."""
    return {r.unit.code: sparkline(language, trend_points(r.trend)) for r in rows}


def steps(language: Language, deductions: Sequence[DeductionRow], links: str = RULE_LINK) -> list[Step]:
    """Deductions with a label that leads to the rule where there is one."""
    return [Step(_label(language, row, links), row.points, row.hosts) for row in deductions]


def _label(language: Language, row: DeductionRow, links: str) -> Markup:
    name = language.pick(row.title_vi, row.title_en)
    if row.what in CAUSES:
        return inert(word(language, "cause", row.what))
    if row.kind not in (RULE_KIND, UNKNOWN_KIND):
        return inert(name or row.what)
    link = inert(name or row.what)
    if links:
        link = Markup('<a href="{}">{}</a>').format(links.format(quote(row.what, safe="")), link)
    if row.kind == RULE_KIND:
        return link
    return Markup('{} <span class="soft small">({})</span>').format(link, language.gettext("not known"))


def explained(
    language: Language,
    deductions: Sequence[DeductionRow],
    score: int | None,
    *,
    with_hosts: bool,
    links: str = RULE_LINK,
    all_link: str = "",
) -> Markup | None:
    """The waterfall of a score; None where there is no score, or where the deductions do not explain it.

    `links`: where rules lead, or nothing; a host's page links them above. `all_link`: the page of all deductions.
    """
    if score is None or score + sum(d.points for d in deductions) != FULL:
        return None
    found = steps(language, deductions, links)
    return waterfall(language, found, score, with_hosts=with_hosts, all_link=all_link)


def all_deductions(
    language: Language,
    deductions: Sequence[DeductionRow],
    score: int,
    path: str,
    query: list[tuple[str, str]],
    links: str = RULE_LINK,
    *,
    with_hosts: bool,
) -> dict[str, Any]:
    """What the page of all deductions needs beside its head."""
    first = first_asked(dict(query).get("from"), len(deductions))
    found = steps(language, deductions, links)
    return {
        "table": listed(language, found, score, first, DEDUCTIONS, with_hosts=with_hosts),
        "part": part_of(path, query, first, DEDUCTIONS, len(deductions), "deductions"),
    }


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
