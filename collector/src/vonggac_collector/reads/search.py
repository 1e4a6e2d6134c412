"""What a search finds, as people get to read it. The index is asked within the caller's subtree, and is not believed.

The index learns of a host's move after the ledger. Until it has, a host that left the caller's subtree is left out by
name, in rows, counts and exports alike; and an index that answers with a unit from outside is taken for broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec

from vonggac_collector.auth import Caller
from vonggac_collector.auth.scope import subtree
from vonggac_collector.errors import IndexFailed, NotFound
from vonggac_collector.index.asked import MAX_HOSTS, MAX_TERMS, MAX_VALUES, TooMany
from vonggac_collector.index.interface import Count, Index, Row
from vonggac_collector.ledger.interface import Transaction
from vonggac_collector.ledger.rows import Lag, Unit
from vonggac_collector.search.fields import FIELDS, ORDER, OWN
from vonggac_collector.search.meaning import divided, query_of
from vonggac_collector.search.query import KINDS, Is, Kind, Query, Scope, Sort
from vonggac_collector.search.results import (
    MOST,
    Asking,
    Behind,
    Beside,
    Facet,
    FacetValue,
    FoundRow,
    KindCount,
    Narrower,
    SearchPage,
)
from vonggac_collector.search.syntax import MAX_PARTS, Part, Placed, Unfit, read, toggled, write
from vonggac_collector.unit_tree import UnitTree

from .sight import link_within

_UNSEEN: Final = timedelta(minutes=5)
"""How long what was told may take to be found, and clocks of processes may differ; Elasticsearch takes a second."""


class Sought(msgspec.Struct, frozen=True):
    """What the ledger says before the index is asked. `left`: hosts that the index may still have in the subtree."""

    now: datetime
    caller: Caller
    units: Mapping[str, Unit]
    left: list[str]
    lag: Lag


class Found(msgspec.Struct, frozen=True):
    """Every row that fits, as of one moment, each made when it is reached."""

    total: int
    rows: Iterator[FoundRow]
    kind: Kind


def sought(tx: Transaction, tree: UnitTree, caller: Caller, now: datetime) -> Sought:
    """Raises NotFound if the caller's unit is gone, IndexFailed while search cannot tell what left it."""
    units = {u.code: u for u in subtree(tree.units.values(), caller.unit)}
    if not units:
        raise NotFound
    lag = tx.outbox.lag()
    behind = [lag.oldest or now, now, *(d.at for d in tx.outbox.buried(MAX_VALUES))]
    moved = tx.tree.moved(min(behind) - _UNSEEN, now)
    left = sorted({p.host for p in moved if p.unit not in units})
    if len(left) > MAX_VALUES * (MAX_TERMS - MAX_PARTS):
        raise IndexFailed("more hosts were moved than search has been told of")
    return Sought(now, caller, units, left, lag)


def search(index: Index, about: Sought, asking: Asking) -> SearchPage:
    """One page. Raises Unfit for a text that cannot be read, Invalid for another sort or place, IndexFailed."""
    placed = read(asking.text)
    kind, counts = _kind(index, about, asking, placed)
    query = _query(about, placed, kind, asking.sort)
    with _narrow_enough(placed, kind):
        page = index.search(query, Scope(about.caller.unit), after=asking.after, limit=asking.limit)
    parts = [p.part for p in placed]
    kinds = [KindCount(k, page.total if k == kind else counts.get(k)) for k in KINDS]
    sort = query.sort or ORDER[kind]
    return SearchPage(
        about.now,
        asking.text,
        kind,
        ("-" if sort.descending else "") + sort.field,
        page.total,
        [_row(about, kind, r) for r in page.rows],
        page.after,
        kinds,
        [_facet(about, parts, name, values) for name, values in page.facets.items() if values],
        Behind(about.lag.waiting, about.lag.oldest, about.lag.dead, index.state()),
        _without(parts) if not page.total else [],
        [Beside(o.kind, write([p.part for p in o.terms]), o.negated) for o in divided(placed, kind)[1]],
    )


@contextmanager
def export(index: Index, about: Sought, asking: Asking) -> Iterator[Found]:
    """All of what `search` shows on its pages, in that order. Raises as `search`."""
    placed = read(asking.text)
    kind, _ = _kind(index, about, asking, placed)
    query = _query(about, placed, kind, asking.sort)
    with _narrow_enough(placed, kind), index.export(query, Scope(about.caller.unit)) as found:
        yield Found(found.total, (_row(about, kind, r) for r in found), kind)


def _queries(about: Sought, placed: list[Placed]) -> dict[Kind, Query]:
    """The kinds that can be asked like that. Raises Unfit if none can."""
    found, why = dict[Kind, Query](), list[Unfit]()
    for kind in KINDS:
        try:
            found[kind] = _query(about, placed, kind, "")
        except Unfit as e:
            why.append(e)
    if not found:
        raise why[0]
    return found


def _query(about: Sought, placed: list[Placed], kind: Kind, sort: str) -> Query:
    order = Sort(sort.removeprefix("-"), sort.startswith("-")) if sort else None
    query = query_of(placed, kind, about.now, order)
    chunks = range(0, len(about.left), MAX_VALUES)
    left = [Is("id", tuple(about.left[n : n + MAX_VALUES]), negated=True) for n in chunks]
    return msgspec.structs.replace(query, terms=(*query.terms, *left))


def _kind(
    index: Index, about: Sought, asking: Asking, placed: list[Placed]
) -> tuple[Kind, dict[Kind, int | None]]:
    """The kind that is shown, and how many fit of the others; of that one too, if that had to be found out first."""
    queries = _queries(about, placed)
    likely = [asking.kind] if asking.kind else _likely(placed)
    others = {k: q for k, q in queries.items() if [k] != likely}
    found = index.counts(list(others.values()), Scope(about.caller.unit), most=MOST)
    counts = dict(zip(others, found, strict=True))
    return next((k for k in likely if counts.get(k)), likely[0]), counts


def _likely(placed: list[Placed]) -> list[Kind]:
    """Findings if a field of theirs is named; else the kinds that have most of the fields: the first that has
    anything."""
    named = {p.part.field for p in placed}
    fields = {kind: len(named & {f.name for f in OWN[kind]}) for kind in KINDS}
    return ["findings"] if fields["findings"] else [k for k in KINDS if fields[k] == max(fields.values())]


@contextmanager
def _narrow_enough(placed: list[Placed], kind: Kind) -> Iterator[None]:
    """Raises Unfit where the index finds too many hosts that have something else."""
    try:
        yield
    except TooMany as e:
        terms = next(o.terms for o in divided(placed, kind)[1] if o.kind == e.kind)
        raise Unfit("too-wide", terms[0].start, terms[0].end, most=MAX_HOSTS, fits=(e.kind,)) from e


def _row(about: Sought, kind: Kind, row: Row) -> FoundRow:
    said = row.fields
    return FoundRow(
        id=row.id,
        host=row.agent,
        hostname=str(said.get("host.name", "")),
        unit=link_within(about.units, _unit(about, said.get("organization.id"))),
        sample=bool(said.get("vonggac.sample")),
        fields={
            f.name: said[f.path] / 10 if f.tenths else said[f.path]
            for f in FIELDS[kind].values()
            if f.path in said
        },
        title_vi=str(said.get("rule.name", "")),
        title_en=str(said.get("vonggac.rule.name_en", "")),
        system_vi=str(said.get("vonggac.system.name", "")),
        system_en=str(said.get("vonggac.system.name_en", "")),
        passed=said.get("vonggac.passed", 0),
        of=said.get("vonggac.of", 0),
    )


def _unit(about: Sought, code: object) -> Unit:
    unit = about.units.get(str(code))
    if unit is None:
        raise IndexFailed("the index answered with what the caller may not see")
    return unit


def _facet(about: Sought, parts: list[Part], field: str, counts: list[Count]) -> Facet:
    values = []
    for count in counts:
        value = (
            {True: "true", False: "false"}[count.value] if isinstance(count.value, bool) else str(count.value)
        )
        unit = link_within(about.units, _unit(about, value)) if field == "unit" else None
        values.append(
            FacetValue(
                value,
                count.count,
                Part((value,), field) in parts,
                write(toggled(parts, field, value)),
                unit,
            )
        )
    return Facet(field, values)


def _without(parts: list[Part]) -> list[Narrower]:
    return [Narrower(write([p]), write(parts[:n] + parts[n + 1 :])) for n, p in enumerate(parts)][:5]
