"""The overview and a unit's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from vonggac_collector import views
from vonggac_collector.ledger.rows import Unit
from vonggac_collector.score.gain import Gain, agency_gains, parent_gains
from vonggac_collector.score.system import by_cause, unassigned_weight
from vonggac_collector.score.values import AgencyScore, Deduction, GroupScore

from .profiles import local_of_hosts
from .rules import rows_of, unknown_rows
from .sight import Sight, failing, host_rows, link, system_row
from .texts import Texts
from .trends import Trends, ranks, standing

FIXES: Final = 5
WORST: Final = 10
HOSTS: Final = 100
"""Rows of the hosts' list; the page has to stay under 100 kB. The total is given beside it."""


def overview(sight: Sight, trends: Trends) -> views.Overview:
    """The caller's top units, ranked; their own unit if it has none under it."""
    board, root = sight.board, sight.root
    top = sight.children(root.code) or [root]
    found = ranked_rows(sight, top, trends)
    ranked = [r for r in found if r.rank is not None]
    moved = [r for r in ranked if r.standing.change]
    risen = max(moved, key=lambda r: r.standing.change or 0, default=None)
    fallen = min(moved, key=lambda r: r.standing.change or 0, default=None)
    tiles = [r for r in found if r.kind == "province"]
    return views.Overview(
        as_of=board.as_of,
        root=link(root),
        standing=standing(sight.score(root.code), root.code, trends, board.parameters),
        trend=trends.of(root.code),
        ranked=ranked,
        insufficient=[r for r in found if r.rank is None],
        tiles=sorted(tiles, key=lambda r: r.unit.code) if len(tiles) > 1 else [],
        risen=risen if risen is not None and (risen.standing.change or 0) > 0 else None,
        fallen=fallen if fallen is not None and (fallen.standing.change or 0) < 0 else None,
        sample=any(u.sample for u in sight.units.values()),
    )


def ranked_rows(sight: Sight, units: Iterable[Unit], trends: Trends) -> list[views.UnitRow]:
    """One row a unit, ranked ones first by rank, then the others by code."""
    parameters = sight.board.parameters
    rows = [unit_row(sight, u, trends) for u in units]
    now = ranks(
        {
            r.unit.code: r.standing.score
            for r in rows
            if r.standing.sufficient and r.standing.score is not None
        }
    )
    then = trends.ranks_then([r.unit.code for r in rows], parameters)
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


def unit_row(sight: Sight, unit: Unit, trends: Trends) -> views.UnitRow:
    """A unit in a table, not ranked."""
    hosts = sight.hosts_under(unit.code)
    return views.UnitRow(
        unit=link(unit),
        standing=standing(sight.score(unit.code), unit.code, trends, sight.board.parameters),
        trend=trends.of(unit.code),
        hosts=len(hosts),
        silent=sum(sight.board.is_silent(h) for h in hosts),
        critical=sum(failing(h)[1] for h in hosts),
        kind=unit.kind,
        weight=sight.score(unit.code).weight,
    )


def unit_page(sight: Sight, code: str, trends: Trends, texts: Texts) -> views.UnitPage:
    """Where a unit stands, why, and what to do first. Raises NotFound."""
    board, unit = sight.board, sight.unit(code)
    hosts = sight.hosts_under(code)
    score = sight.score(code)
    rules = rows_of(hosts, texts)
    return views.UnitPage(
        as_of=board.as_of,
        unit=link(unit),
        path=sight.path(code),
        standing=standing(score, code, trends, board.parameters),
        trend=trends.of(code),
        deductions=[deduction_row(d, texts) for d in by_cause(score)],
        fixes=fixes(sight, code, texts),
        systems=[system_row(board, s) for s in board.systems_of.get(code, [])],
        hosts=host_rows(board, hosts)[:HOSTS],
        hosts_total=len(hosts),
        children=ranked_rows(sight, sight.children(code), trends),
        silent=sum(board.is_silent(h) for h in hosts),
        worst=[r for r in rules[:WORST] if r.failing],
        unassigned=_unassigned(sight, code, score),
        local=local_of_hosts(hosts, texts),
        unknown=unknown_rows(hosts, rules),
    )


def _unassigned(sight: Sight, code: str, score: GroupScore) -> views.SystemRow | None:
    if not isinstance(score, AgencyScore) or score.unassigned is None:
        return None
    group, unit = sight.board.agency_inputs[code], sight.unit(code)
    weight = unassigned_weight([s.level for s in group.systems], sight.board.parameters)
    hosts = sum(h.expected for h in group.unassigned)
    return views.SystemRow("", "", "", 0, score.unassigned, hosts, unit.sample, weight)


def fixes(sight: Sight, code: str, texts: Texts) -> list[views.FixRow]:
    """The few rules whose fixing on all failing hosts brings most."""
    board = sight.board
    inputs = [h.judged.input for h in sight.hosts_under(code) if h.judged is not None]
    score = sight.score(code)
    gains: list[Gain]
    if isinstance(score, AgencyScore):
        gains = agency_gains(board.agency_inputs[code], inputs, board.now, board.parameters)
    else:
        gains = parent_gains(board.inputs_under(code), inputs, board.now, board.parameters)
    rows = []
    for gain in [g for g in gains if g.points > 0][:FIXES]:
        title_vi, title_en = texts.title(gain.rule)
        rows.append(
            views.FixRow(
                gain.rule, title_vi, title_en, texts.severity(gain.rule), len(gain.hosts), gain.points
            )
        )
    return rows


def deduction_row(deduction: Deduction, texts: Texts) -> views.DeductionRow:
    """A deduction with its rule's title; caps and silence have none here, pages have the words."""
    title_vi, title_en = texts.title(deduction.what)
    return views.DeductionRow(
        deduction.kind, deduction.what, title_vi, title_en, deduction.points, deduction.hosts
    )
