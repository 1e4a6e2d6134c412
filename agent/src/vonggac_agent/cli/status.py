"""`vonggac-agent status`: identity, last report, receipts, spool, clock, health; or the last report as it leaves."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vonggac_agent.errors import FINDINGS, GOOD

if TYPE_CHECKING:
    from vonggac_agent.messages import Said
    from vonggac_rules.explain import Language


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
        for line in _lines(told, args.lang):
            print(inert(line))
    return FINDINGS if told["health"] == "red" else GOOD


def _lines(told: dict[str, Any], language: Language) -> list[str]:
    from vonggac_agent.messages import Said
    from vonggac_agent.status import problems

    lines = [Said("health: {health}", health=Said(told["health"]))]
    if told["waiting"]:
        lines += _awaited(told["waiting"])
    if told["enrolled"]:
        lines += _standing(told)
    return [line.spoken(language) for line in lines] + [
        f"! {each.spoken(language)}" for each in problems(told)
    ]


def _awaited(waits: dict[str, Any]) -> list[Said]:
    from vonggac_agent.messages import Said

    if waits["refused"]:
        return []
    return [
        Said("asked at {collector} to be let in", collector=waits["collector"]),
        Said("host name: {hostname}, machine id: {machine_id}", **waits),
        Said("fingerprint of its key: {fingerprint}", **waits),
    ]


def _standing(told: dict[str, Any]) -> list[Said]:
    from vonggac_agent.messages import Said
    from vonggac_agent.spool_room import DROPPED
    from vonggac_contract.enrolment import fingerprint

    address, book = told["collector"], told["rulebook"]["digest"][:12]
    lines = [
        Said(
            "agent: {agent}, epoch {epoch}, unit {unit}",
            agent=told["agent_id"],
            epoch=told["epoch"],
            unit=told["unit"],
        ),
        Said("collector: {collector} (pinned CA)", collector=address)
        if told["pinned_ca"]
        else Said("collector: {collector} (system trust store)", collector=address),
        Said(
            "key: {fingerprint}, {kept}",
            fingerprint=" ".join(fingerprint(told["keyid"])),
            kept=Said("sealed") if told["key_sealed"] else Said("a plain file"),
        ),
        Said("judged by: {profile}, rulebook {rulebook}", profile=told["profile"], rulebook=book),
    ]
    if told["relay"]:
        lines.append(Said("through the relay {url}", url=told["relay"]))
    lines.append(
        Said("policy: signed, root {root}, good until {expires}", **told["policy"])
        if told["policy"]
        else Said(
            "policy: the collector's word alone names the rules; it signed none when this machine enrolled"
        )
    )
    report, beat, spool = told.get("last_report"), told.get("last_heartbeat"), told.get("spool")
    if report:
        lines.append(
            Said(
                "last report: {number}, {at:%Y-%m-%d %H:%M:%SZ}, {state}",
                number=report["sequence"],
                at=report["sealed_at"],
                state=Said(report["state"]),
            )
        )
    if beat:
        lines.append(
            Said(
                "last heartbeat: {number}, {at:%Y-%m-%d %H:%M:%SZ}, {state}",
                number=beat["counter"],
                at=beat["looked_at"],
                state=Said(beat["state"]),
            )
        )
    if spool:
        lines.append(
            Said(
                "spool: {unsent} to send, {refused} refused, {used} of {limit} bytes",
                unsent=spool["unsent"],
                refused=len(spool["refused"]),
                used=spool["used_bytes"],
                limit=spool["limit_bytes"],
            )
        )
        if dropped := told["counters"][DROPPED]:
            lines.append(Said("{n} reports were dropped for want of room (ever)", n=dropped))
    commands = told["command_facts"]
    allowed = ", ".join(commands["entries"]) or Said("none")
    lines.append(
        Said("commands that rules may ask: {entries}", entries=allowed)
        if commands["on"]
        else Said("commands that rules may ask: off")
    )
    if told.get("last_contact"):
        lines.append(
            Said("last receipt: {at}, on a medium", at=told["last_contact"])
            if told["on_medium"]
            else Said("last receipt: {at}", at=told["last_contact"])
        )
    return lines
