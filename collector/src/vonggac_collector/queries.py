"""The only door for reads by people: pages and API ask here, and get nothing from outside the caller's subtree.

Every method takes the caller first and reads through a `Sight` of what they may see; what does not exist and what lies
outside is the same NotFound. How read models are filled is in `reads`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from . import views
from .auth import Caller
from .auth.caller import require
from .board import Board, BoardMaker
from .enrolment import token_row
from .errors import IndexFailed
from .index.interface import Index
from .ledger.interface import Ledger
from .reads import hosts, rules, units
from .reads import search as seeking
from .reads.sight import Sight, host_row, host_rows, system_row
from .reads.texts import Texts
from .reads.trends import read_trends
from .rollup import day_of
from .rulebooks import Shelf
from .score.parameters import Parameters
from .search.results import Asking, SearchPage

MAX_FOUND: Final = 200
RECENT: Final = 10
_RECENT_DAYS: Final = timedelta(days=7)
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
    ) -> None:
        self._ledger = ledger
        self._shelf = rulebooks
        self._maker = BoardMaker(ledger, rulebooks, parameters)
        self._now = now
        self._url = collector_url
        self._keyid = collector_keyid
        self._index = index
        self._lock = threading.Lock()
        self._kept: tuple[int, Board] | None = None

    def now(self) -> datetime:
        """The collector's clock."""
        return self._now()

    def overview(self, caller: Caller) -> views.Overview:
        """Who is doing how well, and who is not heard from."""
        with self._sight(caller) as sight:
            codes = [sight.root.code, *(u.code for u in sight.children(sight.root.code))]
            with self._ledger.read() as tx:
                trends = read_trends(tx, codes, day_of(sight.board.as_of))
            return units.overview(sight, trends)

    def unit(self, caller: Caller, code: str) -> views.UnitPage:
        """Where a unit stands. Raises NotFound."""
        with self._sight(caller) as sight:
            codes = [sight.unit(code).code, *(u.code for u in sight.children(code))]
            with self._ledger.read() as tx:
                trends = read_trends(tx, codes, day_of(sight.board.as_of))
            return units.unit_page(sight, code, trends, self._texts(sight.board))

    def host(self, caller: Caller, host_id: str) -> views.HostPage:
        """What is wrong with a host. Raises NotFound."""
        with self._sight(caller) as sight, self._ledger.read() as tx:
            return hosts.host_page(tx, sight, host_id, self._texts(sight.board))

    def rule(self, caller: Caller, rule_id: str) -> views.RulePage:
        """What a rule asks and where it fails. Raises NotFound."""
        with self._sight(caller) as sight:
            return rules.rule_page(sight, rule_id, self._texts(sight.board))

    def rules(self, caller: Caller) -> list[views.RuleListRow]:
        """Every rule in force."""
        with self._sight(caller) as sight:
            return rules.rule_list(sight, self._texts(sight.board))

    def enrol(self, caller: Caller) -> views.EnrolPage:
        """What is needed to add a machine. Raises Forbidden."""
        require(caller, "enrol")
        with self._sight(caller) as sight, self._ledger.read() as tx:
            board = sight.board
            tokens = [t for t in tx.tokens.all() if t.unit in sight.units]
            lately = [h for h in sight.hosts() if board.as_of - h.host.expected_since <= _RECENT_DAYS]
            lately.sort(key=lambda h: h.host.expected_since, reverse=True)
            return views.EnrolPage(
                as_of=board.as_of,
                units=[sight.link(code) for code in sight.units],
                systems=[system_row(board, s) for s in sight.systems()],
                tokens=[token_row(t, sight.link(t.unit)) for t in tokens],
                recent=[host_row(board, h) for h in lately[:RECENT]],
                collector_url=self._url,
                collector_keyid=self._keyid,
            )

    def search_hosts(self, caller: Caller, text: str, limit: int) -> list[views.HostRow]:
        """Hosts whose name or id holds `text`, at most `limit` (and MAX_FOUND) of them."""
        wanted = text.casefold().strip()
        with self._sight(caller) as sight:
            found = [
                h
                for h in sight.hosts()
                if wanted in h.host.hostname.casefold() or h.host.id.startswith(wanted)
            ]
            return host_rows(sight.board, found)[: max(0, min(limit, MAX_FOUND))]

    def search(self, caller: Caller, asking: Asking) -> SearchPage:
        """One page of what a text finds. Raises Unfit, naming the place, Invalid, IndexFailed."""
        return seeking.search(self._searched(), self._sought(caller), asking)

    @contextmanager
    def export(self, caller: Caller, asking: Asking) -> Iterator[seeking.Found]:
        """Every row that `search` shows page by page. Raises as `search`."""
        with seeking.export(self._searched(), self._sought(caller), asking) as found:
            yield found

    def _sought(self, caller: Caller) -> seeking.Sought:
        with self._ledger.read() as tx:
            return seeking.sought(tx, caller, self._now())

    def _searched(self) -> Index:
        index = self._index()
        if index is None:
            raise IndexFailed("there is no index here")
        return index

    def board(self, as_of: datetime | None = None) -> Board:
        """Where everything stands now, or stood then. For the collector's own commands; not scoped."""
        return self._board() if as_of is None else self._maker.at(as_of)

    @contextmanager
    def _sight(self, caller: Caller) -> Iterator[Sight]:
        yield Sight(self._board(), caller)

    def _texts(self, board: Board) -> Texts:
        with self._ledger.read() as tx:
            return Texts(self._shelf, [digest for digest, _ in tx.rulebooks.published(board.as_of)])

    def _board(self) -> Board:
        version, now = self._ledger.version(), self._now()
        with self._lock:
            kept = self._kept
            if kept is None or kept[0] != version or not timedelta(0) <= now - kept[1].as_of < _BOARD_AGE:
                kept = self._kept = (version, self._maker.at(now))
            return kept[1]
