"""What must be true of a collector, by what the fleet itself wrote down: of each receipt, and of the ledger's rows.

None of the collector's code is asked: receipts are opened by the contract, rows are read by plain SQL (`rows`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from vonggac_contract.envelope import envelope_from_bytes
from vonggac_contract.errors import ContractError
from vonggac_contract.receipt import open_receipt

from .journal import Noted

FRESH: Final = timedelta(minutes=14)
"""Heartbeats receipted within so long of their look must show in the day's row; of later ones only the time is kept
(`vonggac_collector.ingest.quarters`: 15 minutes; a minute less for the way)."""


class Row(NamedTuple):
    """One envelope in the ledger."""

    agent: str
    epoch: int
    sequence: int
    digest: str
    previous: str | None
    state: str


class Claims(msgspec.Struct):
    """What one agent says: the digest of each report it sealed, and which numbers it has receipts for."""

    reports: list[str] = []
    received: set[int] = set()
    beat: int = 0
    """The counter of the newest fresh heartbeat that was receipted."""


def wrong_receipt(noted: Noted, key: bytes) -> str:
    """What is wrong with the receipt; "" if it is by the pinned key and names exactly this envelope."""
    try:
        receipt = open_receipt(envelope_from_bytes(noted.receipt), key)
    except ContractError as error:
        return f"is none: {error}"
    number = (noted.number, 0) if noted.is_report else (0, noted.number)
    named = (receipt.agent_id, receipt.epoch, receipt.digest, receipt.sequence, receipt.counter)
    return "" if named == (noted.agent, 1, noted.digest, *number) else "is for another envelope"


class Oracle:
    """Takes the journal in; then the ledger can be held against it. `key`: the collector's, pinned at enrolment."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.claims: dict[str, Claims] = {}
        self.receipts = 0
        self.faults: list[str] = []

    def take(self, journal: Iterable[Noted]) -> None:
        """Check every receipt, and remember what was sealed and acknowledged."""
        for noted in journal:
            claims = self.claims.setdefault(noted.agent, Claims())
            if noted.receipt:
                self._take_receipt(noted, claims)
            elif noted.is_report:
                claims.reports.append(noted.digest)

    def _take_receipt(self, noted: Noted, claims: Claims) -> None:
        self.receipts += 1
        what = f"{noted.agent} {'report' if noted.is_report else 'heartbeat'} {noted.number}"
        if wrong := wrong_receipt(noted, self._key):
            self.faults.append(f"{what}: the receipt {wrong}")
        elif noted.is_report:
            claims.received.add(noted.number)
        elif (
            open_receipt(envelope_from_bytes(noted.receipt), self._key).received_at - noted.looked_at < FRESH
        ):
            claims.beat = max(claims.beat, noted.number)

    def hold_against(self, rows: Iterable[Row], beats: Iterable[tuple[str, int]]) -> int:
        """Look for every acknowledged envelope; returns how many were found. `rows` ordered by agent.

        `beats`: agent and highest counter that the ledger has of it.
        """
        found, seen = 0, set()
        for agent, its in _by_agent(rows):
            if (claims := self.claims.get(agent)) is not None:
                seen.add(agent)
                found += len(claims.received) - sum(": lost" in f for f in self._hold(agent, claims, its))
        for agent in self.claims.keys() - seen:
            self._hold(agent, self.claims[agent], [])
        heard = dict(beats)
        for agent, claims in self.claims.items():
            if heard.get(agent, 0) < claims.beat:
                self.faults.append(f"{agent} heartbeat {claims.beat}: lost")
        return found

    def _hold(self, agent: str, claims: Claims, rows: list[Row]) -> list[str]:
        faults = faults_of_chain(agent, claims, rows)
        self.faults += faults
        return faults


def faults_of_chain(agent: str, claims: Claims, rows: list[Row]) -> list[str]:
    """Lost, doubled, made up, out of its place, or beside the chain."""
    faults = []
    kept = {row.sequence: row for row in rows if row.state == "committed"}
    for sequence in sorted(claims.received - kept.keys()):
        faults.append(f"{agent} report {sequence}: lost")
    for what, times in Counter(
        [f"digest {r.digest}" for r in rows] + [f"report {r.sequence}" for r in rows]
    ).items():
        if times > 1:
            faults.append(f"{agent} {what}: {times} times in the ledger")
    for row in rows:
        sealed = claims.reports[row.sequence - 1] if row.sequence <= len(claims.reports) else None
        before = claims.reports[row.sequence - 2] if row.sequence > 1 else None
        if (row.epoch, row.digest, row.previous) != (1, sealed, before):
            faults.append(f"{agent} report {row.sequence}: not what the agent sealed there")
        if row.state == "fork":
            faults.append(f"{agent} report {row.sequence}: kept as a fork")
    if kept and max(kept) != len(kept):
        faults.append(f"{agent}: {max(kept) - len(kept)} reports are missing before report {max(kept)}")
    return faults


def _by_agent(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    its: list[Row] = []
    for row in rows:
        if its and its[0].agent != row.agent:
            yield its[0].agent, its
            its = []
        its.append(row)
    if its:
        yield its[0].agent, its
