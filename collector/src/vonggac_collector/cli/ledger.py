"""ledger verify."""

from __future__ import annotations

import argparse

from vonggac_collector.verification import verify_ledger

from . import missing
from .common import GOOD, REFUSED, Commands, inert, opened, show_json


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    room = commands.group("ledger", "the record itself")
    check = room.add(
        "verify",
        _verify,
        "check every signature, every chain and the audit log; 1 if anything is wrong",
        "vonggac-collector ledger verify --json",
    )
    check.add_argument("--json", action="store_true", help="for programs")
    missing.add_command(room)


def _verify(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        found = verify_ledger(ledger)
    if args.json:
        show_json(found)
    else:
        for fault in found.faults:
            print(f"{inert(fault.where)}: {inert(fault.what)}")
        print(
            f"{found.envelopes} reports of {found.agents} agents and {found.audit_rows} audit rows checked, "
            f"{len(found.faults)} faults"
        )
    return REFUSED if found.faults else GOOD
