"""The overview and a unit's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from vonggac_collector import views
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.ledger.standings import Head
from vonggac_collector.score.values import Deduction
from vonggac_collector.tallies import Unassigned

from .profiles import local_of_judges
from .rules import rows_of, unknown_rows
from .sight import Sight, link, system_row
from .texts import Texts
from .trends import Trends, ranks, standing

FIXES: Final = 5
WORST: Final = 10
HOSTS: Final = 100
"""Rows of the hosts' list; the page has to stay under 100 kB. The total is given beside it."""


def overview(sight: Sight, trends: Trends) -> views.Overview:
    """The caller's top units, ranked; their own unit if it has none under it."""
    root = sight.root
    top = sight.children(root.code) or [root]
    figures = sight.source.figures([root.code, *(u.code for u in top)])
    found = ranked_rows(sight, top, figures, trends)
    ranked = [r for r in found if r.rank is not None]
    moved = [r for r in ranked if r.standing.change]
    risen = max(moved, key=lambda r: r.standing.change or 0, default=None)
    fallen = min(moved, key=lambda r: r.standing.change or 0, default=None)
    tiles = [r for r in found if r.kind == "province"]
    return views.Overview(
        as_of=sight.as_of,
        root=link(root),
        standing=standing(figures[root.code], root.code, trends, sight),
        trend=trends.of(root.code),
        ranked=ranked,
        insufficient=[r for r in found if r.rank is None],
        tiles=sorted(tiles, key=lambda r: r.unit.code) if len(tiles) > 1 else [],
        risen=risen if risen is not None and (risen.standing.change or 0) > 0 else None,
        fallen=fallen if fallen is not None and (fallen.standing.change or 0) < 0 else None,
        sample=any(u.sample for u in sight.units.values()),
        own=own_row(sight, root, trends),
    )


def ranked_rows(
    sight: Sight, units: Iterable[Unit], figures: Mapping[str, Head], trends: Trends
) -> list[views.UnitRow]:
    """One row a unit, ranked ones first by rank, then the others by code."""
    rows = [unit_row(sight, u, figures[u.code], trends) for u in units]
    now = ranks(
        {
            r.unit.code: r.standing.score
            for r in rows
            if r.standing.sufficient and r.standing.score is not None
        }
    )
    then = trends.ranks_then([r.unit.code for r in rows], sight.parameters)
    placed = [
        msgspec.structs.replace(
            r,
            rank=now.get(r.unit.code),
            rank_change=then[r.unit.code] - now[r.unit.code]
            if r.unit.code in now and r.unit.code in then
            else None,
        )
        for r in rows
    ]
    return sorted(placed, key=lambda r: (r.rank is None, r.rank or 0, r.unit.code))


def unit_row(sight: Sight, unit: Unit, head: Head, trends: Trends) -> views.UnitRow:
    """A unit in a table, not ranked."""
    return views.UnitRow(
        unit=link(unit),
        standing=standing(head, unit.code, trends, sight),
        trend=trends.of(unit.code),
        hosts=head.expected,
        silent=head.silent,
        critical=head.critical,
        kind=unit.kind,
        weight=head.weight,
    )


def own_row(sight: Sight, unit: Unit, trends: Trends) -> views.UnitRow | None:
    """What the unit has itself beside those beneath it; None if that is no machine. Nothing is published of it."""
    head = sight.source.own(unit.code)
    if head is None or not head.expected:
        return None
    row = unit_row(sight, unit, head, trends)
    return msgspec.structs.replace(
        row, trend=[], standing=msgspec.structs.replace(row.standing, change=None), own=True
    )


def unit_page(sight: Sight, code: str, trends: Trends, texts: Texts) -> views.UnitPage:
    """Where a unit stands, why, and what to do first. Raises NotFound."""
    unit, children = sight.unit(code), sight.children(code)
    figures = sight.source.figures([code, *(u.code for u in children)])
    head, tally = figures[code], sight.source.tally(code)
    rules = rows_of(tally.counts, texts)
    return views.UnitPage(
        as_of=sight.as_of,
        unit=link(unit),
        path=sight.path(code),
        standing=standing(head, code, trends, sight),
        trend=trends.of(code),
        deductions=[deduction_row(d, texts) for d in tally.deductions],
        fixes=[_fix_row(*gain, texts) for gain in tally.gains[:FIXES]],
        systems=[system_row(*found) for found in sight.source.systems([code])],
        hosts=sight.host_rows(sight.source.find_hosts(code, "", HOSTS)),
        hosts_total=head.expected,
        children=ranked_rows(sight, children, figures, trends),
        silent=head.silent,
        worst=[r for r in rules[:WORST] if r.failing],
        unassigned=_unassigned(tally.unassigned, sample=unit.sample),
        local=local_of_judges(tally.judges, texts),
        unknown=unknown_rows(tally.unknown, rules),
        own=own_row(sight, unit, trends),
    )


def _unassigned(group: Unassigned | None, *, sample: bool) -> views.SystemRow | None:
    if group is None:
        return None
    return views.SystemRow("", "", "", 0, group.score, group.hosts, sample, group.weight)


def _fix_row(rule: str, hosts: int, points: int, texts: Texts) -> views.FixRow:
    return views.FixRow(rule, *texts.title(rule), texts.severity(rule), hosts, points)


def deduction_row(deduction: Deduction, texts: Texts) -> views.DeductionRow:
    """A deduction with its rule's title; caps and silence have none here, pages have the words."""
    title_vi, title_en = texts.title(deduction.what)
    return views.DeductionRow(
        deduction.kind, deduction.what, title_vi, title_en, deduction.points, deduction.hosts
    )
