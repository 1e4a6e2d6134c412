"""`python -m tests.load.fleet`: a fleet of agents with real keys against a collector, and what must be true of it then.

Enrols every agent, has each send its first report, then looks and reports for a time, or comes back from an outage.
Status 1: the collector lost, doubled or changed something it had acknowledged, or signed a receipt that is none.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import multiprocessing
import random
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from vonggac_agent.errors import WrongSetting
from vonggac_agent.host import Host
from vonggac_agent.link import parse_address
from vonggac_agent.report import build_report
from vonggac_agent.scan import read_snapshot, scan_host, scan_saved
from vonggac_contract.errors import ContractError
from vonggac_rules.rulebook import Rulebook

from .agents import Agent, Sealer
from .beside import Beside
from .enrolling import USES, Admin, Refused, enrol_all, rulebook_of, tokens_by, tokens_in
from .journal import Journal, read_journal
from .oracle import Oracle
from .road import Part, Tally
from .rows import open_rows
from .schedule import Schedule, changed_part
from .summary import Phase, Run, Seen, phase_of, show
from .variety import Kind, kinds_of
from .wire import Connection, NoAnswer, trust

_COUNTS: Final = 4
_SHOWN_FAULTS: Final = 20


class Job(NamedTuple):
    """One process's share, and where it writes what happens."""

    args: argparse.Namespace
    place: int
    agents: list[Agent]
    sealer: Sealer
    journal: Path
    counts: Any
    """Shared: receipted, refused, shed, unanswered."""
    ready: Any
    results: Any


class Done(NamedTuple):
    """What one process's share came to."""

    joined: Tally
    reported: Tally
    drained: Tally
    unsent: int
    peak_rss_bytes: int


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.load.fleet", description=__doc__)
    add = made.add_argument
    add("--agents", type=int, default=100, metavar="N", help="how many (default: 100)")
    add("--collector", required=True, metavar="URL", help="https, or http on this machine")
    add("--ca", type=Path, metavar="FILE", help="the authority that vouches for the collector")
    who = made.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"tokens, one a line for each {USES} agents"
    )
    who.add_argument("--admin", metavar="NAME", help="makes the tokens, with --password-file and --unit")
    add("--password-file", type=Path, metavar="FILE", help="the administrator's password")
    add("--unit", metavar="CODE", help="the unit that the machines belong to")
    add("--system", metavar="ID", help="the information system they belong to")
    add("--seconds", type=float, default=10.0, metavar="S", help="how long to look and report (default: 10)")
    add(
        "--interval",
        type=float,
        default=900.0,
        metavar="S",
        help="between an agent's looks; 0: without a pause",
    )
    add(
        "--changes-per-day",
        type=float,
        default=2.0,
        metavar="C",
        help="reports an agent and day (default: 2)",
    )
    add("--changed", type=float, metavar="PART", help="how many of the looks find a change, 0 to 1, instead")
    add("--burst", type=float, default=0.0, metavar="HOURS", help="begin with what an outage of so long left")
    add("--concurrency", type=int, default=32, metavar="K", help="connections at once (default: 32)")
    add("--processes", type=int, default=1, metavar="P", help="that the load comes from (default: 1)")
    add(
        "--ahead",
        type=int,
        default=0,
        metavar="LOOKS",
        help="seal so many looks an agent before the clock starts",
    )
    add("--hurry", type=float, default=1.0, metavar="F", help="multiply waits after failures (default: 1)")
    add(
        "--drain",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds for what is left at the end (default: 60)",
    )
    add("--reader", metavar="NAME", help="an officer who reads meanwhile, with --reader-password-file")
    add("--reader-password-file", type=Path, metavar="FILE", help="that officer's password")
    add("--pid", type=int, metavar="N", help="the collector's process here: with --reader, its peak memory")
    add("--facts", type=Path, metavar="FILE", help="a saved look, instead of one at this machine")
    add("--ledger", metavar="URL", help="sqlite:///FILE or postgresql://…, to be held against every receipt")
    add(
        "--seed",
        type=int,
        metavar="N",
        help="of keys, kinds and times; a seed enrols once with one collector",
    )
    add("--json", action="store_true", help="the figures for programs, on standard output")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run it; see the module."""
    args = parser().parse_args(argv)
    args.seed = secrets.randbits(48) if args.seed is None else args.seed
    if args.changed is None:
        args.changed = changed_part(args.changes_per_day, args.interval)
    try:
        run = fleet(args)
    except (Refused, NoAnswer, WrongSetting, ContractError, OSError, ValueError) as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(run), indent=1).decode())
    if run.seen is not None:
        say(show_seen(run.seen))
    for fault in run.faults[:_SHOWN_FAULTS]:
        say(f"FAULT {fault}")
    say(
        f"{run.receipts} receipts verified, {run.unsent} envelopes left unsent, "
        + (
            "the ledger was not looked at, "
            if run.found is None
            else f"{run.found} of its reports found in the ledger, "
        )
        + f"{len(run.faults)} faults"
    )
    return 1 if run.faults else 0


def fleet(args: argparse.Namespace) -> Run:
    """Enrol, report, and hold the collector to what it acknowledged."""
    address = parse_address(args.collector)
    tls = trust(address, args.ca)
    agents = [Agent(number) for number in range(args.agents)]
    tokens = tokens_of(args, tls)
    if len(tokens) * USES < args.agents:
        raise Refused(f"{args.agents} agents need {-(-args.agents // USES)} tokens; there are {len(tokens)}")
    began = time.monotonic()
    connections = [Connection(address, tls, n) for n in range(args.concurrency)]
    enrolled = asyncio.run(_enrolled(agents, tokens, Sealer(args.seed, []), connections))
    took = time.monotonic() - began
    say(f"seed {args.seed}: {args.agents} agents enrolled, {args.agents / took:,.0f}/s")
    book = asyncio.run(rulebook_of(enrolled.rulebook, address, tls))
    sealer = Sealer(args.seed, kinds(args, book, enrolled.profile))
    with tempfile.TemporaryDirectory(prefix="vonggac-fleet-") as folder:
        journals = [Path(folder, f"{place}") for place in range(args.processes)]
        beside = reader(args, tls)
        done = run_parts(args, agents, sealer, journals)
        seen = None if beside is None else beside.stop()
        oracle = Oracle(enrolled.collector_key)
        for journal in journals:
            oracle.take(read_journal(journal))
    found = None
    if args.ledger:
        with open_rows(args.ledger) as held:
            found = oracle.hold_against(held.rows, held.beats)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Run(
        args.agents,
        args.seed,
        phases_of(done),
        sum(d.unsent for d in done),
        oracle.receipts,
        found,
        oracle.faults,
        own + sum(d.peak_rss_bytes for d in done),
        seen,
    )


def reader(args: argparse.Namespace, tls: Any) -> Beside | None:
    """Somebody who reads from now on, if that was asked for. Raises Refused."""
    if args.reader is None:
        return None
    password = args.reader_password_file.read_text(encoding="utf-8").strip()
    beside = Beside(args.collector, args.reader, password, tls, args.pid)
    beside.start()
    return beside


async def _enrolled(
    agents: list[Agent], tokens: list[str], sealer: Sealer, connections: list[Connection]
) -> Any:
    def progress(number: int) -> None:
        if number % 1000 == 0:
            say(f"  {number} enrolled")

    try:
        return await enrol_all(agents, tokens, sealer, connections, progress)
    finally:
        for connection in connections:
            connection.close()


def tokens_of(args: argparse.Namespace, tls: Any) -> list[str]:
    """From the file, or made by the administrator. Raises Refused."""
    if args.token_file is not None:
        return tokens_in(args.token_file)
    if args.password_file is None or args.unit is None:
        raise Refused("--admin needs --password-file and --unit")
    password = args.password_file.read_text(encoding="utf-8").strip()
    return tokens_by(Admin(args.admin, password, args.unit, args.system), args.collector, args.agents, tls)


def kinds(args: argparse.Namespace, book: Rulebook, profile: str) -> list[Kind]:
    """What the fleet's machines say, from one real look decided by the collector's own rulebook."""
    scan = (
        scan_host(Host(Path("/"), now=datetime.now(UTC)), book, profile)
        if args.facts is None
        else scan_saved(read_snapshot(args.facts), book, profile)
    )
    return kinds_of(build_report(scan), args.seed)


def run_parts(
    args: argparse.Namespace, agents: list[Agent], sealer: Sealer, journals: list[Path]
) -> list[Done]:
    """Each process's share, all at once, with a line a second. Raises Refused if one of them failed."""
    context = multiprocessing.get_context("fork")
    ready, results = context.Barrier(len(journals)), context.Queue()
    jobs = [
        Job(args, n, agents[n :: len(journals)], sealer, path, context.RawArray("L", _COUNTS), ready, results)
        for n, path in enumerate(journals)
    ]
    running = [context.Process(target=work, args=(job,)) for job in jobs]
    for each in running:
        each.start()
    watch(running, jobs)
    done: list[Done] = [results.get(timeout=30) for _ in range(results.qsize())]
    for each in running:
        each.join()
    if len(done) < len(running):
        raise Refused("a process of the fleet failed; see above")
    return done


def watch(running: Sequence[BaseProcess], jobs: list[Job]) -> None:
    """Say every second what was receipted, refused, shed and not answered since."""
    before = [0] * _COUNTS
    while any(each.is_alive() for each in running) and jobs[0].results.qsize() < len(running):
        time.sleep(1)
        now = [sum(job.counts[n] for job in jobs) for n in range(_COUNTS)]
        if now != before:
            gained = [after - earlier for after, earlier in zip(now, before, strict=True)]
            say(
                "  {}/s receipted ({} in all), {} refused, {} shed, {} unanswered".format(
                    gained[0], now[0], *gained[1:]
                )
            )
        before = now


def work(job: Job) -> None:
    """One process: everything after the enrolment."""
    args = job.args
    with Journal(job.journal) as journal:
        schedule = Schedule(args.interval, args.changed)
        chance = random.Random(f"{args.seed}-{job.place}")
        part = Part(job.agents, job.sealer, schedule, journal, chance, args.hurry)
        try:
            done = asyncio.run(_run(job, part))
        except BaseException:
            job.ready.abort()  # nobody waits for one that will not come
            raise
    job.results.put(done)


async def _run(job: Job, part: Part) -> Done:
    args, address = job.args, parse_address(job.args.collector)
    tls = trust(address, args.ca)
    each = -(-args.concurrency // args.processes)
    connections = [Connection(address, tls, job.place * each + n) for n in range(each)]
    counting = asyncio.create_task(_count(job, part))
    joined = await part.join(connections)
    part.seal_ahead(args.ahead, datetime.now(UTC))
    if args.burst:
        part.was_cut_off(args.burst, datetime.now(UTC))
    await asyncio.get_running_loop().run_in_executor(None, functools.partial(job.ready.wait, 3600))
    reported = await part.report(connections, args.seconds)
    unsent = await part.drain(connections, args.drain)
    drained = part.tally
    counting.cancel()
    for connection in connections:
        connection.close()
    return Done(joined, reported, drained, unsent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


async def _count(job: Job, part: Part) -> None:
    """Tell the parent where this process is."""
    before, tally = [0] * _COUNTS, part.tally
    while True:
        await asyncio.sleep(0.5)
        if part.tally is not tally:
            before = [a + b for a, b in zip(before, counts_of(tally), strict=True)]
            tally = part.tally
        job.counts[:] = [a + b for a, b in zip(before, counts_of(tally), strict=True)]


def counts_of(tally: Tally) -> list[int]:
    """Receipted, refused, shed, unanswered."""
    return [
        len(tally.reports) + len(tally.beats),
        tally.refused.total(),
        tally.shed.total(),
        tally.unanswered.total(),
    ]


def phases_of(done: list[Done]) -> list[Phase]:
    """First reports, the timed part, and what was left of it; each said."""
    parts: list[tuple[str, Callable[[Done], Tally]]] = [
        ("first reports", lambda d: d.joined),
        ("timed", lambda d: d.reported),
        ("left over", lambda d: d.drained),
    ]
    phases = [phase_of(name, [of(d) for d in done]) for name, of in parts]
    for phase in phases:
        say(show(phase))
    return phases


def show_seen(seen: Seen) -> str:
    """What people saw meanwhile, in a line."""
    failed = ", ".join(f"{what} {n}" for what, n in sorted(seen.failed.items())) or "none"
    return (
        f"meanwhile {seen.answers} answers to an officer: ms p50 {seen.p50_ms} p95 {seen.p95_ms} max {seen.max_ms}, "
        f"failed: {failed}; the collector's memory at most {seen.collector_rss_bytes / 1e6:,.0f} MB"
    )


def say(text: str) -> None:
    """To whoever watches."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
