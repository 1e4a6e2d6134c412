"""`vonggac-agent receipt` and `keys`: what proves to an auditor that a report was delivered, by this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vonggac_agent.errors import GOOD


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Declare the subcommands."""
    it = commands.add_parser(
        "receipt",
        help="write the collector's receipt for a report, as a proof file",
        description="Write the collector's receipt for a report, with the report if it is still kept, as a file that "
        "`vonggac-rules verify-proof` checks.",
        epilog="example: vonggac-agent receipt --sequence 17 --out receipt.json",
    )
    it.add_argument(
        "--sequence",
        type=int,
        metavar="N",
        help="the report's number (default: the newest that was received)",
    )
    it.add_argument("--epoch", type=int, metavar="E", help="of which epoch (default: the present one)")
    it.add_argument("--out", type=Path, metavar="FILE", help="write there (default: standard output)")
    it.set_defaults(run=_receipt)
    keys = commands.add_parser(
        "keys",
        help="print public keys: this machine's, or the collector's that was pinned",
        description="Print this machine's present public key as a PEM file, or the collector's that was pinned when "
        "it enrolled. Keys that it had before: vonggac-collector keys --agent ID",
        epilog="example: vonggac-agent keys --collector > collector.pem",
    )
    keys.add_argument("--collector", action="store_true", help="the collector's, as this machine knows it")
    keys.set_defaults(run=_keys)
    return [it, keys]


def _receipt(args: argparse.Namespace) -> int:
    from vonggac_agent.receipts import receipt_proof
    from vonggac_agent.settings import load_settings
    from vonggac_contract.proof import proof_to_bytes

    settings, _ = load_settings(args.config)
    raw = proof_to_bytes(receipt_proof(settings, args.sequence, args.epoch))
    if args.out is None:
        print(raw.decode(), end="")
    else:
        args.out.write_bytes(raw)
    return GOOD


def _keys(args: argparse.Namespace) -> int:
    from vonggac_agent import identity
    from vonggac_agent.settings import load_settings
    from vonggac_agent.state import open_state
    from vonggac_contract.envelope import keyid_of
    from vonggac_contract.proof import public_key_to_pem

    settings, _ = load_settings(args.config)
    enrolled = identity.read_identity(open_state(settings.state_dir)).enrolled
    key = enrolled.collector_key if args.collector else enrolled.public_key
    print(f"# {keyid_of(key)}\n{public_key_to_pem(key).decode()}", end="")
    return GOOD
