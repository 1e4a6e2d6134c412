"""policy import, export, show and key: the repository that people sign, and what this collector serves of it."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tuf.api.metadata import Root, Targets

from vonggac_collector import policy, policy_roots
from vonggac_collector.errors import Invalid
from vonggac_collector.rulebooks import Shelf
from vonggac_collector.settings import load_settings
from vonggac_collector.state import load_key, make_key
from vonggac_rules import repository
from vonggac_rules.repository import MAX_METADATA_BYTES

from .common import GOOD, REFUSED, Commands, actor, counted, opened, show_json, show_table, utc_now

MAX_FILES: Final = 1_000
"""In the folder of metadata; roots and targets of many years."""


def add_commands(commands: Commands) -> None:
    """Add this room's commands."""
    room = commands.group("policy", "the signed repository of rulebooks (docs/policy.md)")
    taken = room.add(
        "import", _import, "check what people signed, and serve it from now on",
        "vonggac-collector policy import policy",
    )  # fmt: skip
    given = room.add(
        "export", _export, "put what is served into a folder, for `vonggac-rules repository` to go on with",
        "vonggac-collector policy export policy",
    )  # fmt: skip
    for command in (taken, given):
        command.add_argument("folder", type=Path, metavar="DIR", help="the repository's folder")
    taken.add_argument(
        "--anew", action="store_true",
        help="whatever was served or accepted before; machines that began with other roots have to be enrolled again",
    )  # fmt: skip
    shown = room.add(
        "show", _show, "what is served: versions, when they expire, the rulebooks they vouch for",
        "vonggac-collector policy show --json",
    )  # fmt: skip
    shown.add_argument("--json", action="store_true", help="for programs")
    key = room.add(
        "key", _key, "print the public part of the online key, for `vonggac-rules repository`",
        "vonggac-collector policy key > online.pub",
    )  # fmt: skip
    key.add_argument(
        "--next", action="store_true", help="of the key that is to follow it; in force once a root names it"
    )


def _import(args: argparse.Namespace) -> int:
    files = _read(args.folder / "metadata")
    with opened(args) as (settings, ledger):
        offline = policy.take(ledger, settings.state_dir, files, utc_now(), actor(), anew=args.anew)
    print(f"served: root {offline.root.version}, targets {offline.targets.version}")
    for digest in repository.digests_of(offline.targets):
        print(f"  rulebook {digest}")
    return GOOD


def _read(folder: Path) -> dict[str, bytes]:
    """Regular files of metadata by name; others are nobody's business. Raises Invalid, OSError."""
    found: dict[str, bytes] = {}
    for name in sorted(os.listdir(folder)):
        if not policy.NAME.fullmatch(name):
            continue
        if len(found) == MAX_FILES:
            raise Invalid(f"{folder}: more than {MAX_FILES} files")
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise Invalid(f"{folder / name}: is no regular file")
            found[name] = stream.read(MAX_METADATA_BYTES + 1)
    return found


def _export(args: argparse.Namespace) -> int:
    with opened(args) as (_, ledger):
        with ledger.read() as tx:
            files = {
                n: raw for n, raw in tx.policy.all().items() if n.endswith((".root.json", ".targets.json"))
            }
            published = [digest for digest, _ in tx.rulebooks.published(utc_now())]
        shelf = Shelf(ledger)
        for digest in published:
            files[f"../targets/{digest}.{repository.target_of(digest)}"] = shelf.raw(digest)
    (args.folder / "metadata").mkdir(parents=True)
    (args.folder / "targets").mkdir()
    for name, raw in files.items():
        (args.folder / "metadata" / name).write_bytes(raw)
    print(f"{counted(len(files), 'file')} in {args.folder}")
    return GOOD


def _show(args: argparse.Namespace) -> int:
    with opened(args) as (settings, ledger), ledger.read() as tx:
        files = tx.policy.all()
    refused = _refused(settings.state_dir, files)
    found: dict[str, Any] = {
        "served": bool(files),
        "refused": refused,
        "expires": {},
        "rulebooks": [],
        "own_keys": [],
    }
    if files:
        root = repository.read(repository.roots_of(files)[-1], Root).signed
        targets = repository.read(repository.newest_targets(files)[1], Targets).signed
        found |= {
            "root": root.version,
            "targets": targets.version,
            "expires": policy.expiries(files),
            "rulebooks": repository.digests_of(targets),
            "keys": {name: role.keyids for name, role in root.roles.items()},
            "own_keys": policy.own_keys(settings.state_dir),
        }
    if args.json:
        show_json(found)
        return GOOD
    if refused:
        print(f"NOBODY IS TOLD OF IT, and no machine is enrolled: {refused} (docs/policy.md)")
        return REFUSED
    if not files:
        print("there is no policy repository; machines take any rulebook that receipts name")
        return GOOD
    versions = {"root": found["root"], "targets": found["targets"]}
    rows = [(role, versions.get(role, ""), until) for role, until in found["expires"].items()]
    show_table(("role", "version", "until"), rows)
    for digest in found["rulebooks"]:
        print(f"rulebook {digest}")
    if found["own_keys"]:
        print(
            f"keys on this machine: {', '.join(found['own_keys'])}; whoever owns it can sign (docs/policy.md)"
        )
    return GOOD


def _refused(folder: Path, files: dict[str, bytes]) -> str:
    """Why this collector does not serve what the ledger has; "" if it does."""
    try:
        policy_roots.check(policy_roots.accepted(folder), repository.roots_of(files))
    except policy_roots.ForeignPolicy as e:
        return str(e)
    return ""


def _key(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    if args.next:
        key = make_key(settings.state_dir, policy.NEXT_KEY)
    else:
        key = load_key(settings.state_dir, policy.ONLINE_KEY)
    sys.stdout.write(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    return GOOD
