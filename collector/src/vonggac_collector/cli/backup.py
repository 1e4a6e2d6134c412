"""backup, restore."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vonggac_collector.backup.making import make_backup
from vonggac_collector.backup.manifest import Manifest
from vonggac_collector.backup.restoring import FaultsFound, check_backup, restore
from vonggac_collector.errors import SettingsError
from vonggac_collector.instants import written
from vonggac_collector.settings import load_settings
from vonggac_collector.state import read_secret

from .common import GOOD, REFUSED, Commands, actor, counted, inert, show_json, utc_now

_EVERY_S = 2.0
_SHOWN = 20


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    save = commands.add(
        "backup",
        _backup,
        "save the ledger into a new folder, while the collector serves; backups that are there stay",
        "vonggac-collector backup /mnt/backup --key-passphrase /etc/vonggac/backup-passphrase",
    )
    save.add_argument("folder", type=Path, help="where backups are put; with --verify, one backup")
    save.add_argument(
        "--verify", action="store_true", help="make none: check signature and digests of this one"
    )
    _add_passphrase(save, "put the signing key in too, encrypted by the passphrase in this file (mode 600)")
    save.add_argument("--json", action="store_true", help="for programs")
    back = commands.add(
        "restore",
        _restore,
        "bring a backup back, with every process of the collector stopped; it is checked whole before it takes the "
        "ledger's place",
        "vonggac-collector restore /mnt/backup/vonggac-20261126T010000Z --replace",
    )
    back.add_argument("folder", type=Path, help="one backup")
    back.add_argument(
        "--replace", action="store_true", help="set aside the ledger that is there, if it has rows"
    )
    back.add_argument(
        "--despite-faults",
        action="store_true",
        help="even if a chain or the audit log in the backup is broken",
    )
    back.add_argument(
        "--unsigned",
        action="store_true",
        help="even if there is no key to check the backup's signature by: the last resort, when the key is lost",
    )
    _add_passphrase(back, "opens the signing key of the backup, if there is none here")
    back.add_argument("--json", action="store_true", help="for programs")


def _add_passphrase(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--key-passphrase", type=Path, metavar="FILE", help=text)


def _passphrase(args: argparse.Namespace) -> str | None:
    if args.key_passphrase is None:
        return None
    passphrase = read_secret(args.key_passphrase)
    if not passphrase:
        raise SettingsError(f"{args.key_passphrase}: is empty; write a long passphrase into it")
    return passphrase


@contextmanager
def _tidy() -> Iterator[None]:
    """SIGTERM and SIGHUP, unless it is ignored, end the block as an interrupt does: what was begun is taken back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, lambda got, _: sys.exit(128 + got))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _backup(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    if args.verify:
        manifest, trust = check_backup(settings, args.folder, _passphrase(args))
        if trust.key is None:
            print("there is no key here to check the signature by; digests fit", file=sys.stderr)
        _show(args, args.folder, manifest, "is whole")
        return GOOD
    with _tidy():
        place, manifest = make_backup(
            settings, args.folder, now=utc_now(), passphrase=_passphrase(args), report=_progress()
        )
    _show(args, place, manifest, "made")
    if not manifest.has_key:
        print(
            "the signing key is not in it: keep a copy elsewhere, or use --key-passphrase; without it agents take no "
            "receipt of a restored collector",
            file=sys.stderr,
        )
    return GOOD


def _restore(args: argparse.Namespace) -> int:
    try:
        with _tidy():
            done = restore(
                load_settings(args.config),
                args.folder,
                now=utc_now(),
                actor=actor(),
                replace=args.replace,
                despite_faults=args.despite_faults,
                unsigned=args.unsigned,
                passphrase=_passphrase(args),
                report=_progress(),
            )
    except FaultsFound as e:
        for fault in e.faults[:_SHOWN]:
            print(f"{inert(fault.where)}: {inert(fault.what)}", file=sys.stderr)
        print(
            f"{counted(len(e.faults), 'fault')}; nothing was changed. --despite-faults takes it all the same.",
            file=sys.stderr,
        )
        return REFUSED
    if args.json:
        show_json(done._asdict())
    else:
        beside = done.manifest.rows.get("envelopes", 0) - done.reports
        told = f", {beside} of them beside the chains (waiting, or evidence of a fork)" if beside else ""
        print(f"the ledger is that of {_holding(done.manifest)}{told}; every chain was checked")
        if done.aside:
            print(f"the one before is set aside as {inert(done.aside)}")
        print(
            "start the collector: machines send again what they still hold; then run `vonggac-collector ledger missing`"
        )
    if done.key == "missing":
        print(
            "the signature was not checked, and the signing key is missing: put it into the state folder before the "
            "start",
            file=sys.stderr,
        )
    return GOOD


def _show(args: argparse.Namespace, place: Path, manifest: Manifest, what: str) -> None:
    if args.json:
        show_json({"folder": str(place), "manifest": manifest})
        return
    size = sum(f.size for f in manifest.files)
    print(f"{place} {what}: as of {_holding(manifest)}, schema {manifest.schema}, {size} bytes")


def _holding(manifest: Manifest) -> str:
    """Of when it is and how much is in it, for who saves and who restores alike."""
    reports, agents = (manifest.rows.get(table, 0) for table in ("envelopes", "agents"))
    return f"{written(manifest.made_at)}, {counted(reports, 'report')} of {counted(agents, 'agent')}"


def _progress() -> Callable[[str], None]:
    """Says what goes on, at most every two seconds, to whoever sits at a terminal."""
    told = [0.0]

    def report(text: str) -> None:
        if sys.stderr.isatty() and time.monotonic() - told[0] >= _EVERY_S:
            told[0] = time.monotonic()
            print(text, file=sys.stderr)

    return report
