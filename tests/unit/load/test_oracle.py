"""A collector that lies is found out, whatever it lies about; one that tells the truth is not accused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.load.journal import Journal, Noted, read_journal
from tests.load.oracle import FRESH, Oracle, Row
from tests.unit.load.fleet import NOW, PUBLIC, a_receipt, a_sealer, an_agent

OTHER = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)


class Fleet:
    """Two agents that reported three times and then looked once more: what they noted, and a truthful ledger."""

    def __init__(self) -> None:
        sealer = a_sealer()
        self.agents = [an_agent(0), an_agent(1)]
        self.noted: list[Noted] = []
        self.rows: list[Row] = []
        self.beats: list[tuple[str, int]] = []
        for agent in self.agents:
            before: str | None = None
            for look in range(4):
                at = NOW + timedelta(minutes=15 * look)
                sealed = sealer.report(agent, at) if look < 3 else sealer.heartbeat(agent, at)
                named = (agent.id, sealed.is_report, sealed.number, sealed.digest, at)
                if sealed.is_report:
                    self.noted.append(Noted(*named))
                    self.rows.append(Row(agent.id, 1, sealed.number, sealed.digest, before, "committed"))
                    before = sealed.digest
                self.noted.append(Noted(*named, a_receipt(agent, sealed)))
            self.beats.append((agent.id, 1))

    def judged(self) -> Oracle:
        oracle = Oracle(PUBLIC)
        oracle.take(self.noted)
        self.found = oracle.hold_against(sorted(self.rows), self.beats)
        return oracle


def said(oracle: Oracle) -> list[str]:
    """The faults without the agents' ids."""
    return sorted({fault.partition(" ")[2] for fault in oracle.faults})


def test_a_truthful_collector_is_not_accused() -> None:
    fleet = Fleet()
    oracle = fleet.judged()
    assert (oracle.faults, oracle.receipts, fleet.found) == ([], 8, 6)


def test_what_was_sealed_and_committed_without_its_receipt_having_come_is_no_fault() -> None:
    fleet = Fleet()
    fleet.noted = [n for n in fleet.noted if not (n.receipt and n.number == 3)]
    assert fleet.judged().faults == []


def test_strangers_in_the_ledger_are_nobodys_fault() -> None:
    fleet = Fleet()
    fleet.rows.append(Row("z", 1, 1, "d" * 64, None, "committed"))
    assert fleet.judged().faults == []


def lose_the_last(fleet: Fleet) -> None:
    fleet.rows = [r for r in fleet.rows if r.sequence != 3]


def lose_one_between(fleet: Fleet) -> None:
    fleet.rows = [r for r in fleet.rows if r.sequence != 2]


def lose_an_agent(fleet: Fleet) -> None:
    fleet.rows = [r for r in fleet.rows if r.agent != fleet.agents[1].id]


def only_wait(fleet: Fleet) -> None:
    fleet.rows = [r._replace(state="pending") if r.sequence == 3 else r for r in fleet.rows]


def double(fleet: Fleet) -> None:
    fleet.rows.append(fleet.rows[0])


def make_up(fleet: Fleet) -> None:
    fleet.rows.append(Row(fleet.agents[0].id, 1, 4, "f" * 64, fleet.rows[2].digest, "committed"))


def misplace(fleet: Fleet) -> None:
    first, second, *more = fleet.rows
    fleet.rows = [first._replace(digest=second.digest), second._replace(digest=first.digest), *more]


def cut_the_chain(fleet: Fleet) -> None:
    fleet.rows[1] = fleet.rows[1]._replace(previous=None)


def call_it_a_fork(fleet: Fleet) -> None:
    fleet.rows[2] = fleet.rows[2]._replace(state="fork")


def lose_a_heartbeat(fleet: Fleet) -> None:
    fleet.beats.pop()


LIES: list[tuple[Callable[[Fleet], None], list[str]]] = [
    (lose_the_last, ["report 3: lost"]),
    (lose_one_between, ["1 reports are missing before report 3", "report 2: lost"]),
    (lose_an_agent, ["report 1: lost", "report 2: lost", "report 3: lost"]),
    (only_wait, ["report 3: lost"]),
    (double, ["digest …: 2 times in the ledger", "report 1: 2 times in the ledger"]),
    (make_up, ["report 4: not what the agent sealed there"]),
    (misplace, ["report 1: not what the agent sealed there", "report 2: not what the agent sealed there"]),
    (cut_the_chain, ["report 2: not what the agent sealed there"]),
    (call_it_a_fork, ["report 3: kept as a fork", "report 3: lost"]),
    (lose_a_heartbeat, ["heartbeat 1: lost"]),
]


@pytest.mark.hostile
@pytest.mark.parametrize(("lie", "found"), LIES, ids=[lie.__name__ for lie, _ in LIES])
def test_a_ledger_that_differs_from_what_was_acknowledged_is_found_out(
    lie: Callable[[Fleet], None], found: list[str]
) -> None:
    fleet = Fleet()
    lie(fleet)
    assert [re.sub("[0-9a-f]{64}", "…", fault) for fault in said(fleet.judged())] == found


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (lambda a, s: a_receipt(a, s, OTHER), "is none"),
        (lambda a, s: b"{}", "is none"),
        (lambda a, s: a_receipt(a, s, digest="e" * 64), "is for another envelope"),
        (lambda a, s: a_receipt(a, s, sequence=2), "is for another envelope"),
        (lambda a, s: a_receipt(a, s, sequence=0, counter=1), "is for another envelope"),
        (lambda a, s: a_receipt(a, s, epoch=2), "is for another envelope"),
        (lambda a, s: a_receipt(an_agent(5), s), "is for another envelope"),
        (lambda a, s: s.raw, "is none"),
    ],
)
def test_a_receipt_that_is_none_or_another_envelopes_is_found_out(
    answer: Callable[..., bytes], wrong: str
) -> None:
    agent = an_agent()
    sealed = a_sealer().report(agent, NOW)
    oracle = Oracle(PUBLIC)
    oracle.take([Noted(agent.id, True, 1, sealed.digest, NOW, answer(agent, sealed))])
    assert wrong in oracle.faults[0]
    assert oracle.claims[agent.id].received == set()


def test_a_heartbeat_that_came_late_need_not_be_in_the_days_row() -> None:
    fleet = Fleet()
    agent = fleet.agents[0]
    late = a_sealer().heartbeat(agent, NOW)
    receipt = a_receipt(agent, late, received_at=NOW + FRESH)
    fleet.noted.append(Noted(agent.id, False, late.number, late.digest, NOW, receipt))
    assert fleet.judged().faults == []


def test_a_journal_gives_back_what_was_noted(tmp_path: Path) -> None:
    noted = Fleet().noted
    with Journal(tmp_path / "journal") as journal:
        for each in noted:
            journal.note(each)
    assert list(read_journal(tmp_path / "journal")) == noted
