"""`vonggac-agent scan`: look at this machine, a mounted root or saved facts; decide; print. Sends nothing."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonggac_agent import ONE_LOOK
from vonggac_agent.errors import FINDINGS, GOOD, AgentError

if TYPE_CHECKING:
    from vonggac_rules.rulebook import Rulebook


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommand."""
    it = commands.add_parser(
        "scan",
        help="look at this machine, decide, print; sends nothing",
        description="Look at this machine (or a mounted root, or saved facts), decide by rules, print what was found.",
        epilog="example: vonggac-agent scan --fail-on high --json > findings.json",
    )
    it.add_argument(
        "--profile", metavar="P", help="by which profile (default: the collector's, else that of level 3)"
    )
    it.add_argument(
        "--rules", type=Path, metavar="PATH", help="a folder of rules, or a compiled rulebook.json"
    )
    source = it.add_mutually_exclusive_group()
    source.add_argument("--root", type=Path, metavar="DIR", help="look at the system mounted there")
    source.add_argument(
        "--facts", type=Path, metavar="FILE", help="decide facts saved before, look at nothing"
    )
    it.add_argument(
        "--save-facts", type=Path, metavar="FILE", help="write the facts, to be decided again elsewhere"
    )
    it.add_argument(
        "--fail-on",
        choices=("critical", "high", "medium", "low"),
        help="exit with 1 if a rule of this severity or worse failed, or could not be decided",
    )
    it.add_argument("--json", action="store_true", help="for programs")
    it.set_defaults(run=command)
    return [it]


def command(args: argparse.Namespace) -> int:
    """Do it."""
    started = time.monotonic()
    gc.set_threshold(ONE_LOOK)
    from datetime import UTC, datetime

    from vonggac_agent import scan
    from vonggac_agent.host import Host, is_caged
    from vonggac_agent.settings import load_settings

    settings, _ = load_settings(args.config)
    book, profile = _rules(args, settings.state_dir)
    if args.facts is not None:
        done = scan.scan_saved(scan.read_snapshot(args.facts), book, profile)
    else:
        root = args.root or Path("/")
        if not root.is_dir():
            raise AgentError(
                "there is no folder {root}", hint="Name the folder where the system is mounted.", root=root
            )
        host = Host(root, now=datetime.now(UTC), caged=is_caged())
        if not host.live and not (
            host.exists("etc/passwd") and (host.exists("etc/os-release") or host.exists("usr/lib/os-release"))
        ):
            raise AgentError(
                "{root} holds no Linux system: etc/passwd or os-release is not there",
                hint="Mount the system's own file system there first; an empty folder would look clean.",
                root=root,
            )
        done = scan.scan_host(host, book, profile, disabled=settings.disabled_facts)
    if args.save_facts is not None:
        _save(args.save_facts, done)
    _print(args, done, scan.spent(started))
    return FINDINGS if args.fail_on and scan.reaches(done.findings, args.fail_on) else GOOD


def _rules(args: argparse.Namespace, state_dir: Path) -> tuple[Rulebook, str]:
    """The rulebook and the profile's id: as asked for, else as the collector said, else this release's."""
    from vonggac_agent import rulebooks
    from vonggac_agent.scan import read_rulebook

    if args.rules is not None:
        book = read_rulebook(args.rules)
        profile = ""
    else:
        readable = os.access(state_dir, os.R_OK | os.X_OK)
        book, profile, notice = rulebooks.in_force(state_dir if readable else None)
        if notice:
            print(f"vonggac-agent: {notice}", file=sys.stderr)
    wanted = args.profile or profile
    if wanted:
        return book, book.profile(wanted).id
    return book, book.profile_for_level(rulebooks.DEFAULT_LEVEL).id


def _save(path: Path, done: Any) -> None:
    from vonggac_contract.snapshot import snapshot_to_bytes

    try:
        path.write_bytes(snapshot_to_bytes(done.snapshot))
    except OSError as error:
        raise AgentError(
            "cannot write {path}: {reason}", hint="Name another file.", path=path, reason=error.strerror
        ) from error


def _print(args: argparse.Namespace, done: Any, timing: dict[str, float]) -> None:
    from vonggac_agent.scan import scan_to_json

    if args.json:
        import msgspec

        print(msgspec.json.encode(scan_to_json(done, timing)).decode())
        return
    import shutil

    from vonggac_agent.display import scan_to_text

    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for line in scan_to_text(done, timing, args.lang, width=width, colour=colour):
        print(line)
