"""`vonggac-agent run`: the service's loop, or one round with `--once`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from vonggac_agent.errors import AGAIN, FINDINGS, GOOD

if TYPE_CHECKING:
    from vonggac_agent.settings import Settings


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommand."""
    it = commands.add_parser(
        "run",
        help="the service: look every quarter of an hour and send",
        description="Look again and again, seal what changed, send it. Local listeners are asked for their TLS once a "
        "day, and at once when they change. SIGHUP: look now; SIGTERM: stop.",
        epilog="example: vonggac-agent run --once --json",
    )
    it.add_argument("--once", action="store_true", help="look once, send once, end")
    it.add_argument("--json", action="store_true", help="with --once: what came of it, for programs")
    it.set_defaults(run=command)
    return [it]


def command(args: argparse.Namespace) -> int:
    """Do it."""
    from vonggac_agent.identity import read_identity
    from vonggac_agent.rounds import only_waits
    from vonggac_agent.settings import load_settings
    from vonggac_agent.state import open_state

    settings, _ = load_settings(args.config)
    if not only_waits(settings):
        read_identity(open_state(settings.state_dir))
    return _once(settings, args) if args.once else _stay(settings, args)


def _once(settings: Settings, args: argparse.Namespace) -> int:
    import msgspec

    from vonggac_agent.display import inert
    from vonggac_agent.messages import say
    from vonggac_agent.reasons import Why
    from vonggac_agent.rounds import epoch_is_over, look_round, only_waits, ship_round

    waited = only_waits(settings) or epoch_is_over(settings)
    looked = None if waited else look_round(settings)
    shipped = ship_round(settings)
    if waited and not only_waits(settings):  # let in, or given its next epoch, just now; if not, this says so
        looked = look_round(settings)
        shipped = ship_round(settings)
    lang = args.lang
    if args.json:
        print(msgspec.json.encode({"looked": looked, "shipped": shipped._asdict()}).decode())
    else:
        if looked is not None:
            kind, n, number = say(lang, str(looked["kind"])), looked["findings"], looked["number"]
            print(say(lang, "looked: {kind} {number}, {n} findings", kind=kind, number=number, n=n))
        received, refused = shipped.received, shipped.refused
        print(say(lang, "sent: {received} received, {refused} refused", received=received, refused=refused))
    if shipped.trouble and not args.json:
        why = Why(shipped.trouble)
        print(f"vonggac-agent: {inert(why.spoken(lang))}", file=sys.stderr)
        if why.advice is not None:
            print(f"  {why.advice.spoken(lang)}", file=sys.stderr)
    if shipped.again:
        return AGAIN
    return FINDINGS if shipped.refused else GOOD


def _stay(settings: Settings, args: argparse.Namespace) -> int:
    """Become the supervisor: what was imported to check the settings does not stay in memory."""
    import json

    options = {
        "state_dir": str(settings.state_dir),
        "config": os.path.abspath(args.config) if args.config else "",
        "interval_s": settings.interval_s,
        "start_spread_s": settings.start_spread_s,
        "look_timeout_s": settings.look_timeout_s,
        "ship_timeout_s": settings.ship_timeout_s,
    }
    argv = [sys.executable, "-I", "-m", "vonggac_agent.supervisor", json.dumps(options)]
    os.execv(sys.executable, argv)  # noqa: S606 - this very interpreter with a module of our own
