"""fork list, show, decide."""

from __future__ import annotations

import argparse

from vonggac_collector.forks import DECISIONS, WAITS, decide, none_waits
from vonggac_collector.identity_views import Fork
from vonggac_collector.instants import written
from vonggac_collector.ledger.rows import GOES_ON
from vonggac_collector.queries import Queries
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.score.parameters import load_parameters

from .common import GOOD, Commands, opened, operator, show_json, show_table, utc_now
from .errors import sought


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    forks = commands.group("fork", "two different reports by one key: restored snapshots and clones")
    listed = forks.add("list", _list, "show hosts whose fork is not over", "vonggac-collector fork list")
    shown = forks.add("show", _show, "show both reports of a host", "vonggac-collector fork show 7f0e…")
    decided = forks.add(
        "decide",
        _decide,
        "decide who goes on. restored: the machine that sent the report which does not fit; stray: the one whose chain "
        "is here, for the copy is gone; clone: neither; the key is revoked, and each is enrolled with a token",
        "vonggac-collector fork decide 7f0e… restored --reason 'snapshot of Sunday, said Mrs Hoa'",
    )
    for made in (shown, decided):
        made.add_argument("id", help="the host's id, as `fork list` shows it")
        sought(made, "host {id}", "fork list")
    decided.add_argument("decision", choices=DECISIONS, help="who goes on")
    decided.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the audit log")
    decided.add_argument(
        "--report",
        metavar="DIGEST",
        help="decide only if the report that does not fit is this one: its digest, or how it begins in `fork show`",
    )
    for made in (listed, shown):
        made.add_argument("--json", action="store_true", help="for programs")


def _list(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger), ledger.read() as tx:
        waiting = [a for a in tx.agents.all() if a.status in WAITS]
        names = tx.tree.located([a.id for a in waiting], utc_now())
    rows = [(a.id, names[a.id][0].hostname, names[a.id][1].unit, a.status) for a in waiting if a.id in names]
    if args.json:
        show_json([dict(zip(("id", "hostname", "unit", "state"), row, strict=True)) for row in rows])
    else:
        show_table(("id", "name", "unit", "state"), rows)
    return GOOD


def _show(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        queries = Queries(ledger, Shelf(ledger), load_parameters(), utc_now)
        page = queries.host(operator(ledger, utc_now()), args.id)
    if page.fork is None:
        raise none_waits(args.id)
    if args.json:
        show_json(page.fork)
    else:
        show_table(("", "in the chain", "does not fit"), _cells(page.fork))
        print(f"differs: {', '.join(page.fork.differs) or 'nothing of the machine itself'}")
    return GOOD


def _cells(fork: Fork) -> list[tuple[str, str, str]]:
    sides = [
        {} if side is None else {
            "report": f"{side.sequence} {side.digest[:32]}…",
            "looked at": written(side.looked_at),
            "received at": written(side.received_at),
            "host name": side.hostname,
            "machine id": side.machine_id,
            "addresses": ", ".join(side.addresses),
            "agent": side.agent_version,
        }
        for side in (fork.here, fork.other)
    ]  # fmt: skip
    return [(name, sides[0].get(name, ""), sides[1][name]) for name in sides[1]]


def _decide(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        caller, now = operator(ledger, utc_now()), utc_now()
        decide(ledger, caller, args.id, args.decision, args.reason, now, seen=args.report)
    if args.decision in GOES_ON:
        print(f"{args.decision}: the machine that goes on begins its next epoch when it asks, by itself")
    else:
        print(
            "clone: the key is revoked; `token create --host` lets one machine in again, any token the other"
        )
    return GOOD
