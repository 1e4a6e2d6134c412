"""The second verifier, written from docs/wire.md alone, walks chains as collector and agent do: ten thousand, whole
and broken, each with the same verdict at the same place.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.collector.conftest import NOW, plant
from tests.unit.contract.chains import AGENT, COLLECTOR, KEYS, NEIGHBOUR, OTHER, keyid, public
from tests.unit.contract.harms import KINDS, a_chain
from tests.unit.contract.second.chain import Epoch, check_chain
from tests.unit.properties import EXAMPLES

from vonggac_agent.errors import BadAnswer
from vonggac_agent.identity import Identity
from vonggac_agent.seal import Chain
from vonggac_agent.ship import Shipper
from vonggac_agent.spool_rows import Beat, Link
from vonggac_collector.checking import Claim, wrong
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.ledger.rows import Agent, Host, Placement
from vonggac_collector.remaking import Lists
from vonggac_contract.enrolment import Enrolled
from vonggac_contract.envelope import HEARTBEAT, envelope_from_bytes
from vonggac_contract.errors import ContractError
from vonggac_contract.report import heartbeat_from_envelope, statement_from_envelope

LATER = NOW + timedelta(hours=6)
SHARDS = 10
ENOUGH = 1_000
"""Chains among which each kind that breaks any has broken some."""
HARMLESS = {"nothing", "numbers", "text in another form", "the statement in another form"}
Verdict = tuple[int, int, str] | None


class House:
    """A collector in memory with the machine of `chains` and its neighbour, as new again for every chain."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        plant(self.ledger)
        with self.ledger.write() as tx:
            for agent in (AGENT, OTHER):
                tx.tree.add_host(Host(agent, "may", "linux", "", "", NOW, False))
                tx.tree.place(Placement(agent, "ha-noi/so-y-te", "hsyt", 2, None, NOW))
                tx.agents.add(Agent(agent, "active", 1, 0, None, None, "", NOW))
            tx.agents.add_key(keyid(NEIGHBOUR), OTHER, public(NEIGHBOUR), 1, NOW)
        self._new = self.ledger._store.copy()

    def empty(self) -> None:
        self.ledger._store.put_back({name: value.copy() for name, value in self._new.items()})

    def begin(self, epoch: Epoch) -> None:
        """As an enrolment does."""
        with self.ledger.write() as tx:
            tx.agents.end_keys(AGENT, NOW)
            tx.agents.put(Agent(AGENT, "active", epoch.number, 0, None, None, "", NOW))
            tx.agents.add_key(keyid(KEYS[epoch.number]), AGENT, epoch.key, epoch.number, NOW)

    def verdict(self, epochs: list[Epoch]) -> Verdict:
        """What the collector refuses, or the agent does not take for the receipt of what it sent."""
        self.empty()
        for epoch in epochs:
            self.begin(epoch)
            for place, item in enumerate(epoch.items):
                answer = accept(self.ledger, item.envelope, now=LATER, collector_key=COLLECTOR)
                if answer.status != 200:
                    return epoch.number, place, "envelope"
                if item.receipt is not None and not is_receipt(item.envelope, item.receipt, epoch):
                    return epoch.number, place, "receipt"
        return None

    def hold_what_was_taken(self) -> None:
        """By the check of each row that `ledger verify` makes."""
        with self.ledger.read() as tx:
            keys = tx.agents.keys(AGENT)
            taken = [r for r in tx.chain.walk_all(("", 0, 0, ""), 100) if r.agent == AGENT]
        assert [wrong(Claim(row, keys.get(row.keyid)), Lists({})) for row in taken] == [""] * len(taken)


def is_receipt(raw: bytes, receipt: bytes, epoch: Epoch) -> bool:
    """Whether the agent lets go of that envelope for it."""
    envelope = envelope_from_bytes(raw)
    chain = Chain(AGENT, epoch.number)
    sent: Link | Beat
    if envelope.payload_type == HEARTBEAT:
        counter = heartbeat_from_envelope(envelope).counter
        sent = Beat(chain, counter, 1, envelope.digest, NOW, "unsent", "")
    else:
        sequence = statement_from_envelope(envelope).sequence
        sent = Link(chain, sequence, envelope.digest, None, "", "", "", {}, NOW, "unsent", "", "")
    enrolled = Enrolled(1, AGENT, epoch.number, epoch.key, public(COLLECTOR), "", "", "d" * 64, NOW)
    nobody: Any = None
    identity = Identity(1, "", "", keyid(KEYS[epoch.number]), enrolled)
    try:
        Shipper(Path(), nobody, identity, nobody, lambda: NOW)._open_receipt(sent, receipt)
    except (BadAnswer, ContractError):
        return False
    return True


def compare(number: int, seed: int) -> Counter[tuple[str, str]]:
    """So many chains of every kind in turn; how often each kind was whole, or broken by what."""
    chance = random.Random(seed)
    house = House()
    found: Counter[tuple[str, str]] = Counter()
    kinds = [*KINDS, *["nothing"] * 6]
    for n in range(number):
        kind = kinds[n % len(kinds)]
        epochs = a_chain(kind, chance)
        theirs = check_chain(AGENT, public(COLLECTOR), epochs)
        assert house.verdict(epochs) == theirs, (kind, epochs)
        found[kind, "whole" if theirs is None else theirs[2]] += 1
        if n % 10 == 0:
            house.hold_what_was_taken()
    return found


def hold_to(found: Counter[tuple[str, str]], number: int) -> None:
    """Every kind came, and of enough each did something; a fifth was whole, a third broken, answers among them."""
    verdicts: Counter[str] = Counter()
    for (_, verdict), times in found.items():
        verdicts[verdict] += times
    assert {kind for kind, _ in found} == KINDS.keys()
    broke = {kind for kind, verdict in found if verdict != "whole"}
    assert not broke & HARMLESS
    assert KINDS.keys() - broke == HARMLESS or number < ENOUGH
    assert verdicts["whole"] > number / 5
    assert verdicts["envelope"] > number / 3
    assert verdicts["receipt"] > number / 20


@pytest.mark.hostile
def test_both_walk_some_hundred_chains_alike() -> None:
    hold_to(compare(350, 5), 350)


@pytest.mark.hostile
@pytest.mark.worlds
@pytest.mark.parametrize("seed", range(SHARDS))
def test_both_walk_ten_thousand_chains_alike(seed: int) -> None:
    number = 5 * EXAMPLES // SHARDS
    hold_to(compare(number, 8032 + seed), number)
