"""The command `vonggac-agent`: its words, and the one place where errors become lines and exit codes.

Each subcommand is a module here that imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonggac_agent import VERSION
from vonggac_agent.errors import AGAIN, WRONG, AgentError
from vonggac_agent.messages import Said, language_of, translated

from . import enrol, key, media, receipt, relay, rotate, run, scan, service, settings, status

if TYPE_CHECKING:
    from vonggac_rules.explain import Language


class _Help(argparse.HelpFormatter):
    """argparse makes one for each argument declared, and would import shutil, bz2 and lzma to be told a width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


class _Parser(argparse.ArgumentParser):
    def __init__(self, **words: Any) -> None:
        super().__init__(formatter_class=_Help, **words)


def _columns() -> int:
    """As shutil.get_terminal_size: COLUMNS, else what the terminal says, else 80."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="vonggac-agent",
        description="Looks at this machine, decides by rules, seals what it saw and sends it to its collector.",
        epilog="example: vonggac-agent scan --lang en",
    )
    top.add_argument("--version", action="version", version=f"vonggac-agent {VERSION}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (scan, enrol, key, rotate, run, status, media, relay, receipt, service, settings):
        added = module.add(commands)
        for each in added:
            each.add_argument(
                "--config", type=Path, metavar="FILE", help="settings (default: /etc/vonggac/agent.yaml)"
            )
            each.add_argument(
                "--lang",
                choices=("vi", "en"),
                default=language_of(),
                help="language for people (default: as LANG says)",
            )
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command. Exit codes: 0 good, 1 findings or refusals, 2 wrong use, 75 try later, 78 mend something."""
    args = parser().parse_args(argv)
    os.umask(0o077)
    from vonggac_contract.errors import ContractError

    try:
        return int(args.run(args))
    except AgentError as error:
        _complain(error.said, error.hint, args.lang)
        return error.exit_code
    except ContractError as error:
        _complain(Said(str(error)), error.hint, args.lang)
        return WRONG
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`); what is left to print goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except OSError as error:
        _complain(
            Said("the system refused: {error}", error=error),
            Said("Is the disk full, read-only or failing?"),
            args.lang,
        )
        return AGAIN


def _complain(message: Said, hint: str, language: Language) -> None:
    from vonggac_agent.display import inert

    advice = hint.spoken(language) if isinstance(hint, Said) else translated(hint, language)
    print(f"vonggac-agent: {inert(message.spoken(language))}\n  {inert(advice)}", file=sys.stderr)
