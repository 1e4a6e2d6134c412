"""`vonggac-rules repository`: people sign which rulebooks machines may be judged by, on a machine without a network.

A folder goes from one holder of a key to the next: `metadata/` is signed and in force, `targets/` has the rulebooks,
`draft/` waits for signatures. What is signed and by whom it holds is decided in `repository`; docs/policy.md has the
ceremony.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from tuf.api.metadata import Metadata, Root, Targets

from vonggac_contract.errors import ContractError

from . import proposal, repository
from . import signing_files as files
from .repository import MAX_METADATA_BYTES
from .rulebook import MAX_RULEBOOK_BYTES
from .trace import inert

GOOD, UNFINISHED = 0, 1
MIN_PASSPHRASE: Final = 12
"""Characters. The project's own; the key derivation behind an encrypted PEM is slow, but not that slow."""
MAX_DAYS: Final = 3650
"""Until what people sign expires. The project's own: longer than anybody who holds a key stays in their office."""
_LONGEST: Final = 80
"""Characters of an answer that are read."""
_ROLES: Final[tuple[type[Any], ...]] = (Root, Targets)


def add_commands(top: Any) -> None:
    """Declare `repository` and what is under it."""
    text = "Sign which rulebooks machines may be judged by: offline keys, TUF metadata."
    sub = top.add_parser("repository", help=text, description=text).add_subparsers(
        title="commands", required=True, metavar="COMMAND"
    )

    def command(name: str, run: Any, text: str, example: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = sub.add_parser(
            name, help=text, description=text, epilog=f"Example: vonggac-rules repository {example}"
        )
        made.set_defaults(run=run)
        return made

    key = command("key", _key, "Make a key of yours, encrypted, and its public part beside it.", "key an.pem")
    key.add_argument("file", type=Path, help="file to write; FILE.pub gets the public part")
    _passphrase(key)

    init = command(
        "init", _init, "Begin a repository: who signs the root and the targets, and the collector's online key.",
        "init policy --root an.pem.pub binh.pem.pub chi.pem.pub --targets an.pem.pub --online online.pub",
    )  # fmt: skip
    init.add_argument("folder", type=Path, metavar="DIR", help="a folder that is empty, or not there yet")
    init.add_argument(
        "--root", type=Path, nargs="+", required=True, metavar="PUB", help="public keys of the root"
    )
    init.add_argument(
        "--root-threshold", type=int, default=2, metavar="N", help="that have to sign it (default 2)"
    )
    init.add_argument(
        "--targets", type=Path, nargs="+", required=True, metavar="PUB", help="public keys of the targets"
    )
    init.add_argument(
        "--targets-threshold", type=int, default=1, metavar="N", help="that have to sign them (default 1)"
    )
    init.add_argument(
        "--online",
        type=Path,
        required=True,
        metavar="PUB",
        help="what `vonggac-collector policy key` printed",
    )
    _days(init)

    add = command(
        "add", _add, "Draft targets that vouch for these rulebooks as well.", "add policy rulebook.json"
    )
    add.add_argument("folder", type=Path, metavar="DIR", help="the repository")
    add.add_argument(
        "rulebook", type=Path, nargs="*", help="made by `vonggac-rules compile`; none: only renew"
    )
    add.add_argument("--drop", nargs="+", default=[], metavar="DIGEST", help="vouch for these no longer")
    _days(add)

    root = command(
        "root", _root, "Draft the next root: renewed, or with other keys.",
        "root policy --add dung.pem.pub --remove 4c2f…",
    )  # fmt: skip
    root.add_argument("folder", type=Path, metavar="DIR", help="the repository")
    for role in ("root", "targets"):
        flag = "" if role == "root" else "-targets"
        root.add_argument(
            f"--add{flag}", type=Path, nargs="+", default=[], metavar="PUB", help=f"keys of the {role}"
        )
        root.add_argument(
            f"--remove{flag}", nargs="+", default=[], metavar="KEYID", help=f"no longer keys of the {role}"
        )
        root.add_argument(f"--{role}-threshold", type=int, metavar="N", help=f"that have to sign the {role}")
    root.add_argument(
        "--online", type=Path, metavar="PUB", help="the collector's new online key, instead of the old"
    )
    _days(root)

    sign = command(
        "sign", _sign, "Show each draft that this key may sign, ask, and sign it.", "sign policy --key an.pem"
    )  # fmt: skip
    sign.add_argument("folder", type=Path, metavar="DIR", help="the repository")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="your private key")
    sign.add_argument("--yes", action="store_true", help="sign without being asked; what is signed is shown")
    _passphrase(sign)

    show = command(
        "show", _show, "What is in force, until when, and which drafts wait for whom; ends with 1 while one waits.",
        "show policy",
    )  # fmt: skip
    show.add_argument("folder", type=Path, metavar="DIR", help="the repository")
    show.add_argument("--json", action="store_true", help="as JSON")


def _passphrase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line (default: asked on the terminal)"
    )


def _days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=int, metavar="N", help="until it expires (default: root 1095, targets 365)"
    )


def _key(args: argparse.Namespace) -> int:
    key = Ed25519PrivateKey.generate()
    phrase = files.passphrase(args.passphrase_file, again=True)
    if len(phrase) < MIN_PASSPHRASE:
        raise ContractError("the passphrase is too short", hint=f"Give at least {MIN_PASSPHRASE} characters.")
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(phrase))
    files.write(args.file, secret, new=True)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    files.write(args.file.with_name(f"{args.file.name}.pub"), public, new=True)
    sys.stdout.write(f"{repository.key_of(key.public_key()).keyid}  {args.file}.pub\n")
    return GOOD


def _init(args: argparse.Namespace) -> int:
    if args.folder.exists() and any(args.folder.iterdir()):
        raise ContractError(f"{args.folder} is not empty", hint="Name a new folder.")
    now = _now()
    draft = repository.first_root(
        [files.public_key(p) for p in args.root], args.root_threshold, [files.public_key(p) for p in args.targets],
        args.targets_threshold, files.public_key(args.online), _expires(args, now, repository.ROOT_LASTS),
    )  # fmt: skip
    files.put_draft(args.folder, draft)
    files.put_draft(args.folder, Metadata(Targets(expires=_expires(args, now, repository.TARGETS_LASTS))))
    return _done(args.folder)


def _add(args: argparse.Namespace) -> int:
    draft = files.drafted(args.folder, Targets)
    if draft is None:
        before = repository.read(files.read(files.newest(args.folder, Targets), MAX_METADATA_BYTES), Targets)
        draft = repository.following(before, _now())
    draft.signatures.clear()
    draft.signed.expires = _expires(args, _now(), repository.TARGETS_LASTS)
    for digest in args.drop:
        if draft.signed.targets.pop(repository.target_of(digest), None) is None:
            raise ContractError(f"the targets do not vouch for {digest}", hint="`show` lists those they do.")
    for path in args.rulebook:
        raw = files.read(path, MAX_RULEBOOK_BYTES)
        digest = repository.vouch_for(draft.signed, raw)
        files.write(args.folder / "targets" / f"{digest}.{repository.target_of(digest)}", raw)
    files.put_draft(args.folder, draft)
    return _done(args.folder)


def _root(args: argparse.Namespace) -> int:
    roots = files.roots(args.folder)
    repository.checked_roots(roots)
    draft = repository.following(
        repository.read(roots[-1], Root), _expires(args, _now(), repository.ROOT_LASTS)
    )
    changes = (
        ("root", args.add, args.remove, args.root_threshold),
        ("targets", args.add_targets, args.remove_targets, args.targets_threshold),
    )
    for role, add, remove, threshold in changes:
        for path in add:
            draft.signed.add_key(files.public_key(path), role)
        for keyid in remove:
            draft.signed.revoke_key(_one_of(draft.signed.roles[role].keyids, keyid), role)
        if threshold is not None:
            draft.signed.roles[role].threshold = threshold
    if args.online is not None:
        for role in repository.ONLINE:
            for keyid in list(draft.signed.roles[role].keyids):
                draft.signed.revoke_key(keyid, role)
            draft.signed.add_key(files.public_key(args.online), role)
    repository.check_keys(draft.signed)
    files.put_draft(args.folder, draft)
    return _done(args.folder)


def _one_of(keyids: list[str], start: str) -> str:
    found = [keyid for keyid in keyids if keyid.startswith(start)]
    if len(found) != 1:
        raise ContractError(f"{len(found)} keys begin with {start}", hint="`show` lists them.")
    return found[0]


def _sign(args: argparse.Namespace) -> int:
    key = files.private_key(args.key, args.passphrase_file)
    keyid = repository.key_of(key.public_key()).keyid
    signed = False
    for kind in _ROLES:
        draft = files.drafted(args.folder, kind)
        if draft is None:
            continue
        if any(keyid in root.roles[kind.type].keyids for root in _asked(args.folder, draft).values()):
            _agree(args, draft)
            repository.sign(draft, key)
            files.put_draft(args.folder, draft)
            signed = True
        if signed and _is_signed(args.folder, draft):
            _take(args.folder, draft)
    if not signed:
        raise ContractError(f"no draft waits for key {keyid}", hint="`show` says whom each waits for.")
    return _done(args.folder)


def _agree(args: argparse.Namespace, draft: Metadata[Any]) -> None:
    """What is shown is what is signed: it is not read again. Raises ContractError for any answer but yes."""
    sys.stdout.writelines(f"{inert(line)}\n" for line in proposal.lines_of(args.folder, draft))
    if args.yes:
        return
    sys.stdout.write("sign this? (yes/no) ")
    sys.stdout.flush()
    if sys.stdin.readline(_LONGEST).strip() != "yes":
        raise ContractError(
            f"{draft.signed.type} version {draft.signed.version} was not signed",
            hint="Answer yes, or give --yes.",
        )


def _take(folder: Path, draft: Metadata[Any]) -> None:
    """Put a draft in force."""
    raw, kind = repository.to_bytes(draft), draft.signed.type
    if isinstance(draft.signed, Root):
        repository.checked_roots([*files.roots(folder), raw])
    files.write(folder / "metadata" / f"{draft.signed.version}.{kind}.json", raw)
    files.draft_path(folder, kind).unlink()


def _asked(folder: Path, draft: Metadata[Any]) -> dict[str, Root]:
    """Whose keys have to sign the draft: those of the root in force, and of a root its own as well."""
    roots = files.roots(folder)
    before = repository.checked_roots(roots) if roots else None
    if isinstance(draft.signed, Root):
        return {**({} if before is None else {"the root before": before}), "the new root": draft.signed}
    if before is None and (first := files.drafted(folder, Root)) is not None:
        before = first.signed
    return {} if before is None else {"the keys of the targets": before}


def _waits(folder: Path, draft: Metadata[Any]) -> list[dict[str, Any]]:
    """Of each side that has not signed yet, how many still have to, and who may."""
    sides = {
        by: root.get_verification_result(draft.signed.type, draft.signed_bytes, draft.signatures)
        for by, root in _asked(folder, draft).items()
    }
    return [
        {"by": by, "missing": r.missing, "may_sign": sorted(r.unsigned)}
        for by, r in sides.items()
        if r.missing
    ]


def _is_signed(folder: Path, draft: Metadata[Any]) -> bool:
    """By enough of everybody; the first root comes before any targets."""
    return not _waits(folder, draft) and (isinstance(draft.signed, Root) or bool(files.roots(folder)))


def _done(folder: Path) -> int:
    """What was asked is done; says what there is now."""
    sys.stdout.writelines(f"{inert(line)}\n" for line in _lines(described(folder, _now())))
    return GOOD


def _show(args: argparse.Namespace) -> int:
    found = described(args.folder, _now())
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        sys.stdout.writelines(f"{inert(line)}\n" for line in _lines(found))
    return UNFINISHED if found["drafts"] else GOOD


def described(folder: Path, now: datetime) -> dict[str, Any]:
    """What `show --json` prints. Raises BadRepository for what is there and does not verify."""
    found: dict[str, Any] = {"root": None, "targets": None, "rulebooks": [], "drafts": []}
    roots = files.roots(folder)
    if roots:
        root = repository.checked_roots(roots)
        found["root"] = {"version": root.version, "expires": root.expires, "expired": root.is_expired(now)}
        found["keys"] = {
            name: {"threshold": role.threshold, "keys": role.keyids} for name, role in root.roles.items()
        }
        newest = files.newest(folder, Targets)
        if newest.exists():
            targets = repository.read(files.read(newest, MAX_METADATA_BYTES), Targets).signed
            found["targets"] = {
                "version": targets.version, "expires": targets.expires, "expired": targets.is_expired(now)
            }  # fmt: skip
            found["rulebooks"] = repository.digests_of(targets)
    for kind in _ROLES:
        draft = files.drafted(folder, kind)
        if draft is not None:
            found["drafts"].append(
                {
                    "role": kind.type, "version": draft.signed.version, "expires": draft.signed.expires,
                    "waits": _waits(folder, draft),
                    **({"rulebooks": repository.digests_of(draft.signed)} if isinstance(draft.signed, Targets) else {}),
                }
            )  # fmt: skip
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    lines = []
    for role in ("root", "targets"):
        if (said := found[role]) is not None:
            over = ", EXPIRED" if said["expired"] else ""
            lines.append(f"{role} version {said['version']}, until {said['expires']:%Y-%m-%d}{over}")
    lines += [f"  rulebook {digest}" for digest in found["rulebooks"]]
    for role, said in found.get("keys", {}).items():
        lines.append(f"{role}: {said['threshold']} of {', '.join(k[:16] for k in said['keys'])}")
    for draft in found["drafts"]:
        left = "still to be signed" if draft["waits"] else "signed; waits for the root"
        lines.append(f"draft of {draft['role']} version {draft['version']}: {left}")
        for side in draft["waits"]:
            who = ", ".join(k[:16] for k in side["may_sign"])
            lines.append(f"  by {side['by']}: {side['missing']} of {who}")
        lines += [f"  rulebook {digest}" for digest in draft.get("rulebooks", [])]
    return lines


def _expires(args: argparse.Namespace, now: datetime, lasts: timedelta) -> datetime:
    """Raises ContractError for what would be over before it is signed, or that nobody is asked again in time for."""
    if args.days is None:
        return now + lasts
    if not 1 <= args.days <= MAX_DAYS:
        raise ContractError(
            f"--days {args.days} is not between 1 and {MAX_DAYS}", hint="Give another number."
        )
    return now + timedelta(days=args.days)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
