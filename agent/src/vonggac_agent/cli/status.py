"""`vonggac-agent status`: identity, last report, receipts, spool, clock, health; or the last report as it leaves."""

from __future__ import annotations

import argparse
from typing import Any

from vonggac_agent.errors import FINDINGS, GOOD


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommand."""
    it = commands.add_parser(
        "status",
        help="how this machine stands with its collector",
        description="Identity, last report, receipts, spool, clock and health. Exit code 1 if something is red.",
        epilog="example: vonggac-agent status --json",
    )
    it.add_argument("--json", action="store_true", help="for programs")
    it.add_argument(
        "--report", action="store_true", help="print the last sealed report, exactly as it leaves"
    )
    it.set_defaults(run=command)
    return [it]


def command(args: argparse.Namespace) -> int:
    """Do it."""
    import msgspec

    from vonggac_agent.display import inert
    from vonggac_agent.rounds import utc_now
    from vonggac_agent.settings import load_settings
    from vonggac_agent.status import last_statement, status

    settings, _ = load_settings(args.config)
    if args.report:
        print(msgspec.json.format(msgspec.json.encode(last_statement(settings)), indent=1).decode())
        return GOOD
    told = status(settings, utc_now())
    if args.json:
        print(msgspec.json.encode(told).decode())
    else:
        for line in _lines(told):
            print(inert(line))
    return FINDINGS if told["health"] == "red" else GOOD


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"health: {told['health']}"]
    if told["enrolled"]:
        lines += [
            f"agent: {told['agent_id']}, epoch {told['epoch']}, unit {told['unit']}",
            f"collector: {told['collector']} ({'pinned CA' if told['pinned_ca'] else 'system trust store'})",
            f"judged by: {told['profile']}, rulebook {told['rulebook']['digest'][:12]}",
        ]
        report, beat, spool = told.get("last_report"), told.get("last_heartbeat"), told.get("spool")
        if report:
            lines.append(
                f"last report: {report['sequence']}, {report['sealed_at']:%Y-%m-%d %H:%M:%SZ}, {report['state']}"
            )
        if beat:
            lines.append(
                f"last heartbeat: {beat['counter']}, {beat['looked_at']:%Y-%m-%d %H:%M:%SZ}, {beat['state']}"
            )
        if spool:
            lines.append(
                f"spool: {spool['unsent']} to send, {len(spool['refused'])} refused, "
                f"{spool['used_bytes']} of {spool['limit_bytes']} bytes"
            )
        if told.get("last_contact"):
            lines.append(f"last receipt: {told['last_contact']}")
    return lines + [f"! {problem}" for problem in told["problems"]]
