"""ledger prove, ledger checkpoint, keys: what an auditor is handed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vonggac_collector.errors import Invalid
from vonggac_collector.proofs import prove_growth, prove_report
from vonggac_collector.settings import Settings
from vonggac_collector.state import KEY_FILE, load_key
from vonggac_contract.envelope import keyid_of
from vonggac_contract.proof import (
    MAX_KEY_BYTES,
    MAX_PROOF_BYTES,
    Proof,
    proof_from_bytes,
    proof_to_bytes,
    public_key_to_pem,
    public_keys_from_pem,
)

from .common import GOOD, Commands, opened


def add_commands(room: Commands) -> None:
    """Add those under `ledger`."""
    one = room.add(
        "prove",
        _prove,
        "write the proof that a report is in the record, for `vonggac-rules verify-proof`",
        "vonggac-collector ledger prove 4f2a… --out proof.json",
    )
    one.add_argument("digest", nargs="?", metavar="DIGEST", help="the report's, 64 hexadecimal digits")
    one.add_argument("--agent", metavar="ID", help="instead of the digest: whose report")
    one.add_argument("--epoch", type=int, default=1, metavar="E", help="of which epoch (default: 1)")
    one.add_argument("--sequence", type=int, metavar="N", help="its number there")
    newest = room.add(
        "checkpoint",
        _checkpoint,
        "write the newest checkpoint, for an auditor to keep where nobody here can reach it",
        "vonggac-collector ledger checkpoint --since kept.json --out checkpoint.json",
    )
    for command in (one, newest):
        command.add_argument(
            "--since",
            type=Path,
            metavar="KEPT",
            help="a checkpoint's file that was kept: add the proof of growth since",
        )
        command.add_argument(
            "--out", type=Path, metavar="FILE", help="write there (default: standard output)"
        )


def add_keys(commands: Commands) -> None:
    """Add `keys`."""
    keys = commands.add(
        "keys",
        _keys,
        "print the collector's public key as a PEM file, or those of an agent, the newest first",
        "vonggac-collector keys > collector.pem",
    )
    keys.add_argument("--agent", metavar="ID", help="every key that this agent ever had")


def _prove(args: argparse.Namespace) -> int:
    place = (args.agent, args.epoch, args.sequence) if args.agent and args.sequence else None
    if (args.digest is None) == (place is None):
        raise Invalid("name the report by its digest, or by --agent, --epoch and --sequence")
    if args.digest is not None and (len(args.digest) != 64 or set(args.digest) - set("0123456789abcdef")):
        raise Invalid("a digest has 64 hexadecimal digits, such as 4f2a…")
    with opened(args) as (settings, ledger):
        proof = prove_report(
            ledger, load_key(settings.state_dir), place or args.digest, since=_read(args.since)
        )
    return _write(args.out, proof)


def _checkpoint(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger):
        proof = prove_growth(ledger, load_key(settings.state_dir), since=_read(args.since))
    return _write(args.out, proof)


def _read(path: Path | None) -> Proof | None:
    if path is None:
        return None
    with path.open("rb") as stream:
        return proof_from_bytes(stream.read(MAX_PROOF_BYTES + 1))


def _write(path: Path | None, proof: Proof) -> int:
    raw = proof_to_bytes(proof)
    if path is None:
        sys.stdout.write(raw.decode())
    else:
        path.write_bytes(raw)
    return GOOD


def collector_key(given: Path | None, settings: Settings) -> bytes | None:
    """The public key of a PEM file, or of the state folder; None if neither is there."""
    if given is not None:
        with given.open("rb") as stream:
            return public_keys_from_pem(stream.read(MAX_KEY_BYTES + 1))[0]
    if not (settings.state_dir / KEY_FILE).exists():
        return None
    return load_key(settings.state_dir).public_key().public_bytes_raw()


def _keys(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger):
        if args.agent is None:
            keys = [load_key(settings.state_dir).public_key().public_bytes_raw()]
        else:
            with ledger.read() as tx:
                keys = [*reversed(tx.agents.keys(args.agent).values())]
            if not keys:
                raise Invalid(
                    f"no agent is called {args.agent}", hint="`vonggac-collector host list` shows their ids."
                )
    for key in keys:
        print(f"# {keyid_of(key)}\n{public_key_to_pem(key).decode()}", end="")
    return GOOD
