"""Published daily scores, worked out once more from the record and compared.

A publication leaves a row as it is while its figures stay what they are: so all rows of a day are those of its newest
moment, and of its end once the next day has begun. Days of other parameters than this release's, and those of which
retention let something go, cannot be worked out again; those that have not begun are of a clock that was ahead.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final, Literal

import msgspec

from .board import BoardMaker
from .errors import Busy, CollectorError, StoreFailed
from .instants import FAR, written
from .ledger.interface import Ledger, Transaction
from .ledger.rows import DailyScore, System, Unit
from .remaking import UNREADABLE
from .retention import kept_since
from .rollup import end_of
from .rounds import portions
from .rulebooks import Shelf
from .score.coverage import merged
from .score.parameters import load_parameters
from .score.system import mean_points
from .score.values import AgencyScore, Coverage
from .unit_tree import UnitTree

_PORTIONS: Final = 10
"""Of `rounds.portions` in a job: the rows of its day are read once for all of them."""
_UNSETTLED: Final = timedelta(minutes=1)
"""What was on its way into the ledger at a moment may have been missed by a publication of then: a transaction's time,
and clocks of several processes; the project's own figure.
"""
_ALL: Final = 2**31
Key = tuple[Literal["unit", "system", "host"], str]
"""Kind and id of a published score."""


class Job(msgspec.Struct, frozen=True):
    """Scores of these units and their systems, as published under `day`. `over`: the next day has been published.
    `perhaps`: earlier releases may have forgotten heartbeats of then, without a row of the audit log.
    """

    day: date
    units: list[str]
    over: bool
    perhaps: bool = False


class Part(msgspec.Struct, frozen=True):
    """What a unit has itself, as worked out again. `settled`: nothing was on its way at that moment."""

    weight: int
    score: int | None
    coverage: Coverage
    settled: bool


class Done(msgspec.Struct, frozen=True):
    """What is wrong, by kind and id, of figures of `as_of`. `parts`: of those units that have something themselves,
    what that is; None if it was not worked out.
    """

    as_of: datetime
    odd: dict[Key, str]
    parts: dict[str, Part] | None


def plan(
    tx: Transaction, since: datetime | None, *, whole: bool, seed: int, now: datetime | None
) -> tuple[list[Job], int]:
    """What to work out again: every day of which everything is kept, or the newest and one more, drawn by `seed`. And
    how many days are left out.

    `since`: what is of then and later is kept.
    """
    version, versions = load_parameters().version, tx.scores.versions()
    begun = [d for d in versions if now is None or end_of(d) - timedelta(days=1) <= now]
    known = [
        d
        for d in begun
        if versions[d][0] <= version <= versions[d][1] and (since is None or end_of(d) >= since)
    ]
    left_out = len(versions) - len(known)
    if not known:
        return [], left_out
    newest = known.pop() if known[-1] == begun[-1] else None
    if known and not whole:
        known = [random.Random(seed).choice(known)]  # noqa: S311  a sample, no secret
    places = Counter(p.unit for p in tx.tree.placements(end_of(begun[-1])))
    units = [u.code for u in tx.tree.units(end_of(begun[-1]))]
    some = list(portions(units, lambda code: places[code]))
    groups = [[*chain(*some[n : n + _PORTIONS])] for n in range(0, len(some), _PORTIONS)]
    perhaps = kept_since(end_of(begun[-1]), 1)
    days = known if newest is None else [*known, newest]
    return [
        Job(day, group, day != newest, end_of(day) < perhaps) for day in days for group in groups
    ], left_out


def odd_days(tx: Transaction) -> dict[str, str]:
    """Days that nothing is published under, or what should not be, whatever their scores are."""
    versions = tx.scores.versions()
    odd = {str(day): "are missing" for day in gaps([*versions])}
    first = min((u.created_at for u in tx.tree.units(FAR)), default=FAR)
    highest = 0
    for day, (_, version) in versions.items():
        if version < highest:
            odd[str(day)] = f"are by parameters {version}, those of a day before by {highest}"
        if end_of(day) <= first:
            odd[str(day)] = "are of before there was any unit"
        highest = max(highest, version)
    return odd


def gaps(days: Sequence[date]) -> list[date]:
    """Days that nothing was published under, between others: a worker that was away publishes what it missed."""
    there = set(days)
    span = (days[-1] - days[0]).days if days else 0
    return [d for d in (days[0] + timedelta(days=n) for n in range(span)) if d not in there]


def maker_of(ledger: Ledger) -> BoardMaker:
    """What works them out, by this release's parameters."""
    return BoardMaker(ledger, Shelf(ledger), load_parameters())


def work_out(ledger: Ledger, maker: BoardMaker, job: Job, whole_since: datetime | None) -> Done:
    """Do it: score by score, as far as their moment is still whole: `whole_since`, what is of then and later."""
    with ledger.read() as tx:
        rows = {(r.kind, r.id): r for r in tx.scores.day(job.day)}
        as_of = max((r.as_of for r in rows.values()), default=end_of(job.day))
        tree = UnitTree(tx.tree.units(as_of))
        here = [tree.units[c] for c in job.units if c in tree.units]
        codes = [u.code for u in here]
        systems = tx.tree.systems(as_of, codes)
        places = Counter(p.unit for p in tx.tree.placements(as_of, codes))
    ((version, _),) = Counter(r.parameters for r in rows.values()).most_common(1) or [(0, 0)]
    mine: dict[Key, Unit | System] = {("unit", u.code): u for u in here}
    mine |= {("system", s.id): s for s in systems}
    odd = {
        key: f"its score of {job.day} is by other parameters than the rest"
        for key in mine
        if key in rows and rows[key].parameters != version
    }
    if version != maker.parameters.version or (whole_since is not None and as_of < whole_since):
        return Done(as_of, odd, None)
    new = {key for key, known in mine.items() if known.created_at > as_of - _UNSETTLED}
    odd |= {
        key: what
        for key in mine
        if (key in rows or key not in new) and (what := _wrong_row(rows.get(key), job))
    }
    if odd:
        return Done(as_of, odd, None)
    parts: dict[str, Part] = {}
    for some in portions(here, lambda u: places[u.code]):
        try:
            board = maker.at(as_of, some)
        except (*UNREADABLE, CollectorError) as e:
            if isinstance(e, Busy | StoreFailed):
                raise
            what = f"its score of {job.day} cannot be worked out again: {e}"
            return Done(as_of, odd | {("unit", some[0].code): what}, None)
        for code, agency in board.agencies.items():
            made = _made(agency, tree, code)
            differs = {
                k: w for k, (s, c) in made.items() if k in rows and (w := _differs(rows[k], s, c, as_of))
            }
            # What a unit with others beneath it has itself is published with them only.
            settled = not (differs or code in tree.children) or _settled(ledger, as_of, code, job.perhaps)
            odd |= differs if settled else {}
            parts[code] = Part(agency.weight, agency.score, agency.coverage, settled)
    return Done(as_of, odd, parts)


def _wrong_row(row: DailyScore | None, job: Job) -> str:
    if row is None:
        return f"its score of {job.day} is missing"
    if row.as_of > end_of(job.day) or (job.over and row.as_of != end_of(job.day)):
        return f"its score of {job.day} is of {written(row.as_of)}, not of that day's end"
    return ""


def _made(agency: AgencyScore, tree: UnitTree, code: str) -> dict[Key, tuple[int | None, Coverage]]:
    found: dict[Key, tuple[int | None, Coverage]] = {
        ("system", s.system): (s.score, s.coverage) for s in agency.systems
    }
    if code not in tree.children:
        found["unit", code] = (agency.score, agency.coverage)
    return found


def _differs(row: DailyScore, score: int | None, coverage: Coverage | None, as_of: datetime) -> str:
    odd = []
    if row.score != score:
        odd.append(f"score {_points(row.score)}, worked out {_points(score)}")
    if row.with_waivers != row.score:
        # No waivers exist yet: the two are the same score.
        odd.append(f"score with waivers {_points(row.with_waivers)}, worked out {_points(score)}")
    if coverage is not None and row.coverage != coverage.share:
        odd.append(f"coverage {row.coverage:.6g}, worked out {coverage.share:.6g}")
    if coverage is not None and row.as_of == as_of and row.freshness != coverage.freshness_s:
        odd.append(f"freshness {_hours(row.freshness)}, worked out {_hours(coverage.freshness_s)}")
    return f"its published {', '.join(odd)} on {row.day}" if odd else ""


def _points(score: int | None) -> str:
    """Of 100, as exactly as they are kept."""
    return "none" if score is None else f"{score / 10_000:.6g}"


def _hours(seconds: int | None) -> str:
    return "none" if seconds is None else f"{seconds / 3_600:.6g} h"


def _settled(ledger: Ledger, as_of: datetime, code: str, perhaps: bool) -> bool:
    """Whether nothing that the unit's figures stand on came in the last minute before that moment, or was `perhaps`
    forgotten since.
    """
    with ledger.read() as tx:
        if perhaps and _forgotten(tx, as_of, code):
            return False
        return _stood(tx, as_of, code) == _stood(tx, as_of - _UNSETTLED, code)


def _forgotten(tx: Transaction, as_of: datetime, code: str) -> bool:
    """Whether one of the unit's hosts has heartbeats of later only: retention forgets the oldest first, and never all.

    A legal hold may keep old ones whose successors are gone.
    """
    if tx.keeping.holds():
        return True
    for place in tx.tree.placements(as_of, [code]):
        days = [r.day for r in tx.heartbeats.days(place.host, _ALL)]
        late = [r.received_at for r in tx.heartbeats.late(place.host, _ALL)]
        if (days and min(days) >= as_of.date() - timedelta(days=1)) or (late and min(late) > as_of):
            return True
    return False


def _stood(tx: Transaction, as_of: datetime, code: str) -> tuple[object, ...]:
    places = sorted(tx.tree.placements(as_of, [code]), key=lambda p: p.host)
    hosts = [p.host for p in places]
    looks = sorted((x.agent, x.digest) for x in tx.chain.newest_looks(as_of, hosts))
    late = tx.heartbeats.newest_late(as_of, hosts)
    books = (tx.rulebooks.published(as_of), tx.rulebooks.trials(as_of))
    return places, looks, late, tx.tree.systems(as_of, [code]), books


def wrong_rows(tx: Transaction, day: date) -> dict[Key, str]:
    """What is published under the day of units and systems that it did not have."""
    there = {("unit", u.code) for u in tx.tree.units(end_of(day))}
    there |= {("system", s.id) for s in tx.tree.systems(end_of(day))}
    keys: list[Key] = [(r.kind, r.id) for r in tx.scores.day(day)]
    return {key: f"has a score of {day}, and was not there" for key in keys if key not in there}


def wrong_above(tx: Transaction, day: date, done: Sequence[Done], asked: Collection[str]) -> dict[Key, str]:
    """Units with others beneath them, once all that the day's scores stand on was worked out for its one moment.

    `asked`: units of which anything was worked out; if one was added meanwhile, nothing is said.
    Their scores are the mean of those that are published of the units beneath: so what an agency missed by a moment is
    not looked for up to the root.
    """
    rows = {r.id: r for r in tx.scores.day(day) if r.kind == "unit"}
    as_of = max((r.as_of for r in rows.values()), default=end_of(day))
    parts: dict[str, Part] = {}
    for one in done:
        if one.parts is None or one.as_of != as_of:
            return {}
        parts |= one.parts
    tree = UnitTree(tx.tree.units(as_of))
    odd: dict[Key, str] = {}
    if not set(tree.units) <= set(asked):
        return {}
    for code in tree.units:
        if code in parts and code not in tree.children:
            continue
        beneath = [c for c in tree.subtree(code) if c in parts]
        if code not in rows or not rows.keys() >= set(beneath):
            continue
        if any(not parts[c].settled for c in beneath if c in tree.children):
            continue
        said = [(parts[c].weight, parts[c].score if c in tree.children else rows[c].score) for c in beneath]
        score = mean_points((weight, points) for weight, points in said if points is not None)
        covered = merged(parts[c].coverage for c in beneath)
        settled = all(parts[c].settled for c in beneath)
        what = _differs(rows[code], score, covered if settled else None, as_of)
        odd |= {("unit", code): what} if what else {}
    return odd
