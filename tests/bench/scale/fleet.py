"""The machines of the country: what those of each level report, and where each one's chain ends in a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from tests.bench.sealing import real_reports
from tests.load.agents import Agent, Sealer
from tests.load.variety import Kind, kinds_of

from vonggac_collector.ledger.interface import Ledger
from vonggac_contract.report import Report

from .country import LEVELS, SEED, Spot

KINDS: Final = 4
"""Kinds of machines of each level."""


class Fleet(Sealer):
    """Seals for every machine by the profile of its level."""

    def __init__(self, reports: dict[int, Report], spots: list[Spot]) -> None:
        super().__init__(SEED, [])
        self._of_level = {
            level: kinds_of(report, SEED + level, kinds=KINDS) for level, report in reports.items()
        }
        self._spots = spots

    def _kind(self, agent: Agent) -> Kind:
        kinds = self._of_level[self._spots[agent.number].level]
        return kinds[agent.number % len(kinds)]


def reports_in(folder: Path, packages: int) -> dict[int, Report]:
    """This machine's reports by level, the same ones as long as the folder is kept."""
    path = folder / "reports.json"
    if not path.is_file():
        print("  looking at this machine", flush=True)
        made = real_reports(*LEVELS, packages=packages)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(made))
    return msgspec.json.decode(path.read_bytes(), type=dict[int, Report])


def agents_in(ledger: Ledger) -> list[Agent]:
    """Every machine of the ledger by number, its chain where the ledger has its end."""
    with ledger.read() as tx:
        rows = tx.agents.all()
        with_names = {h.id: h.hostname for h in tx.tree.hosts(max(a.enrolled_at for a in rows))}
    found = []
    for row in rows:
        agent = Agent(int(with_names[row.id].rpartition("-")[2]))
        agent.enrolled(row.id)
        agent.sequence, agent._previous = row.head_sequence, bytes.fromhex(row.head_digest or "")
        found.append(agent)
    return sorted(found, key=lambda a: a.number)
