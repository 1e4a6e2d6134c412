"""ledger missing."""

from __future__ import annotations

import argparse

from vonggac_collector.gaps import missing

from .common import GOOD, REFUSED, Commands, opened, show_json, show_table, utc_now


def add_command(room: Commands) -> None:
    """Add it to the commands under `ledger`."""
    command = room.add(
        "missing",
        _missing,
        "name reports that a later one proves and that are not here, such as after a restore; 1 if there are any",
        "vonggac-collector ledger missing --json",
    )
    command.add_argument("--json", action="store_true", help="for programs")


def _missing(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        found = list(missing(ledger, utc_now()))
    if args.json:
        show_json(found)
    elif found:
        rows = [(g.hostname, g.agent, g.epoch, g.first, g.last, g.since) for g in found]
        show_table(("host", "agent", "epoch", "from", "to", "waited for since"), rows)
        print(
            "What a machine still holds, it sends when it reports next; it goes on without the rest in a new epoch:"
        )
        print(
            "`vonggac-collector token create --agency CODE --host ID`, then `vonggac-agent enrol --again` there."
        )
    else:
        print("nothing is missing")
    return REFUSED if found else GOOD
