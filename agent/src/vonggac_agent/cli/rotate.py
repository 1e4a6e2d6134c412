"""`vonggac-agent rotate`: a new key, which the one in force signs, and with it this machine's next epoch."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from vonggac_agent.errors import AGAIN, GOOD, AlreadyRunning


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommand."""
    it = commands.add_parser(
        "rotate",
        help="change this machine's key, after everything was sent",
        description="Send what there is to send, make a new key, let the one in force sign it, and go on with it. A "
        "running service does so when it sends next, and by itself when the key is old (setting key_days).",
        epilog="example: vonggac-agent rotate",
    )
    it.set_defaults(run=command)
    return [it]


def command(args: argparse.Namespace) -> int:
    """Do it."""
    from vonggac_agent import rotation
    from vonggac_agent.display import inert
    from vonggac_agent.identity import read_identity
    from vonggac_agent.messages import Said, say
    from vonggac_agent.reasons import Why
    from vonggac_agent.rounds import ship_round
    from vonggac_agent.settings import load_settings
    from vonggac_agent.state import open_state

    settings, _ = load_settings(args.config)
    folder = open_state(settings.state_dir)
    before = read_identity(folder)
    rotation.want(folder)
    try:
        outcome = ship_round(settings)
    except AlreadyRunning:
        print(say(args.lang, "the service is running; it changes the key when it sends next"))
        return GOOD
    after = read_identity(folder)
    if after.keyid == before.keyid:
        why = (
            Why(outcome.trouble)
            if outcome.trouble
            else Said("not everything was received, or an officer has to decide first")
        )
        print(
            f"vonggac-agent: {inert(say(args.lang, 'the key was not changed: {why}', why=why))}",
            file=sys.stderr,
        )
        return AGAIN
    epoch, keyid = after.enrolled.epoch, after.keyid[:16]
    print(say(args.lang, "epoch {epoch} has begun, with key {keyid}…", epoch=epoch, keyid=keyid))
    return GOOD
