"""relay: passes on what a site's machines send, without being able to read it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from vonggac_collector.errors import SettingsError
from vonggac_collector.log import configure_log
from vonggac_collector.relay import create_relay, forward_to
from vonggac_collector.server import listening, make_server
from vonggac_collector.settings import load_settings
from vonggac_collector.state import read_secret

from .common import GOOD, Commands

_LEAST: Final = 16
"""Characters of the site's word."""


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    command = commands.add(
        "relay",
        _relay,
        "pass sealed requests of a site's machines on to the collector; needs no state folder and keeps nothing",
        "vonggac-collector relay https://vonggac.tinh.gov.vn:8443 --token-file relay-token",
    )
    command.add_argument("collector", metavar="URL", help="the collector's address")
    command.add_argument(
        "--token-file",
        type=Path,
        required=True,
        metavar="FILE",
        help="the word that machines of the site show",
    )
    command.add_argument("--ca", type=Path, metavar="FILE", help="PEM of the only authority to trust for it")


def _relay(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    word = read_secret(args.token_file)
    if len(word) < _LEAST or len(word.split()) != 1:
        raise SettingsError(f"{args.token_file}: holds no word of at least {_LEAST} characters")
    forward = forward_to(args.collector, args.ca)
    configure_log()
    with listening(settings) as listener:
        make_server(create_relay(settings, word, forward), settings).run([listener])
    return GOOD
