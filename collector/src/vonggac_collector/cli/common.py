"""What every command needs: the parser's pieces, the open ledger, the clock, and output as text or JSON."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from vonggac_collector.auth import Caller
from vonggac_collector.errors import Invalid
from vonggac_collector.instants import written
from vonggac_collector.ledger.interface import Ledger
from vonggac_collector.ledger.sql.ledger import SqlLedger, open_ledger
from vonggac_collector.settings import Settings, load_settings

GOOD, REFUSED, WRONG_USE = 0, 1, 2
_WIDEST: Final = 60


class Commands:
    """Adds commands, alone or under a word such as `unit`, each with its example."""

    def __init__(self, top: argparse.ArgumentParser) -> None:
        self._sub = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(
        self, name: str, run: Callable[[argparse.Namespace], int], text: str, example: str
    ) -> argparse.ArgumentParser:
        """One command."""
        made = self._sub.add_parser(name, help=text, description=text, epilog=f"Example: {example}")
        made.set_defaults(run=run)
        return made

    def group(self, name: str, text: str) -> Commands:
        """Commands under a word."""
        return Commands(self._sub.add_parser(name, help=text, description=text))


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[tuple[Settings, Ledger]]:
    """The settings and the ledger, closed in the end."""
    settings = load_settings(args.config)
    ledger = open_by(settings)
    try:
        yield settings, ledger
    finally:
        ledger.close()


def open_by(settings: Settings, *, upgrade: bool = False) -> SqlLedger:
    """The ledger that the settings name."""
    return open_ledger(settings.ledger_url, upgrade=upgrade, password_file=settings.ledger_password_file)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def actor() -> str:
    """Who runs the command, for the audit log."""
    return f"{getpass.getuser()} (command line)"


def operator(ledger: Ledger, now: datetime) -> Caller:
    """Whoever may run commands on the ledger's machine sees the whole tree. Raises Invalid before `init`."""
    with ledger.read() as tx:
        root = next((u for u in tx.tree.units(now) if u.parent is None), None)
    if root is None:
        raise Invalid("there is no unit yet", hint="Run `vonggac-collector init` first.")
    return Caller("command-line", actor(), "administrator", root.code)


def parse_time(text: str) -> datetime:
    """RFC 3339; argparse.ArgumentTypeError for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time with its zone, such as 2026-11-23T10:00:00+07:00"
        )
    return found.astimezone(UTC)


def show_json(value: object) -> None:
    """JSON on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n")


def show_table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns on standard output, times as `written`; what a terminal would obey is shown as its code."""
    texts = [tuple(heads), *(tuple(_cell(cell) for cell in row) for row in rows)]
    widths = [min(max(len(t[n]) for t in texts), _WIDEST) for n in range(len(heads))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    return inert(written(value) if isinstance(value, datetime) else str(value))


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its noun: `1 machine`, `2 machines`. `many`: where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def inert(text: str) -> str:
    """Text with everything that is not printable escaped: control codes, marks that turn the writing direction."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
