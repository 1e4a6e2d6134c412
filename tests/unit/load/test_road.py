"""Between a fleet's agent and its collector: what is sent again, what waits, what is given up."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.load.agents import Agent, Sealed
from tests.load.journal import Journal, read_journal
from tests.load.road import Part
from tests.load.schedule import Schedule
from tests.load.wire import Answer, Connection, NoAnswer, source_of
from tests.unit.load.fleet import NOW, a_receipt, a_sealer, an_agent

from vonggac_agent.link import parse_address
from vonggac_contract.envelope import envelope_from_bytes

Says = Callable[[bytes, int], Answer]
ADDRESS = parse_address("http://127.0.0.1:1")


class Scripted(Connection):
    """A collector of one answer after the other; keeps what it was sent."""

    def __init__(self, says: Says) -> None:
        super().__init__(ADDRESS, None, 0)
        self._says = says
        self.sent: list[bytes] = []

    async def ask(self, method: str, path: str, body: bytes = b"", *, limit: int = 0) -> Answer:
        self.sent.append(body)
        await asyncio.sleep(0)
        return self._says(body, len(self.sent))


def problem(status: int, code: str, retry_after: float | None = None) -> Answer:
    return Answer(status, msgspec.json.encode({"type": f"urn:vonggac:problem:{code}"}), retry_after)


class Road:
    """One agent on its road."""

    def __init__(self, folder: Path, says: Says, *, changed: float = 1.0) -> None:
        self.agent: Agent = an_agent()
        self.path = folder / "journal"
        self.sealer = a_sealer()
        self.connection = Scripted(says)
        self._changed = changed

    def run(self, seconds: float = 0.3, reports: int = 0) -> Part:
        with Journal(self.path) as journal:
            schedule = Schedule(1_000, self._changed)
            part = Part([self.agent], self.sealer, schedule, journal, random.Random(1), hurry=0.001)
            for _ in range(reports):
                self.agent.keep(self.sealer.report(self.agent, NOW))
            asyncio.run(part.report([self.connection], seconds))
        return part

    def receipt(self, raw: bytes) -> Answer:
        digest = envelope_from_bytes(raw).digest
        return Answer(200, a_receipt(self.agent, Sealed(True, 1, digest, NOW, raw)), None)


def test_what_had_no_answer_or_was_shed_is_sent_again_the_same_and_only_then_what_comes_after(
    tmp_path: Path,
) -> None:
    def says(raw: bytes, times: int) -> Answer:
        if times == 1:
            raise NoAnswer("cut")
        return problem(503, "busy", 5.0) if times == 2 else road.receipt(raw)

    road = Road(tmp_path, says)
    part = road.run(reports=2)
    first, again, third, second = road.connection.sent
    assert first == again == third != second
    assert (part.tally.unanswered, part.tally.shed) == ({"cut": 1}, {"busy": 1})
    assert (len(part.tally.reports), road.agent.unsent) == (2, None)
    assert [n.digest for n in read_journal(road.path) if n.receipt] == [
        envelope_from_bytes(raw).digest for raw in (first, second)
    ]


@pytest.mark.parametrize("retry_after", [None, 100.0])
def test_as_long_as_the_collector_asks_to_wait_nothing_is_sent(
    tmp_path: Path, retry_after: float | None
) -> None:
    road = Road(tmp_path, lambda raw, times: problem(503, "busy", retry_after))
    road.run(seconds=0.02 if retry_after is None else 0.09, reports=1)
    assert len(road.connection.sent) == 1
    assert road.agent.unsent is not None


def test_a_refused_envelope_is_counted_by_its_code_and_the_next_one_goes_out(tmp_path: Path) -> None:
    road = Road(tmp_path, lambda raw, times: problem(422, "malformed") if times == 1 else road.receipt(raw))
    part = road.run(reports=2)
    assert part.tally.refused == {"malformed": 1}
    assert len(road.connection.sent) == 2


def test_after_a_fork_the_chain_is_left_alone(tmp_path: Path) -> None:
    road = Road(tmp_path, lambda raw, times: problem(409, "seq-fork"))
    part = road.run(reports=3)
    assert (len(road.connection.sent), part.tally.refused) == (1, {"seq-fork": 1})
    assert road.agent.unsent is None


def test_a_newer_look_takes_the_place_of_a_heartbeat_that_was_not_sent() -> None:
    sealer, agent = a_sealer(), an_agent()
    for made in (sealer.report, sealer.heartbeat, sealer.heartbeat, sealer.report, sealer.heartbeat):
        agent.keep(made(agent, NOW))
    assert [(s.is_report, s.number) for s in agent.unsent or ()] == [(True, 1), (True, 2), (False, 3)]


def test_an_agent_is_small_enough_for_a_hundred_thousand_of_them() -> None:
    tracemalloc.start()
    agents = [an_agent(0) for _ in range(1_000)]
    taken = tracemalloc.get_traced_memory()[0] / len(agents)
    tracemalloc.stop()
    assert taken < 1_000


def test_on_the_loopback_network_each_connection_comes_from_an_address_of_its_own() -> None:
    here = [source_of(parse_address(f"http://127.0.0.1:{n}"), n) for n in (1, 2, 300)]
    assert here == [("127.1.0.2", 0), ("127.1.0.3", 0), ("127.1.1.45", 0)]
    assert source_of(parse_address("https://vonggac.example"), 1) is None
