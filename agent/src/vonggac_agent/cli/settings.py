"""`vonggac-agent settings`: every setting with its value and where it comes from."""

from __future__ import annotations

import argparse
from typing import Any

from vonggac_agent.errors import GOOD


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommand."""
    it = commands.add_parser(
        "settings",
        help="every setting with its value and source",
        description="Every setting with its value and source: VONGGAC_… in the environment, the file, or the default.",
        epilog="example: VONGGAC_INTERVAL_S=600 vonggac-agent settings",
    )
    it.add_argument("--json", action="store_true", help="for programs")
    it.set_defaults(run=command)
    return [it]


def command(args: argparse.Namespace) -> int:
    """Do it."""
    from vonggac_agent.display import inert
    from vonggac_agent.settings import load_settings

    _, shown = load_settings(args.config)
    if args.json:
        import json

        print(json.dumps([each._asdict() for each in shown], ensure_ascii=False))
        return GOOD
    for each in shown:
        print(f"{each.name} = {inert(each.value) or '(none)'}   [{each.source}]   {each.about}")
    return GOOD
