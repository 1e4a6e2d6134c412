"""`vonggac-agent export` and `import`: where there is no line, a medium carries reports there and receipts back."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vonggac_agent.errors import FINDINGS, GOOD


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommands."""
    out = commands.add_parser(
        "export",
        help="write what is unsent onto a medium, for the collector's eyes only",
        description="Write what is unsent into a folder of a medium, in boxes that only the collector opens. The spool "
        "stays as it is until a receipt comes back; the service may run meanwhile.",
        epilog="example: vonggac-agent export /media/usb",
    )
    out.add_argument("--again", action="store_true", help="what was received and is still kept as well")
    out.set_defaults(run=_export)
    back = commands.add_parser(
        "import",
        help="take receipts, rules and the collector's key from a medium",
        description="Take what `vonggac-collector media export` put on a medium for this machine: receipts, the "
        "rulebook they name, the key that boxes are closed with. Stop the service meanwhile. Exit code 1 if there is "
        "nothing for this machine, or something was not taken.",
        epilog="example: vonggac-agent import /media/usb",
    )
    back.set_defaults(run=_import)
    for it in (out, back):
        it.add_argument("folder", type=Path, metavar="DIR", help="a folder on the medium")
        it.add_argument("--json", action="store_true", help="for programs")
    return [out, back]


def _export(args: argparse.Namespace) -> int:
    import msgspec

    from vonggac_agent.carry import export
    from vonggac_agent.messages import say
    from vonggac_agent.rounds import utc_now
    from vonggac_agent.settings import load_settings

    settings, _ = load_settings(args.config)
    done = export(settings, args.folder, utc_now(), again=args.again)
    if args.json:
        print(msgspec.json.encode(done._asdict()).decode())
        return GOOD
    said = say(
        args.lang, "export {name}: {n} reports, {parts} files, {size} bytes",
        name=done.name, n=done.reports, parts=done.parts, size=done.bytes,
    )  # fmt: skip
    print(said)
    if done.left:
        print(say(args.lang, "{n} more reports wait for the next export", n=done.left))
    return GOOD


def _import(args: argparse.Namespace) -> int:
    import msgspec

    from vonggac_agent.carry import bring
    from vonggac_agent.display import inert
    from vonggac_agent.messages import Said, say
    from vonggac_agent.reasons import Why
    from vonggac_agent.settings import load_settings

    settings, _ = load_settings(args.config)
    done = bring(settings, args.folder)
    if args.json:
        print(msgspec.json.encode(done._asdict()).decode())
    elif done.nothing:
        nothing = Said("there is nothing for this machine on the medium")
        advice = Said(
            "Put it there, at the collector: vonggac-collector media export DIR --agent {agent}",
            agent=done.agent_id,
        )
        print(f"vonggac-agent: {nothing.spoken(args.lang)}\n  {advice.spoken(args.lang)}", file=sys.stderr)
    else:
        print(
            say(args.lang, "{n} reports received, {other} receipts of reports that are not waiting here",
                n=done.received, other=done.elsewhere)
        )  # fmt: skip
        if done.rulebook:
            print(say(args.lang, "rulebook {digest} taken", digest=done.rulebook))
        if done.box_key:
            print(say(args.lang, "the collector's key for boxes taken"))
        if done.bad:
            print(say(args.lang, "{n} lines are no receipts of this collector for this machine", n=done.bad))
        for each in done.trouble:
            print(inert(say(args.lang, "not taken: {why}", why=Why(each))))
    return FINDINGS if done.bad or done.trouble or done.nothing else GOOD
