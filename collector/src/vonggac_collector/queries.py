"""The only door for reads by people: pages and API ask here, and get nothing from outside the caller's subtree.

Every method takes the caller first and reads through a `Sight` of what they may see; what does not exist and what lies
outside is the same NotFound. How read models are filled is in `reads`, where figures come from in `reads.source`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from . import views
from .auth import Caller
from .auth.caller import require
from .board import Board, BoardMaker
from .enrolment_views import EnrolPage
from .errors import Busy, IndexFailed, NotFound
from .index.interface import Index
from .ledger.interface import Ledger, Transaction
from .policy_views import PolicyPage
from .reads import enrolling, hosts, policy, rules, units
from .reads import search as seeking
from .reads.sight import Sight
from .reads.source import Kept, Live
from .reads.texts import Texts
from .reads.trends import read_trends
from .rollup import day_of
from .rulebooks import Shelf
from .score.parameters import Parameters
from .search.results import Asking, SearchPage
from .unit_tree import KeptTree

MAX_FOUND: Final = 200
LIVE_HOSTS: Final = 500
"""With up to so many hosts a board is made after each change, which takes less than a page; above, pages show what the
worker kept (docs/adr/0014)."""
_BOARD_AGE: Final = timedelta(seconds=60)
"""A board is made anew after any change of the ledger, and else when it is this old: looks age by themselves."""


class Queries:
    """Reads by people. Safe for several threads."""

    def __init__(
        self,
        ledger: Ledger,
        rulebooks: Shelf,
        parameters: Parameters,
        now: Callable[[], datetime],
        *,
        collector_url: str = "",
        collector_keyid: str = "",
        index: Callable[[], Index | None] = lambda: None,
        live_hosts: int = LIVE_HOSTS,
        state: Path | None = None,
    ) -> None:
        self._ledger = ledger
        self._shelf = rulebooks
        self._maker = BoardMaker(ledger, rulebooks, parameters)
        self._now = now
        self._url = collector_url
        self._keyid = collector_keyid
        self._index = index
        self._lock = threading.Lock()
        self._kept: tuple[int, Live] | None = None
        self._live_hosts = live_hosts
        self._state = state
        self._large = False
        self._tree = KeptTree()

    def now(self) -> datetime:
        """The collector's clock."""
        return self._now()

    def overview(self, caller: Caller) -> views.Overview:
        """Who is doing how well, and who is not heard from."""
        with self._sight(caller) as (tx, sight):
            codes = [sight.root.code, *(u.code for u in sight.children(sight.root.code))]
            return units.overview(sight, read_trends(tx, codes, day_of(sight.as_of)))

    def unit(self, caller: Caller, code: str) -> views.UnitPage:
        """Where a unit stands. Raises NotFound."""
        with self._sight(caller) as (tx, sight):
            codes = [sight.unit(code).code, *(u.code for u in sight.children(code))]
            trends = read_trends(tx, codes, day_of(sight.as_of))
            return units.unit_page(sight, code, trends, self._texts(tx, sight.as_of))

    def host(self, caller: Caller, host_id: str) -> views.HostPage:
        """What is wrong with a host now, whatever the other pages are as of. Raises NotFound."""
        with self._sight(caller) as (tx, sight):
            now = max(self._now(), sight.as_of)
            found = tx.tree.located([host_id], now).get(host_id)
            if found is None or found[1].unit not in sight.units:
                raise NotFound
            host = self._maker.host_at(tx, now, *found)
            return hosts.host_page(tx, sight, host, now, self._texts(tx, now))

    def rule(self, caller: Caller, rule_id: str, *, within: str = "", first: int = 0) -> views.RulePage:
        """What a rule asks and where it fails, beneath the unit `within` if it is given. Raises NotFound.

        Hosts are named from the place `first` of the units where it fails, for one page of them.
        """
        with self._sight(caller) as (tx, sight):
            texts = self._texts(tx, sight.as_of)
            return rules.rule_page(sight, rule_id, texts, within or sight.root.code, first)

    def rules(self, caller: Caller) -> list[views.RuleListRow]:
        """Every rule in force."""
        with self._sight(caller) as (tx, sight):
            return rules.rule_list(sight, self._texts(tx, sight.as_of))

    def policy(self, caller: Caller) -> PolicyPage:
        """Which rulebook is in force, which is tried, and who vouches for them."""
        with self._ledger.read() as tx:
            now = self._now()
            return policy.policy_page(tx, self._tree.at(tx, now), caller, self._state, now)

    def enrol(self, caller: Caller, *, find: str = "", unit: str = "") -> EnrolPage:
        """What is needed to add a machine; units whose name holds `find`, and `unit`. Raises Forbidden."""
        require(caller, "enrol")
        with self._sight(caller) as (tx, sight):
            return enrolling.enrol_page(tx, sight, find, unit, self._url, self._keyid)

    def search_hosts(self, caller: Caller, text: str, limit: int) -> list[views.HostRow]:
        """Hosts whose name or id holds `text`, at most `limit` (and MAX_FOUND) of them."""
        most = max(0, min(limit, MAX_FOUND))
        with self._sight(caller) as (_, sight):
            found = sight.source.find_hosts(sight.root.code, text.casefold().strip(), most)
            return sight.host_rows(found)

    def search(self, caller: Caller, asking: Asking) -> SearchPage:
        """One page of what a text finds. Raises Unfit, naming the place, Invalid, IndexFailed."""
        return seeking.search(self._searched(), self._sought(caller), asking)

    @contextmanager
    def export(self, caller: Caller, asking: Asking) -> Iterator[seeking.Found]:
        """Every row that `search` shows page by page. Raises as `search`."""
        with seeking.export(self._searched(), self._sought(caller), asking) as found:
            yield found

    def _sought(self, caller: Caller) -> seeking.Sought:
        now = self._now()
        with self._ledger.read() as tx:
            return seeking.sought(tx, self._tree.at(tx, now), caller, now)

    def _searched(self) -> Index:
        index = self._index()
        if index is None:
            raise IndexFailed("there is no index here")
        return index

    def board(self, as_of: datetime | None = None) -> Board:
        """Where everything stands now, or stood then. For the collector's own commands; not scoped."""
        return self._live().board if as_of is None else self._maker.at(as_of)

    @contextmanager
    def _sight(self, caller: Caller) -> Iterator[tuple[Transaction, Sight]]:
        live = None if self._is_large() else self._live()
        with self._ledger.read() as tx:
            yield tx, Sight(live or self._kept_source(tx), caller, self._maker.parameters)

    def _is_large(self) -> bool:
        """Once it is, it is."""
        if not self._large:
            with self._ledger.read() as tx:
                last = tx.standings.round()
                number = last.hosts if last is not None else tx.tree.host_count(self._now())
            self._large = number > self._live_hosts
        return self._large

    def _kept_source(self, tx: Transaction) -> Kept:
        last = tx.standings.round()
        if last is None:
            raise Busy("scores are worked out for the first time")
        return Kept(tx, last.as_of, self._tree.at(tx, last.as_of), self._now())

    def _texts(self, tx: Transaction, as_of: datetime) -> Texts:
        return Texts(self._shelf, [digest for digest, _ in tx.rulebooks.published(as_of)])

    def _live(self) -> Live:
        version, now = self._ledger.version(), self._now()
        with self._lock:
            kept = self._kept
            if kept is None or kept[0] != version or not timedelta(0) <= now - kept[1].as_of < _BOARD_AGE:
                kept = self._kept = (version, Live(self._maker.at(now)))
            return kept[1]
