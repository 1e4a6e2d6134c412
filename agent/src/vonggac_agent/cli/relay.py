"""`vonggac-agent relay`: whether this machine reaches its collector through a relay of its site."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vonggac_agent.errors import GOOD, AgentError


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommand."""
    it = commands.add_parser(
        "relay",
        help="reach the collector through a relay of the site, which reads and changes nothing",
        description="Reach the collector through a relay from now on, or straight again; without words: say which.",
        epilog="example: vonggac-agent relay https://relay.site.example:8440 --token-file word --ca site-ca.pem",
    )
    it.add_argument("url", nargs="?", metavar="URL", help="https://HOST[:PORT] of the relay")
    it.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the word that the relay wants to be shown"
    )
    it.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM of the only authority to trust for this relay"
    )
    it.add_argument("--none", action="store_true", help="straight to the collector again")
    it.set_defaults(run=_relay)
    return [it]


def _relay(args: argparse.Namespace) -> int:
    from vonggac_agent import boxkey, identity
    from vonggac_agent.cli.enrol import read_ca
    from vonggac_agent.enrol import read_token
    from vonggac_agent.link import parse_address
    from vonggac_agent.messages import say
    from vonggac_agent.relay import Relay, read, write
    from vonggac_agent.settings import load_settings
    from vonggac_agent.state import open_state

    settings, _ = load_settings(args.config)
    folder = open_state(settings.state_dir)
    enrolled = identity.read_identity(folder).enrolled
    if args.none or args.url is not None:
        if args.none == (args.url is not None) or (args.url is not None) != (args.token_file is not None):
            raise AgentError(
                "a relay is named by its address and a file with its word, or none by --none",
                hint="See `vonggac-agent relay --help`.",
            )
        made = None
        if args.url is not None:
            boxkey.required(folder, enrolled.collector_key)
            parse_address(args.url)
            made = Relay(args.url, read_token(args.token_file), read_ca(args.ca))
        write(folder, made)
    through = read(folder)
    if through is None:
        print(say(args.lang, "straight to the collector"))
    else:
        print(say(args.lang, "through the relay {url}", url=through.url))
    return GOOD
