"""How the fleet ships: looks when it is time, sends oldest first, waits after failures as the agent does (`ship`).

One process's share of the fleet, on one event loop. Receipts are written down and checked after the clock stopped.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from array import array
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from vonggac_agent.link import Answer as LinkAnswer
from vonggac_agent.ship import (
    BASE_S,
    BUSY,
    CAP_S,
    ENVELOPES,
    FORKED,
    LATER,
    OF_THE_MACHINE,
    problem_of,
)
from vonggac_agent.supervisor import retry_in

from .agents import Agent, Sealed, Sealer
from .journal import Journal, Noted
from .schedule import Schedule
from .wire import Answer, Connection, NoAnswer

_NAP_S: Final = 0.02
_INTERVAL_S: Final = 900.0
"""The agent's default, where machines look without a pause."""


class Tally(msgspec.Struct):
    """What happened. Seconds of each answer that was a receipt; refusals by code; `unanswered` by what went wrong."""

    reports: array[float] = msgspec.field(default_factory=lambda: array("f"))
    beats: array[float] = msgspec.field(default_factory=lambda: array("f"))
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    shed: Counter[str] = msgspec.field(default_factory=Counter)
    unanswered: Counter[str] = msgspec.field(default_factory=Counter)
    pending: int = 0
    wall_s: float = 0.0


class Part:
    """Some agents of the fleet, and how they behave. `hurry`: what waits after failures are multiplied by."""

    def __init__(
        self, agents: list[Agent], sealer: Sealer, schedule: Schedule, journal: Journal, chance: random.Random,
        hurry: float = 1.0,
    ) -> None:  # fmt: skip
        self._agents = agents
        self._sealer = sealer
        self._schedule = schedule
        self._journal = journal
        self._chance = chance
        self._hurry = hurry
        self._ahead: dict[int, deque[Sealed]] = {}
        self._due: list[tuple[float, int]] = []
        self._looks_at: dict[int, float] = {}
        self._until = 0.0
        self.tally = Tally()

    def look(self, agent: Agent, looked_at: datetime) -> None:
        """One look that finds a change, or not; the first finds everything new."""
        ahead = self._ahead.get(agent.number)
        if ahead:
            agent.keep(ahead.popleft())
            return
        agent.keep(self._sealed(agent, looked_at, self._schedule.is_changed(self._chance)))

    def _sealed(self, agent: Agent, looked_at: datetime, changed: bool) -> Sealed:
        if not changed and agent.sequence:
            return self._sealer.heartbeat(agent, looked_at)
        sealed = self._sealer.report(agent, looked_at)
        self._journal.note(Noted(agent.id, True, sealed.number, sealed.digest, looked_at))
        return sealed

    def seal_ahead(self, looks: int, now: datetime) -> None:
        """Seal the next `looks` of each agent, so that the clock does not measure it."""
        for agent in self._agents:
            made = [self._sealed(agent, now, self._schedule.is_changed(self._chance)) for _ in range(looks)]
            self._ahead[agent.number] = deque(made)

    def was_cut_off(self, hours: float, now: datetime) -> None:
        """Every agent comes back after an outage with what it kept."""
        for agent in self._agents:
            for ago, changed in self._schedule.outage(hours, self._chance):
                agent.keep(self._sealed(agent, now - timedelta(seconds=ago), changed))

    async def join(self, connections: list[Connection]) -> Tally:
        """Every agent sends its first report; they are sealed on the way."""
        self._due = [(0.0, place) for place in range(len(self._agents))]
        for agent in self._agents:
            if not agent.sequence:
                agent.keep(self._sealed(agent, datetime.now(UTC), True))
        return await self._run(connections, float("inf"), looking=False)

    async def report(self, connections: list[Connection], seconds: float) -> Tally:
        """Look and send for `seconds`; what is kept already is sent at once."""
        began = time.monotonic()
        for place, agent in enumerate(self._agents):
            first = began + self._schedule.first(self._chance)
            self._looks_at[place] = first
            self._due.append((began if agent.unsent else first, place))
        heapq.heapify(self._due)
        return await self._run(connections, seconds, looking=True)

    async def drain(self, connections: list[Connection], seconds: float) -> int:
        """Send what is left, without looking again; how much is left after `seconds` all the same."""
        self._due = [(at, place) for at, place in self._due if self._agents[place].unsent]
        heapq.heapify(self._due)
        await self._run(connections, seconds, looking=False)
        return sum(len(a.unsent or ()) for a in self._agents)

    async def _run(self, connections: list[Connection], seconds: float, *, looking: bool) -> Tally:
        self.tally = Tally()
        began = time.monotonic()
        self._until = began + seconds
        await asyncio.gather(*(self._work(each, looking) for each in connections))
        self.tally.wall_s = time.monotonic() - began
        return self.tally

    async def _work(self, connection: Connection, looking: bool) -> None:
        while (now := time.monotonic()) < self._until and (looking or self._due):
            if not self._due or self._due[0][0] > now:
                await asyncio.sleep(_NAP_S)
                continue
            _, place = heapq.heappop(self._due)
            agent = self._agents[place]
            while looking and self._looks_at[place] <= now:
                self.look(agent, datetime.now(UTC))
                self._looks_at[place] += self._schedule.pause(self._chance)
                if not self._schedule.interval:
                    self._looks_at[place] = time.monotonic()
                    break
            wait = await self._ship(agent, connection)
            if wait is not None:
                heapq.heappush(self._due, (time.monotonic() + wait * self._hurry, place))
            elif looking:
                heapq.heappush(self._due, (self._looks_at[place], place))

    async def _ship(self, agent: Agent, connection: Connection) -> float | None:
        """Send what is kept; seconds to wait before trying again, None if nothing is left."""
        while agent.unsent and time.monotonic() < self._until:
            item = agent.unsent[0]
            began = time.monotonic()
            try:
                answer = await connection.ask("POST", ENVELOPES, item.raw)
            except NoAnswer as error:
                self.tally.unanswered[str(error)[:80]] += 1
                return self._failed(agent)
            if answer.status == 200:
                (self.tally.reports if item.is_report else self.tally.beats).append(time.monotonic() - began)
                self._journal.note(
                    Noted(agent.id, item.is_report, item.number, item.digest, item.looked_at, answer.body)
                )
                agent.forget_first()
                agent.failures = 0
            elif (wait := self._not_taken(agent, answer)) is not None:
                return wait
        return 0.0 if agent.unsent else None

    def _not_taken(self, agent: Agent, answer: Answer) -> float | None:
        """Seconds to wait; None to go on with the next."""
        if answer.status == 202:
            self.tally.pending += 1
            return self._failed(agent)
        code = problem_of(LinkAnswer(answer.status, {}, answer.body)).code or str(answer.status)
        if answer.status in BUSY:
            self.tally.shed[code] += 1
            wait = BASE_S if answer.retry_after is None else answer.retry_after
            return min(CAP_S, wait * (1 + 0.25 * self._chance.random()))
        if answer.status >= 500 or code in LATER:
            self.tally.unanswered[code] += 1
            return self._failed(agent)
        self.tally.refused[code] += 1
        if code in FORKED:
            agent.unsent = None
            return CAP_S
        agent.forget_first()
        return CAP_S if answer.status in OF_THE_MACHINE else None

    def _failed(self, agent: Agent) -> float:
        agent.failures += 1
        return retry_in(agent.failures, self._schedule.interval or _INTERVAL_S, self._chance.random())
