"""The fleet at its everyday pace over HTTP, beside what is measured: heartbeats and reports at given rates."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from tests.load.agents import Agent
from tests.load.wire import Connection, NoAnswer

from vonggac_agent.link import Address
from vonggac_agent.ship import ENVELOPES

from .world import World

CONNECTIONS: Final = 8
_AGAIN_S: Final = 0.5


class Traffic:
    """Goes on within the block. Each connection has machines of its own, so that each chain is sent in order; one that
    is answered too slowly skips what it could not send, and nothing is sent twice as fast afterwards.
    """

    def __init__(self, address: Address, world: World, beats: float, reports: float) -> None:
        """`beats`, `reports`: a second, of all connections."""
        self.beats = 0
        self.reports = 0
        self.unanswered = 0
        self.seconds = 0.0
        self._address = address
        self._world = world
        self._rates = (beats / CONNECTIONS, reports / CONNECTIONS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="traffic")
        self._began = 0.0

    def __enter__(self) -> Traffic:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._began

    async def _run(self) -> None:
        await asyncio.gather(*(self._send(n) for n in range(CONNECTIONS)))

    async def _send(self, number: int) -> None:
        connection = Connection(self._address, None, number)
        agents, turn = self._world.agents[number::CONNECTIONS], 0
        beats, reports = self._rates
        due = [
            [time.monotonic() + (number + 1) / CONNECTIONS / rate, 1 / rate, kind]
            for rate, kind in ((beats, 0.0), (reports, 1.0))
            if rate
        ]
        while due and not self._stop.is_set():
            next_ = min(due)
            wait = next_[0] - time.monotonic()
            if wait > 0:
                await asyncio.sleep(min(wait, 0.2))
                continue
            next_[0] = max(next_[0] + next_[1], time.monotonic())
            await self._one(connection, agents[turn % len(agents)], is_report=bool(next_[2]))
            turn += 1
        connection.close()

    async def _one(self, connection: Connection, agent: Agent, *, is_report: bool) -> None:
        now = datetime.now(UTC)
        sealed = (
            self._world.fleet.report(agent, now) if is_report else self._world.fleet.heartbeat(agent, now)
        )
        while not await self._taken(connection, sealed.raw):
            self.unanswered += 1
            # The next of its chain would have to wait for this one, so it is sent until it is taken.
            if self._stop.is_set():
                return
            await asyncio.sleep(_AGAIN_S)
        if is_report:
            self.reports += 1
        else:
            self.beats += 1

    async def _taken(self, connection: Connection, raw: bytes) -> bool:
        try:
            answer = await connection.ask("POST", ENVELOPES, raw)
        except NoAnswer:
            return False
        return answer.status in (200, 202)
