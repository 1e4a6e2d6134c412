"""The command `vonggac-agent`: its words, and the one place where errors become lines and exit codes.

Each subcommand is a module here that imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vonggac_agent import VERSION
from vonggac_agent.errors import AGAIN, WRONG, AgentError

from . import enrol, run, scan, service, settings, status


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="vonggac-agent",
        description="Looks at this machine, decides by rules, seals what it saw and sends it to its collector.",
        epilog="example: vonggac-agent scan --lang en",
    )
    top.add_argument("--version", action="version", version=f"vonggac-agent {VERSION}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (scan, enrol, run, status, service, settings):
        added = module.add(commands)
        for each in added:
            each.add_argument(
                "--config", type=Path, metavar="FILE", help="settings (default: /etc/vonggac/agent.yaml)"
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
        _complain(str(error), error.hint)
        return error.exit_code
    except ContractError as error:
        _complain(str(error), error.hint)
        return WRONG
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`); what is left to print goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except OSError as error:
        _complain(f"the system refused: {error}", "Is the disk full, read-only or failing?")
        return AGAIN


def _complain(message: str, hint: str) -> None:
    from vonggac_agent.display import inert

    print(f"vonggac-agent: {inert(message)}\n  {hint}", file=sys.stderr)
