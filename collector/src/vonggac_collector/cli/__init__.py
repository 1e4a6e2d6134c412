"""`vonggac-collector`: reads the command line and calls the collector; decides nothing itself.

Exit codes: 0 good, 1 findings or refusals, 2 wrong use or environment. Errors go to standard error and say what to do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from vonggac_collector.errors import CollectorError
from vonggac_contract.errors import ContractError

from . import approval, backup, errors, forks, ledger, media, people, policy, relay, running, scores, tree
from .common import GOOD, Commands

__all__ = ["main", "parser"]


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    args = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): nothing is wrong, and nothing more can be said.
        sys.stderr.close()
        return GOOD
    except (CollectorError, ContractError, OSError) as e:
        text, code = errors.told(e, args)
        print(f"vonggac-collector: {text}", file=sys.stderr)
        return code


def parser() -> argparse.ArgumentParser:
    """The command line; docs/commands.md is compared with it by a test."""
    top = argparse.ArgumentParser(
        prog="vonggac-collector",
        description="Receive sealed reports, keep them in a ledger, score and show them.",
    )
    top.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML file with settings; the environment comes first"
    )
    commands = Commands(top)
    for room in (running, tree, approval, forks, people, scores, policy, ledger, media, relay, backup):
        room.add_commands(commands)
    return top
