"""ledger verify, ledger retention, ledger hold; prove, checkpoint and missing have their modules."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from vonggac_collector.holds import BEGINNING, add_hold, release_hold
from vonggac_collector.index.opening import make_index
from vonggac_collector.instants import written
from vonggac_collector.ledger.keeping import Hold, HoldKind
from vonggac_collector.retention import foresee, load_months, retain
from vonggac_collector.verification import Progress, verify_ledger

from . import missing, proofs
from .common import (
    GOOD,
    REFUSED,
    Commands,
    actor,
    counted,
    inert,
    open_by,
    opened,
    parse_time,
    show_json,
    show_table,
    utc_now,
)

_TOLD_EVERY_S: Final = 1.0


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    room = commands.group("ledger", "the record itself")
    check = room.add(
        "verify",
        _verify,
        "check every signature, every chain, the audit log, and what was made of each machine's newest report, with no "
        "key but the public ones in the ledger; 1 if anything is wrong",
        "vonggac-collector ledger verify --json",
    )
    check.add_argument("--json", action="store_true", help="for programs")
    check.add_argument(
        "--whole",
        action="store_true",
        help="make again what was made of every report, not only of the newest: scores of the past and the history",
    )
    check.add_argument(
        "--progress", action="store_true", help="say how far it is, even if standard error is no terminal"
    )
    check.add_argument(
        "--processes",
        type=int,
        choices=range(1, 65),
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="how many check signatures at once (default: one for each processor)",
    )
    check.add_argument(
        "--collector-key",
        type=Path,
        metavar="FILE",
        help="the collector's public key, PEM, for the signatures of checkpoints (default: that of the state folder)",
    )
    keep = room.add(
        "retention",
        _retention,
        "drop the months of reports that were kept as long as their level asks; the worker does it once a day",
        "vonggac-collector ledger retention --dry-run",
    )
    keep.add_argument("--dry-run", action="store_true", help="say what would be dropped, and leave it")
    keep.add_argument("--json", action="store_true", help="for programs")
    missing.add_command(room)
    proofs.add_commands(room)
    proofs.add_keys(commands)
    _add_holds(room.group("hold", "legal holds: what is not dropped, however old"))


def _add_holds(holds: Commands) -> None:
    add = holds.add(
        "add",
        _hold_add,
        "from now on drop nothing of a unit's, a system's or a host's reports",
        "vonggac-collector ledger hold add --unit so-y-te --reason 'Vụ việc 12/2026' --since 2026-11-01T00:00:00+07:00",
    )
    subject = add.add_mutually_exclusive_group(required=True)
    subject.add_argument("--unit", metavar="CODE", help="every machine of this unit and the units under it")
    subject.add_argument("--system", metavar="ID", help="every machine of this information system")
    subject.add_argument("--host", metavar="ID", help="this machine")
    add.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the hold and audited")
    add.add_argument(
        "--since",
        type=parse_time,
        default=BEGINNING,
        metavar="TIME",
        help="only what was received from then on, RFC 3339 (default: everything that is kept)",
    )
    add.add_argument(
        "--until",
        type=parse_time,
        metavar="TIME",
        help="only what was received before (default: also what is to come)",
    )
    add.add_argument("--json", action="store_true", help="for programs")
    shown = holds.add(
        "list", _hold_list, "show holds, released ones too", "vonggac-collector ledger hold list"
    )
    shown.add_argument("--json", action="store_true", help="for programs")
    end = holds.add(
        "release",
        _hold_release,
        "what only this hold kept goes when retention runs next",
        "vonggac-collector ledger hold release 3f… --reason 'Vụ việc đã kết thúc'",
    )
    end.add_argument("id", help="as `ledger hold list` shows it")
    end.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the hold and audited")


def _verify(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger):
        told = args.progress or sys.stderr.isatty()
        again = partial(open_by, settings)
        key = proofs.collector_key(args.collector_key, settings)
        found = verify_ledger(
            ledger,
            processes=args.processes,
            again=again,
            progress=_progress("reports") if told else None,
            scored=_progress("portions of daily scores") if told else None,
            whole=args.whole,
            now=utc_now,
            seed=secrets.randbits(32),
            collector_key=key,
        )
    if args.json:
        show_json(found)
    else:
        for fault in found.faults:
            print(f"{inert(fault.where)}: {inert(fault.what)}")
        if any(fault.also for fault in found.faults):
            print("--json names those that are only counted here")
        for note in found.notes:
            print(f"note: {inert(note.where)}: {inert(note.what)}: a clock that was ahead, or a forgery")
        if found.left_out:
            print(
                f"{counted(found.left_out, 'day')} of scores cannot be worked out again: retention, or other parameters"
            )
        if found.begin_later:
            begin = "chain begins, or goes on,", "chains begin, or go on,"
            print(f"{counted(found.begin_later, *begin)} after reports that retention dropped")
        if found.unproven:
            print(
                f"{counted(found.unproven, 'agent was', 'agents were')} heard last by a late heartbeat, "
                "of which no envelope is kept"
            )
        if found.checkpoints and key is None:
            print("signatures of checkpoints were not checked: that takes --collector-key FILE")
        print(
            f"{counted(found.envelopes, 'report')} of {counted(found.agents, 'agent')} and "
            f"{counted(found.audit_rows, 'audit row')} checked, {counted(found.checkpoints, 'checkpoint')}, "
            f"{counted(len(found.faults), 'fault')}"
        )
    return REFUSED if found.faults else GOOD


def _progress(what: str) -> Progress:
    began = told_at = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= _TOLD_EVERY_S or done == total:
            told_at = now
            rate = done / max(now - began, 0.001)
            print(f"{done} of {total} {what}, {rate:.0f} a second", file=sys.stderr)

    return tell


def _retention(args: argparse.Namespace) -> int:
    now = utc_now()
    with opened(args) as (settings, ledger):
        months = load_months(settings.keep_months)
        if args.dry_run:
            done = foresee(ledger, months, now)
        else:
            with closing(make_index(settings)) as index:
                done = retain(ledger, months, now=now, actor=actor(), index=index)
    if args.json:
        show_json(done)
        return GOOD
    cells = [(d.shelf, d.envelopes, d.looks, d.changes, d.held) for d in done.dropped]
    show_table(("shelf", "reports", "looks", "changes", "kept on"), cells)
    for level, since in done.kept_since.items():
        print(
            f"level {level}: everything received since {since.date()} is kept ({counted(months[level], 'whole month')})"
        )
    word = "would be dropped" if args.dry_run else "dropped"
    print(
        f"{counted(len(done.dropped), 'shelf', 'shelves')} {word}"
        + ("" if args.dry_run else f", {counted(done.heartbeats, 'row')} of heartbeats")
    )
    return GOOD


def _hold_add(args: argparse.Namespace) -> int:
    given: dict[HoldKind, str | None] = {"unit": args.unit, "system": args.system, "host": args.host}
    kind, subject = next((kind, subject) for kind, subject in given.items() if subject is not None)
    with opened(args) as (_, ledger):
        row = add_hold(
            ledger,
            kind,
            subject,
            args.reason,
            since=args.since,
            until=args.until,
            now=utc_now(),
            actor=actor(),
        )
    if args.json:
        show_json(row)
    else:
        print(f"hold {row.id} on {kind} {subject}")
    return GOOD


def _hold_list(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger), ledger.read() as tx:
        holds = tx.keeping.holds()
    if args.json:
        show_json(holds)
    else:
        show_table(("id", "on", "received", "added", "released", "reason"), list(map(_cells, holds)))
    return GOOD


def _cells(hold: Hold) -> tuple[str, ...]:
    since = "" if hold.since == BEGINNING else f"from {written(hold.since)} "
    until = "" if hold.until is None else f"until {written(hold.until)}"
    return (
        hold.id,
        f"{hold.kind} {hold.subject}",
        (since + until).strip() or "always",
        f"{written(hold.at)} {hold.by}",
        "" if hold.released_at is None else f"{written(hold.released_at)} {hold.released_by}",
        hold.reason if hold.release_reason is None else f"{hold.reason}; {hold.release_reason}",
    )


def _hold_release(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        release_hold(ledger, args.id, args.reason, now=utc_now(), actor=actor())
    print(f"hold {args.id} released")
    return GOOD
