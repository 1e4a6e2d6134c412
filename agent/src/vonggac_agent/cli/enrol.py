"""`vonggac-agent enrol`: make the key here, register with a collector, keep the trust roots."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from vonggac_agent.errors import GOOD, AgentError


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommand."""
    it = commands.add_parser(
        "enrol",
        help="make this machine's key and register it with a collector",
        description="Make this machine's key, show the collector that it holds it, and keep the collector's answer.",
        epilog="example: vonggac-agent enrol --collector https://vonggac.tinh.gov.vn --token-file token --ca ca.pem",
    )
    it.add_argument(
        "--collector", required=True, metavar="URL", help="https://HOST[:PORT]; http only for 127.0.0.1"
    )
    it.add_argument(
        "--token-file", required=True, type=Path, metavar="FILE", help="the enrolment token, one line"
    )
    it.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM of the only authority to trust for this collector"
    )
    it.add_argument("--again", action="store_true", help="replace an enrolment: a new key, a new epoch")
    it.add_argument("--json", action="store_true", help="for programs")
    it.set_defaults(run=command)
    return [it]


def command(args: argparse.Namespace) -> int:
    """Do it."""
    from contextlib import closing

    from vonggac_agent.display import inert
    from vonggac_agent.enrol import enrol, read_token
    from vonggac_agent.link import HttpLink, parse_address
    from vonggac_agent.lock import take_lock
    from vonggac_agent.messages import Said, say
    from vonggac_agent.reasons import Why
    from vonggac_agent.rounds import utc_now
    from vonggac_agent.settings import load_settings
    from vonggac_agent.state import open_state

    settings, _ = load_settings(args.config)
    token = read_token(args.token_file)
    ca = read_ca(args.ca)
    with closing(HttpLink(parse_address(args.collector), ca)) as link:
        folder = open_state(settings.state_dir, create=True)
        lock = take_lock(folder)
        try:
            enrolled, trouble = enrol(
                folder,
                collector=args.collector,
                ca=ca,
                token=token,
                transport=link,
                now=utc_now,
                again=args.again,
            )
        finally:
            lock.release()
    if args.json:
        import msgspec

        about = {"agent_id": enrolled.agent_id, "epoch": enrolled.epoch, "unit": enrolled.unit}
        print(
            msgspec.json.encode(about | {"profile": enrolled.profile, "rulebook": enrolled.rulebook}).decode()
        )
    else:
        for said in (
            Said(
                "enrolled as {agent} in unit {unit}, judged by {profile}",
                agent=enrolled.agent_id,
                unit=enrolled.unit,
                profile=enrolled.profile,
            ),
            Said("next: vonggac-agent service install   (or one round by hand: vonggac-agent run --once)"),
        ):
            print(inert(said.spoken(args.lang)))
    if trouble:
        told = say(args.lang, "the rulebook was not fetched yet: {trouble}", trouble=Why(trouble))
        print(f"vonggac-agent: {inert(told)}", file=sys.stderr)
    return GOOD


def read_ca(path: Path | None) -> str:
    """The PEM text of a CA's file, "" if none is named. Raises AgentError."""
    from vonggac_agent.identity import MAX_CA_BYTES

    if path is None:
        return ""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_CA_BYTES + 1)
    except OSError as error:
        raise AgentError(
            "cannot read the CA {path}: {reason}", hint="Name a PEM file.", path=path, reason=error.strerror
        ) from error
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if len(raw) > MAX_CA_BYTES or "-----BEGIN CERTIFICATE-----" not in text:
        raise AgentError(
            "{path} holds no certificate in PEM", hint="Convert it: openssl x509 -inform der -in …", path=path
        )
    return text
