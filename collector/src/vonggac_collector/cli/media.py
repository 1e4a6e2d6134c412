"""media import, media export, media new-key: reports of machines without a line, and what they are answered."""

from __future__ import annotations

import argparse
from pathlib import Path

from vonggac_collector.boxes import make_next, open_boxes
from vonggac_collector.media import FromMachine, give_back, take_in
from vonggac_collector.settings import load_settings
from vonggac_collector.state import load_key
from vonggac_media.folder import Folder

from .common import GOOD, REFUSED, Commands, actor, counted, opened, show_json, show_table, utc_now
from .errors import sought


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    room = commands.group("media", "reports of machines without a line, carried on removable media")
    taken = room.add(
        "import",
        _import,
        "take what machines exported onto a medium; twice does no harm; 1 if anything was refused or is missing",
        "vonggac-collector media import /media/usb",
    )
    given = room.add(
        "export",
        _export,
        "put receipts, rules and the key for boxes onto a medium, for the machines whose exports are on it",
        "vonggac-collector media export /media/usb --agent 4f2a…",
    )
    given.add_argument(
        "--agent",
        action="append",
        default=[],
        metavar="ID",
        help="for this machine too, with all its receipts",
    )
    sought(given, "machine for each of {agent}", "host list")
    for command in (taken, given):
        command.add_argument("folder", type=Path, metavar="DIR", help="a folder on the medium")
        command.add_argument("--json", action="store_true", help="for programs")
    room.add(
        "new-key",
        _new_key,
        "make a new key for boxes; the ones before go on opening what was closed for them",
        "vonggac-collector media new-key",
    )


def _import(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger), Folder(args.folder) as medium:
        boxes = open_boxes(settings.state_dir, utc_now())
        done = take_in(ledger, medium, boxes, load_key(settings.state_dir), utc_now, actor())
    if args.json:
        show_json(done)
    elif done.machines:
        heads = ("host", "agent", "exports", "taken", "known", "waiting", "refused", "missing")
        show_table(heads, [_row(machine) for machine in done.machines])
    elif not done.refused:
        print(f"no machine's export is in {args.folder}")
    if done.refused and not args.json:
        cells = [(r.hostname or "?", r.agent or "?", r.name, r.code, r.detail) for r in done.refused]
        show_table(("host", "agent", "refused export", "why", ""), cells)
    trouble = done.refused or any(m.refused or m.missing for m in done.machines)
    return REFUSED if trouble else GOOD


def _row(machine: FromMachine) -> tuple[object, ...]:
    refused = ", ".join(f"{n} {code}" for code, n in sorted(machine.refused.items()))
    gaps = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in machine.missing)
    counts = (machine.exports, machine.taken, machine.known, machine.waiting)
    return (machine.hostname, machine.agent, *counts, refused, gaps)


def _export(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger), Folder(args.folder) as medium:
        boxes = open_boxes(settings.state_dir, utc_now())
        key = load_key(settings.state_dir)
        done = give_back(ledger, medium, boxes, key, utc_now(), actor(), args.agent)
    if args.json:
        show_json(done)
    else:
        show_table(("agent", "receipts"), [*done.receipts.items()])
        print(f"{counted(len(done.rulebooks), 'rulebook')}, and the key for boxes")
    return GOOD


def _new_key(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    load_key(settings.state_dir)
    print(f"key {make_next(settings.state_dir, utc_now()).keyid} is in force")
    return GOOD
