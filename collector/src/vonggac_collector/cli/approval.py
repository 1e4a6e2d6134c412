"""enrolment: machines that wait for approval."""

from __future__ import annotations

import argparse

from vonggac_collector.approval import approve, refuse
from vonggac_collector.errors import Invalid
from vonggac_collector.instants import written
from vonggac_collector.ledger.applicants import Applicant
from vonggac_collector.ledger.interface import Ledger
from vonggac_contract.enrolment import fingerprint

from .common import GOOD, Commands, counted, inert, opened, operator, show_json, show_table, utc_now

_MOST = 10_000
_LEAST = 32
"""Digits of a key's id that name it: its first line. Whoever makes keys finds one that begins like another with 8."""


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    room = commands.group("enrolment", "machines that wait for approval")
    shown = room.add(
        "list",
        _list,
        "show machines that wait, with what to compare before one is let in",
        "vonggac-collector enrolment list",
    )
    shown.add_argument("--all", action="store_true", help="those that were decided as well")
    shown.add_argument("--json", action="store_true", help="for programs")
    for name, run, text in (
        ("approve", _approve, "let a machine in whose key is the one that the machine itself prints"),
        ("refuse", _refuse, "turn a machine away for good; the reason is told it"),
    ):
        made = room.add(
            name,
            run,
            text,
            f"vonggac-collector enrolment {name} '3f2a 91bc … 07d8' --reason 'as agreed by telephone'",
        )
        made.add_argument("key", help="the key's fingerprint, both lines or the first")
        made.add_argument("--reason", default="", required=name == "refuse", metavar="TEXT", help="why")


def _list(args: argparse.Namespace) -> int:
    now = utc_now()
    with opened(args) as (_, ledger), ledger.read() as tx:
        found, waiting = tx.applicants.first(None, now, _MOST)
    shown = found if args.all else found[:waiting]
    if args.json:
        show_json(shown)
        return GOOD
    for row in shown:
        show_table(("", ""), _lines(row))
    print(f"{counted(waiting, 'machine waits', 'machines wait')}")
    return GOOD


def _lines(row: Applicant) -> list[tuple[str, str]]:
    first, second = fingerprint(row.keyid)
    said = [
        ("host", row.hostname),
        ("machine id", row.machine_id or "-"),
        ("platform", f"{row.platform}, agent {row.agent_version}"),
        ("address", row.address or "-"),
        ("unit", row.unit),
        ("asked first, last", f"{written(row.requested_at)}, {written(row.asked_at)}"),
        ("state", row.state + (f", by {row.decided_by}: {row.reason}" if row.decided_by else "")),
    ]
    return [("key", first), ("", second), *said]


def _approve(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        caller = operator(ledger, utc_now())
        host = approve(ledger, caller, _named(ledger, args.key), args.reason, utc_now())
    print(f"approved: host {host}; the machine goes on when it asks next")
    return GOOD


def _refuse(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        caller = operator(ledger, utc_now())
        refuse(ledger, caller, _named(ledger, args.key), args.reason, utc_now())
    print("refused; the machine is told when it asks next")
    return GOOD


def _named(ledger: Ledger, text: str) -> str:
    """The one machine that waits whose key begins so. Raises Invalid."""
    beginning = "".join(text.split()).lower()
    with ledger.read() as tx:
        rows, waiting = tx.applicants.first(None, utc_now(), _MOST)
    if len(beginning) < _LEAST:
        raise Invalid(
            f"key {inert(text[:80])}: is too short",
            hint="Give at least the first line of the fingerprint, as the machine itself prints it.",
        )
    found = [r.keyid for r in rows[:waiting] if r.keyid.startswith(beginning)]
    if len(found) != 1:
        raise Invalid(
            f"key {inert(text[:80])}: names {len(found) or 'none'} of the machines that wait",
            hint="`vonggac-collector enrolment list` shows them; with --all those that were decided.",
        )
    return found[0]
