"""The collector itself behind the agent's `Transport`, without a socket; and machines that are only a state folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.unit.agent.twin import Clock, report_of
from tests.unit.collector.conftest import KEY, Desk, plant

from vonggac_agent import identity
from vonggac_agent.enrol import enrol
from vonggac_agent.identity import Identity
from vonggac_agent.link import MAX_ANSWER_BYTES, Answer
from vonggac_agent.rotation import Turn
from vonggac_agent.seal import Chain, seal_heartbeat, seal_report
from vonggac_agent.ship import Outcome, Shipper
from vonggac_agent.spool import Spool
from vonggac_agent.spool_rows import Link
from vonggac_agent.stranded import carry_over
from vonggac_collector import enrolment
from vonggac_collector.ingest.accept import accept
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.memory import MemoryLedger
from vonggac_collector.rotation import rotate
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.verification import verify_ledger

_DOORS: dict[str, Callable[..., Any]] = {
    "/agent/v1/enrol": enrolment.enrol,
    "/agent/v1/envelopes": accept,
    "/agent/v1/rotate": rotate,
}


class RealCollector:
    """A ledger with the small tree of the collector's tests. `lies`: each is applied to one answer, in order."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ledger: Ledger = MemoryLedger()
        plant(self.ledger, clock())
        self.desk = Desk(self.ledger)
        self.asked: list[tuple[str, bytes]] = []
        self.lies: list[Callable[[Answer], Answer]] = []

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, limit: int = MAX_ANSWER_BYTES
    ) -> Answer:
        """Answer as the web process does."""
        self.asked.append((path, body or b""))
        if method == "GET" and "/rulebooks/" in path:
            return Answer(200, {}, Shelf(self.ledger).raw(path.rpartition("/")[2]))
        if path not in _DOORS:
            return Answer(404, {}, b"{}")
        said = _DOORS[path](self.ledger, body or b"", now=self.clock(), collector_key=KEY, peer="test")
        answer = Answer(said.status, {}, said.body())
        return self.lies.pop(0)(answer) if self.lies else answer

    def rotations(self) -> list[bytes]:
        """Every request for an epoch."""
        return [body for path, body in self.asked if path.endswith("/rotate")]

    def faults(self) -> list[str]:
        """What `ledger verify` names."""
        return [f.what for f in verify_ledger(self.ledger, whole=True).faults]

    def committed(self, agent: str) -> list[tuple[int, int]]:
        """Epoch and sequence of each report, in the order of the chain."""
        with self.ledger.read() as tx:
            return [(e.epoch, e.sequence) for e in tx.chain.walk(agent, (0, 0), 1000)]


class Station:
    """A machine's state folder, worked on as the service's rounds do, without a process."""

    def __init__(self, folder: Path, collector: RealCollector, *, days: int = 365) -> None:
        self.folder, self.collector, self.days = folder, collector, days

    def enrol(self, token: str, *, again: bool = False) -> Station:
        """Enrolled, with the collector's answer kept."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        enrol(
            self.folder,
            collector="http://127.0.0.1:1",
            ca="",
            token=token,
            transport=self.collector,
            now=self.collector.clock,
            again=again,
        )
        return self

    @property
    def who(self) -> Identity:
        return identity.read_identity(self.folder)

    @property
    def chain(self) -> Chain:
        return Chain(self.who.enrolled.agent_id, self.who.enrolled.epoch)

    @contextmanager
    def opened(self) -> Iterator[Spool]:
        """As `rounds.opened`."""
        with closing(Spool(self.folder, max_bytes=1 << 24)) as spool:
            carry_over(self.folder, spool, self.who, self.collector.clock)
            yield spool

    def look(self, name: str) -> Link:
        """A report whose content depends on `name`."""
        clock, chain = self.collector.clock, self.chain
        with self.opened() as spool:
            key = identity.read_key(self.folder, self.who.keyid)
            return spool.add_report(
                chain,
                report_of(name),
                lambda r, n, previous: seal_report(r, chain, n, previous, clock(), key),
            )

    def beat(self) -> None:
        """Looked again: nothing has changed."""
        now, chain = self.collector.clock(), self.chain
        with self.opened() as spool:
            key, tail = identity.read_key(self.folder, self.who.keyid), spool.tail(chain)
            assert tail is not None
            spool.add_heartbeat(
                chain,
                tail.sequence,
                now,
                lambda counter: seal_heartbeat(chain, counter, tail.sequence, tail.content, now, key),
            )

    def ship(self) -> Outcome:
        """One round of sending."""
        clock = self.collector.clock
        with self.opened() as spool:
            sent = Shipper(self.folder, spool, self.who, self.collector, clock, lambda: 0.5).run()
            return Turn(self.folder, spool, self.who, self.collector, clock).run(sent, days=self.days)

    def again(self) -> Outcome:
        """Two rounds: what the first left to do is done."""
        self.ship()
        return self.ship()

    def unsent(self) -> list[Link]:
        with self.opened() as spool:
            return spool.unsent()

    def copied(self, to: Path) -> Station:
        """The same state on another machine, or as a snapshot."""
        shutil.copytree(self.folder, to)
        return Station(to, self.collector, days=self.days)


def reported(folder: Path, collector: RealCollector) -> Station:
    """A machine that was enrolled and has sent its first report."""
    made = Station(folder / "state", collector).enrol(collector.desk.token())
    made.look("a")
    made.ship()
    return made
