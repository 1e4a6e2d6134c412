"""`vonggac-agent service`: install, remove or show the systemd service."""

from __future__ import annotations

import argparse
from typing import Any

from vonggac_agent.errors import FINDINGS, GOOD


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommands."""
    it = commands.add_parser(
        "service",
        help="the agent as a systemd service",
        description="Write the hardened units and start it, take it away again, or show how it does.",
        epilog="example: vonggac-agent service install",
    )
    inner = it.add_subparsers(dest="action", required=True, metavar="ACTION")
    install = inner.add_parser(
        "install",
        help="write its units, enable it, start it",
        description="Write the units of the service and of its helper, enable it, start it.",
        epilog="example: vonggac-agent service install --print | less",
    )
    install.add_argument("--print", action="store_true", help="only show the units")
    install.set_defaults(run=_install)
    remove = inner.add_parser(
        "remove",
        help="stop it and take its units away; the state folder stays",
        description="Stop the service and take its units away. Key, identity and spool stay in the state folder.",
        epilog="example: vonggac-agent service remove",
    )
    remove.set_defaults(run=_remove)
    status = inner.add_parser(
        "status",
        help="what systemd says of it",
        description="What systemd says of the service; `vonggac-agent status` tells of reports and receipts.",
        epilog="example: vonggac-agent service status --json",
    )
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(run=_status)
    return [install, remove, status]


def _install(args: argparse.Namespace) -> int:
    from vonggac_agent import service
    from vonggac_agent.identity import read_identity
    from vonggac_agent.messages import say
    from vonggac_agent.rounds import only_waits
    from vonggac_agent.settings import load_settings
    from vonggac_agent.state import open_state

    settings, _ = load_settings(args.config)
    if args.print:
        for unit, text in service.unit_texts(settings, args.config).items():
            print(f"# {service.FOLDER / unit}\n{text}")
        return GOOD
    if not only_waits(settings):
        read_identity(open_state(settings.state_dir))  # without one the service could not start
    service.install(settings, args.config)
    print(
        say(
            args.lang,
            "installed and started: {path}; see: vonggac-agent service status",
            path=service.FOLDER / service.UNIT,
        )
    )
    return GOOD


def _remove(args: argparse.Namespace) -> int:
    from vonggac_agent import service
    from vonggac_agent.messages import say
    from vonggac_agent.settings import load_settings

    settings, _ = load_settings(args.config)
    if service.remove():
        print(say(args.lang, "removed; key, identity and spool stay in {folder}", folder=settings.state_dir))
    else:
        print(say(args.lang, "there is no service to remove"))
    return GOOD


def _status(args: argparse.Namespace) -> int:
    from vonggac_agent import service
    from vonggac_agent.display import inert
    from vonggac_agent.messages import say

    told = service.shown()
    active = told.get("ActiveState") == "active"
    if args.json:
        import json

        print(json.dumps(told))
    else:
        print(say(args.lang, "the service is running" if active else "the service is not running"))
        for name, value in told.items():
            print(f"{name}: {inert(value)}")
    return GOOD if active else FINDINGS
