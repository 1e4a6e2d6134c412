"""What a search shows people: read models, already within what the caller may see. Filled by `reads.search`.

Fields go by the names that people type (`fields`); times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from vonggac_collector.views import UnitLink

from .query import Kind

MOST: Final = 1_000
"""As far as kinds are counted that are not shown: all packages of a country would take longer than the page."""


class Asking(msgspec.Struct, frozen=True):
    """What is asked. `kind`: empty for the first that has anything. `sort`: a field, after a minus if it falls; empty
    for the kind's own order. `after`: `SearchPage.after` of the page before.
    """

    text: str = ""
    kind: Kind | Literal[""] = ""
    sort: str = ""
    after: str = ""
    limit: int = 50


class KindCount(msgspec.Struct, frozen=True):
    """How many of a kind fit, at least MOST if there are more; None if it cannot be asked like that."""

    kind: Kind
    count: int | None


class FacetValue(msgspec.Struct, frozen=True):
    """A value with how many rows have it. `text`: the search with this as a term, or without it if it is `chosen`."""

    value: str
    count: int
    chosen: bool
    text: str
    unit: UnitLink | None = None


class Facet(msgspec.Struct, frozen=True):
    """The most frequent values of a field among all rows that fit."""

    field: str
    values: list[FacetValue]


class FoundRow(msgspec.Struct, frozen=True):
    """One thing found. `host` is the id of the host that it is about. The title is a finding's rule's."""

    id: str
    host: str
    hostname: str
    unit: UnitLink
    sample: bool
    fields: dict[str, Any]
    title_vi: str = ""
    title_en: str = ""
    system_vi: str = ""
    system_en: str = ""
    passed: int = 0
    of: int = 0


class Behind(msgspec.Struct, frozen=True):
    """How far search is behind the record, for all units alike: changes that wait, since when the oldest does, hosts
    that could not be told for good, and whether the index is whole.
    """

    waiting: int
    oldest: datetime | None
    dead: int
    state: Literal["ready", "rebuilding", "missing"]


class Beside(msgspec.Struct, frozen=True):
    """What else the hosts have that everything found is on, or have none of if `negated`: one thing of the kind."""

    kind: Kind
    text: str
    negated: bool


class Narrower(msgspec.Struct, frozen=True):
    """The search without one of its terms."""

    term: str
    text: str


class SearchPage(msgspec.Struct, frozen=True):
    """One page of what was found. `total`: of all pages. `after`: asks for the next one; empty on the last. `facets`:
    on the first page only. `without`: where nothing was found, the same with one term less. `beside`: what narrows to
    some hosts only.
    """

    as_of: datetime
    text: str
    kind: Kind
    sort: str
    total: int
    rows: list[FoundRow]
    after: str
    kinds: list[KindCount]
    facets: list[Facet]
    behind: Behind
    without: list[Narrower]
    beside: list[Beside] = []
