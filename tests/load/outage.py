"""`python -m tests.load.outage`: a fleet whose line to its collector fails for two hours, and what must be true then.

Every machine has the agent's own spool, key, shipper and HTTP link, and waits as its supervisor does; the collector is
the real one on SQLite; between them stands a line (`tests.services.badline`) that loses, cuts, trickles, resets. Clocks
are compressed: looks and waits happen at their own times of a clock that all share, as fast as they can be done, and
an answer that is given up is counted as the sixty seconds that the agent would have waited for it.

The oracle is what this program writes down before each report is kept. Status 1: a report was lost, is there twice, is
not what was sealed, or was not delivered within one interval of the line's return.
"""

from __future__ import annotations

import argparse
import logging
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import structlog
from tests.flow.collector.serving import listening
from tests.services.badline import BadLine, Fault
from tests.unit.collector.conftest import ADMIN, KEY, plant

from vonggac_agent import identity
from vonggac_agent.enrol import enrol
from vonggac_agent.identity import Identity
from vonggac_agent.link import DEADLINE_S, HttpLink, parse_address
from vonggac_agent.seal import Chain, seal_heartbeat, seal_report
from vonggac_agent.ship import Shipper
from vonggac_agent.spool import Spool
from vonggac_agent.state import open_state
from vonggac_agent.supervisor import next_look_in, retry_in
from vonggac_collector.enrolment import create_token
from vonggac_collector.ledger.sql.ledger import open_ledger
from vonggac_contract.envelope import Envelope
from vonggac_contract.finding import Finding, Outcome
from vonggac_contract.report import Report, Section, content_digest, section_digest

from .journal import Noted
from .oracle import Oracle, Row
from .rows import open_rows

NEVER: Final = float("inf")
STEP_S: Final = 60.0
"""Of the shared clock: machines do what is due in one step side by side."""
PATIENCE_S: Final = 10.0
_SHORT_S: Final = 0.25
"""Of true time, for an answer over a good line and a bad one."""
BEFORE_INTERVALS: Final = 2
BAD: Final = tuple(fault for fault in Fault if fault is not Fault.DELAY)
_PACKAGES: Final = [[f"goi-{n:03d}", f"1.{n}-2", "amd64"] for n in range(60)]


class Came(msgspec.Struct, frozen=True):
    """What an outage came to. `late`: reports not delivered an interval after the line came back."""

    agents: int
    seed: int
    hours: float
    reports: int
    of_the_outage: int
    heartbeats: int
    tries: int
    faults_of_the_line: dict[str, int]
    whole: int
    told: int
    slowest_s: float
    """After the line came back: the last machine had nothing left to send."""
    late: int
    faults: list[str]
    wall_s: float


class Book:
    """What is written down before a report is kept: the machine's own word for it, its number and digest."""

    def __init__(self) -> None:
        self.sealed: dict[str, list[str]] = {}
        self.noted: list[Noted] = []

    def note(self, agent: str, number: int, digest: str, looked_at: datetime) -> None:
        """One report is about to be kept."""
        self.sealed.setdefault(agent, []).append(digest)
        self.noted.append(Noted(agent, True, number, digest, looked_at))


class Clock:
    """What time it is for everybody."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self.t = 0.0

    def at(self, t: float) -> datetime:
        """The time `t` seconds after the beginning."""
        return self._begin + timedelta(seconds=t)

    def __call__(self) -> datetime:
        return self.at(self.t)


class Machine:
    """One machine with the agent on it; `advance` does what its supervisor would."""

    def __init__(self, number: int, folder: Path, clock: Clock, args: argparse.Namespace) -> None:
        self.folder = open_state(folder, create=True)
        self.book = Book()
        self.tries = self.heartbeats = 0
        self.clear_at = 0.0
        self._number = number
        self._clock = clock
        self._interval = float(args.interval)
        self._changed = float(args.changed)
        self._chance = random.Random(f"{args.seed}-{number}")
        self._look_at = self._interval * self._chance.random()
        self._ship_at = NEVER
        self._failures = 0
        self._version = 0
        self._who: Identity

    def enrol(self, url: str, token: str) -> None:
        """Over a good line."""
        with closing(HttpLink(parse_address(url))) as link:
            enrol(self.folder, collector=url, ca="", token=token, transport=link, now=self._clock)
        self._who = identity.read_identity(self.folder)
        self._key = identity.read_key(self.folder, self._who.keyid)
        self.chain = Chain(self._who.enrolled.agent_id, self._who.enrolled.epoch)

    def advance(self, until: float, patience_s: float) -> None:
        """Everything that is due before `until`."""
        while (at := min(self._look_at, self._ship_at)) < until:
            with closing(self.spool()) as spool:
                if self._look_at <= self._ship_at:
                    self._look(spool, at)
                else:
                    self._ship(spool, at, patience_s)

    def spool(self) -> Spool:
        """Opened anew, as each round does."""
        return Spool(self.folder, max_bytes=64 << 20)

    def _look(self, spool: Spool, at: float) -> None:
        now, tail = self._clock.at(at), spool.tail(self.chain)
        if tail is None or self._chance.random() < self._changed:
            self._version += 1

            def seal(report: Report, number: int, previous: str | None) -> Envelope:
                envelope = seal_report(report, self.chain, number, previous, now, self._key)
                self.book.note(self.chain.agent_id, number, envelope.digest, now)
                return envelope

            spool.add_report(self.chain, self._report(now), seal)
        else:
            named = tail
            spool.add_heartbeat(
                self.chain,
                named.sequence,
                now,
                lambda n: seal_heartbeat(self.chain, n, named.sequence, named.content, now, self._key),
            )
            self.heartbeats += 1
        self._look_at = at + next_look_in(self._interval, self._chance.random())
        self._ship_at = at

    def _ship(self, spool: Spool, at: float, patience_s: float) -> None:
        self.tries += 1
        began = time.monotonic()
        with closing(HttpLink(parse_address(self._who.collector), deadline_s=patience_s)) as link:
            clock = self._clock
            done = Shipper(
                self.folder, spool, self._who, link, lambda: clock.at(at), self._chance.random
            ).run()
        took = DEADLINE_S if time.monotonic() - began >= patience_s else 0.0
        if done.again:
            self._failures += 1
            self._ship_at = at + took + retry_in(self._failures, self._interval, self._chance.random())
        else:
            self._failures, self._ship_at = 0, NEVER
            self.clear_at = self.clear_at or at

    def _report(self, now: datetime) -> Report:
        contents = {
            "host": {"hostname": f"may-{self._number:04d}"},
            "kernel": {"release": f"6.1.{self._version}"},
            "packages": {"manager": "dpkg", "packages": _PACKAGES},
        }
        sections = {name: Section(digest=section_digest(c), content=c) for name, c in contents.items()}
        findings = [Finding("linux.test.release", Outcome.PASS, "high", "configuration")]
        return Report(
            "0.1.0", "linux", self._who.enrolled.rulebook, self._who.enrolled.profile, now, now, 0.5,
            content_digest(findings, sections), findings, sections, 1, [],
        )  # fmt: skip

    def owes(self, before: datetime) -> int:
        """Reports of before then that are not delivered."""
        with closing(self.spool()) as spool:
            return sum(link.sealed_at < before for link in spool.unsent())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.load.outage", description=__doc__)
    add = made.add_argument
    add("--agents", type=int, default=200, metavar="N", help="how many (default: 200)")
    add("--hours", type=float, default=2.0, metavar="H", help="that the line fails (default: 2)")
    add("--interval", type=float, default=900.0, metavar="S", help="between two looks (default: 900)")
    add(
        "--changed",
        type=float,
        default=0.3,
        metavar="PART",
        help="of looks that find a change (default: 0.3)",
    )
    add("--threads", type=int, default=32, metavar="K", help="machines at once (default: 32)")
    add("--seed", type=int, metavar="N", help="of looks, waits and what the line does")
    add("--json", action="store_true", help="the figures for programs, on standard output")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run it; see the module."""
    args = parser().parse_args(argv)
    args.seed = secrets.randbits(48) if args.seed is None else args.seed
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="vonggac-outage-") as folder:
        came = outage(args, Path(folder))
    out = msgspec.json.format(msgspec.json.encode(came), indent=1).decode() if args.json else shown(came)
    sys.stdout.write(out + "\n")
    return 1 if came.faults or came.late else 0


def outage(args: argparse.Namespace, folder: Path) -> Came:
    """Enrol, look and send for two intervals, lose the line, get it back, and hold everybody to what was sealed."""
    began = time.monotonic()
    lost_at = BEFORE_INTERVALS * args.interval
    back_at = lost_at + args.hours * 3600
    clock = Clock(datetime.now(UTC) - timedelta(seconds=back_at + 3 * args.interval))
    collector = folder / "collector"
    collector.mkdir(mode=0o700)
    url = f"sqlite:///{collector}/ledger.db"
    ledger = open_ledger(url, upgrade=True)
    plant(ledger, clock() - timedelta(days=2))
    token, _ = create_token(
        ledger, ADMIN, "ha-noi/so-y-te", "hsyt", args.agents, clock() + timedelta(days=2), clock()
    )
    machines = [Machine(n, folder / f"{n}", clock, args) for n in range(args.agents)]
    with (
        listening(ledger, collector, now=clock, role="web") as running,
        BadLine(running.port, args.seed) as line,
        ThreadPoolExecutor(args.threads) as pool,
    ):
        address = f"http://127.0.0.1:{line.port}"
        _each(pool, machines, Machine.enrol, address, token)

        def go(until: float, faults: tuple[Fault, ...], patience_s: float) -> None:
            line.faults = faults
            while clock.t < until:
                step = min(until, clock.t + STEP_S)
                _each(pool, machines, Machine.advance, step, patience_s)
                clock.t = step

        go(lost_at, (Fault.DELAY,), PATIENCE_S)
        for machine in machines:
            machine.clear_at = NEVER
        go(back_at, BAD, _SHORT_S)
        for machine in machines:
            machine.clear_at = 0.0
        go(back_at + args.interval + DEADLINE_S, (), PATIENCE_S)
        back = clock.at(back_at)
        late = sum(machine.owes(back) for machine in machines)
        go(back_at + 2.5 * args.interval, (), PATIENCE_S)
        happened, whole, told = Counter(line.happened), line.whole, line.told
    ledger.close()
    return Came(
        args.agents,
        args.seed,
        args.hours,
        sum(len(m.book.noted) for m in machines),
        sum(clock.at(lost_at) <= n.looked_at < back for m in machines for n in m.book.noted),
        sum(m.heartbeats for m in machines),
        sum(m.tries for m in machines),
        dict(sorted(happened.items())),
        whole,
        told,
        round(max(m.clear_at for m in machines) - back_at, 1),
        late,
        faults_of(machines, url),
        round(time.monotonic() - began, 1),
    )


def _each(
    pool: ThreadPoolExecutor, machines: list[Machine], work: Callable[..., None], *given: object
) -> None:
    for done in [pool.submit(work, machine, *given) for machine in machines]:
        done.result()


def faults_of(machines: list[Machine], url: str) -> list[str]:
    """What the ledger, read by plain SQL, and the receipts in the spools have otherwise than it was written down."""
    oracle = Oracle(KEY.public_key().public_bytes_raw())
    faults = []
    for machine in machines:
        oracle.take(machine.book.noted)
        with closing(machine.spool()) as spool:
            for noted in machine.book.noted:
                kept = spool.receipted(machine.chain, noted.number)
                if kept is None or kept[0] != noted.digest:
                    faults.append(f"{noted.agent} report {noted.number}: the machine has no receipt for it")
                else:
                    oracle.take([msgspec.structs.replace(noted, receipt=kept[1])])
            beat = spool.beat(machine.chain)
            if beat is not None and beat.state == "received":
                oracle.claims[machine.chain.agent_id].beat = beat.counter
    with open_rows(url) as held:
        rows: list[Row] = [*held.rows]
        oracle.hold_against(rows, held.beats)
    there = Counter(row.digest for row in rows if row.state == "committed")
    sealed = [digest for machine in machines for its in machine.book.sealed.values() for digest in its]
    faults += [
        f"report {digest}: {there[digest]} times in the ledger" for digest in sealed if there[digest] != 1
    ]
    faults += [f"report {digest}: nobody sealed it" for digest in there.keys() - set(sealed)]
    return faults + oracle.faults


def shown(came: Came) -> str:
    """The figures for people."""
    line = ", ".join(f"{what} {n}" for what, n in came.faults_of_the_line.items())
    return "\n".join(
        [
            f"seed {came.seed}: {came.agents} agents, a line that failed for {came.hours:g} hours, {came.wall_s:g} s",
            f"{came.reports} reports, {came.of_the_outage} of them of the outage, {came.heartbeats} heartbeats, "
            f"{came.tries} tries to send",
            f"the line: {line}; the collector answered {came.whole} requests, {came.told} answers came through",
            f"everybody had caught up {came.slowest_s:g} s after the line's return; {came.late} reports came late",
            *(f"FAULT {fault}" for fault in came.faults[:20]),
            f"{len(came.faults)} faults",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
