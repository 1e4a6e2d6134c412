"""`vonggac-agent key seal` and `key unseal`: whether this machine's key is kept sealed by its TPM or host key."""

from __future__ import annotations

import argparse
from typing import Any

from vonggac_agent.errors import GOOD


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommands."""
    text = "seal this machine's key with its TPM or host key, or keep it plain"
    key = commands.add_parser("key", help=text, epilog="example: vonggac-agent key seal   (service stopped)")
    kinds = key.add_subparsers(dest="kind", required=True, metavar="KIND")
    added = []
    for name, text in (
        (
            "seal",
            "Keep this machine's key sealed by systemd-creds: with the TPM 2, the host's own key, or both.",
        ),
        ("unseal", "Keep this machine's key as a plain file again, which only root can read."),
    ):
        it = kinds.add_parser(
            name, help=text, description=text, epilog=f"example: vonggac-agent key {name}   (service stopped)"
        )
        it.set_defaults(run=command, sealed=name == "seal")
        added.append(it)
    return added


def command(args: argparse.Namespace) -> int:
    """Do it."""
    from vonggac_agent import identity
    from vonggac_agent.lock import take_lock
    from vonggac_agent.messages import Said
    from vonggac_agent.sealing import TPM
    from vonggac_agent.settings import load_settings
    from vonggac_agent.state import open_state

    settings, _ = load_settings(args.config)
    folder = open_state(settings.state_dir)
    lock = take_lock(folder)
    try:
        keyid = identity.read_identity(folder).keyid
        (identity.seal_key if args.sealed else identity.unseal_key)(folder, keyid)
    finally:
        lock.release()
    told = [Said("the key is sealed") if args.sealed else Said("the key is a plain file")]
    if args.sealed and TPM.exists():
        told.append(Said("next: vonggac-agent service install   (its unit has to allow the TPM)"))
    if args.sealed:
        told.append(
            Said(
                "A copy of the plain key may be left on the disk or in a backup: give the machine a new one."
            )
        )
    for said in told:
        print(said.spoken(args.lang))
    return GOOD
