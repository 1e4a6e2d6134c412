"""The policy repository: TUF metadata by which machines know the rulebooks that they may be judged by (adr/0017).

Bytes and keys in, bytes and values out; python-tuf does the format. Files and people are the work of `ceremony`,
serving of the collector, deciding whether to follow of the agent. Names are those of TUF's consistent snapshots
(specification, section 6.2): `N.root.json`, `N.targets.json`, `N.snapshot.json`, `timestamp.json`. The target of a
rulebook is called by its SHA-256, so a receipt's word needs no other table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, Key, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from vonggac_contract.decode import bounded_json
from vonggac_contract.limits import KIB

from .errors import BadRepository
from .rulebook import load_rulebook

ROOT_LASTS: Final = timedelta(days=3 * 365)
TARGETS_LASTS: Final = timedelta(days=365)
SNAPSHOT_LASTS: Final = timedelta(days=14)
TIMESTAMP_LASTS: Final = timedelta(days=2)
"""How long a signature holds. The project's own: people sign the first two, the collector the others by itself."""
MAX_METADATA_BYTES: Final = 256 * KIB
"""Of one file: hundreds of rulebooks, or of keys."""
ONLINE: Final = ("snapshot", "timestamp")
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TARGETS: Final = re.compile(r"[1-9]\d{0,8}\.targets\.json")
_S = TypeVar("_S", Root, Targets, Snapshot, Timestamp)


class Offline(NamedTuple):
    """What people signed, verified: the newest root and targets, and the bytes of the targets."""

    root: Root
    targets: Targets
    targets_raw: bytes


def target_of(digest: str) -> str:
    """The target's name of the rulebook with that digest."""
    return f"{digest}.json"


def digests_of(targets: Targets) -> list[str]:
    """Of the rulebooks that the targets vouch for, in order of names."""
    return sorted(name.removesuffix(".json") for name in targets.targets)


def key_of(public: Ed25519PublicKey) -> SSlibKey:
    """As metadata names it; its id is the SHA-256 of its canonical form (specification, section 4.2)."""
    return SSlibKey.from_crypto(public)


def first_root(
    root: Sequence[Key],
    threshold: int,
    targets: Sequence[Key],
    of_targets: int,
    online: Key,
    expires: datetime,
) -> Metadata[Root]:
    """Not signed yet. `threshold`: how many of the root keys have to sign a root; `of_targets`: likewise."""
    made = Root(expires=expires, consistent_snapshot=True)
    for role, keys, number in (
        ("root", root, threshold),
        ("targets", targets, of_targets),
        *((role, [online], 1) for role in ONLINE),
    ):
        for key in keys:
            made.add_key(key, role)
        made.roles[role].threshold = number
    check_keys(made)
    return Metadata(made)


def version_after(before: int, now: datetime) -> int:
    """The next version that a collector signs: the minute of it, so that one set back to a backup repeats none."""
    return max(before + 1, int((now - _BEGAN) / timedelta(minutes=1)))


def following(before: Metadata[_S], expires: datetime) -> Metadata[_S]:
    """The version after, to be changed and signed."""
    made: Metadata[_S] = Metadata.from_bytes(to_bytes(before))
    made.signatures.clear()
    made.signed.version += 1
    made.signed.expires = expires.replace(microsecond=0)
    return made


def vouch_for(targets: Targets, rulebook: bytes) -> str:
    """Add the rulebook; returns its digest. Raises what `load_rulebook` raises."""
    digest = load_rulebook(rulebook).digest
    targets.targets[target_of(digest)] = TargetFile.from_data(target_of(digest), rulebook, ["sha256"])
    return digest


def sign(metadata: Metadata[_S], key: Ed25519PrivateKey) -> None:
    """Add the key's signature."""
    metadata.sign(CryptoSigner(key), append=True)


def to_bytes(metadata: Metadata[_S]) -> bytes:
    """As it is served."""
    return metadata.to_bytes(JSONSerializer(compact=True))


def read(raw: bytes, kind: type[_S]) -> Metadata[_S]:
    """Metadata of that kind, not verified. Raises BadRepository, TooLarge, Malformed."""
    bounded_json(raw, maximum=MAX_METADATA_BYTES)
    try:
        metadata: Metadata[_S] = Metadata.from_bytes(raw)
        _ = metadata.signed_bytes  # a fraction has no canonical form, so nothing of it could be signed
    except RepositoryError as e:
        raise BadRepository(f"no metadata: {e.__cause__ or e}") from e
    if not isinstance(metadata.signed, kind):
        raise BadRepository(f"{metadata.signed.type} metadata in the place of {kind.type}")
    return metadata


def checked_roots(raws: Sequence[bytes]) -> Root:
    """The newest of all roots from the first on, each verified by the one before and by itself.

    Raises BadRepository, TooLarge, Malformed.
    """
    before: Root | None = None
    for number, raw in enumerate(raws, 1):
        metadata = read(raw, Root)
        root = metadata.signed
        if root.version != number:
            raise BadRepository(f"root {number} says that it is version {root.version}")
        if not root.get_root_verification_result(before, metadata.signed_bytes, metadata.signatures):
            raise BadRepository(f"root {number} is not signed by enough of its keys and of those before")
        check_keys(root)
        before = root
    if before is None:
        raise BadRepository("there is no root")
    return before


def checked_offline(roots: Sequence[bytes], targets_raw: bytes, now: datetime) -> Offline:
    """What people signed. Raises BadRepository for what does not verify or is over, TooLarge, Malformed."""
    root = checked_roots(roots)
    metadata = read(targets_raw, Targets)
    try:
        root.verify_delegate("targets", metadata.signed_bytes, metadata.signatures)
    except RepositoryError as e:
        raise BadRepository(str(e)) from e
    targets = metadata.signed
    for signed in (root, targets):
        if signed.is_expired(now):
            raise BadRepository(f"the {signed.type} expired at {signed.expires.isoformat()}")
    if targets.delegations is not None:
        raise BadRepository("the targets delegate to others, whom no machine follows")
    for name, target in targets.targets.items():
        if name != target_of(target.hashes.get("sha256", "")):
            raise BadRepository(f"target {name[:80]!r} is not called by its SHA-256")
    return Offline(root, targets, targets_raw)


def roots_of(files: Mapping[str, bytes]) -> list[bytes]:
    """All roots, from the first on."""
    found: list[bytes] = []
    while (raw := files.get(f"{len(found) + 1}.root.json")) is not None:
        found.append(raw)
    return found


def newest_targets(files: Mapping[str, bytes]) -> tuple[int, bytes]:
    """Version and bytes of the newest targets. Raises BadRepository if there are none."""
    versions = [int(n.partition(".")[0]) for n in files if _TARGETS.fullmatch(n)]
    if not versions:
        raise BadRepository("there are no targets")
    return max(versions), files[f"{max(versions)}.targets.json"]


def vouches(files: Mapping[str, bytes], digest: str) -> bool:
    """Whether the targets vouch for the rulebook; everything is vouched for where there is no repository."""
    return not files or digest in digests_of(read(newest_targets(files)[1], Targets).signed)


def check_keys(root: Root) -> None:
    """Each key is Ed25519 under the id that follows from it, so that none counts twice; thresholds can be met."""
    for keyid, key in root.keys.items():
        if key.keytype != "ed25519" or key.scheme != "ed25519":
            raise BadRepository(f"key {keyid[:16]} is no Ed25519 key")
        try:
            own = key_of(Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"])))
        except (KeyError, TypeError, ValueError) as e:
            raise BadRepository(f"key {keyid[:16]} holds no Ed25519 key") from e
        if keyid != own.keyid:
            raise BadRepository(f"key {keyid[:16]} is under an id that is not its own")
    for name, role in root.roles.items():
        if len(role.keyids) < role.threshold:
            raise BadRepository(
                f"{role.threshold} keys have to sign the {name}, and it names {len(role.keyids)}"
            )
    apart = {*root.roles["root"].keyids, *root.roles["targets"].keyids}
    if apart & {*root.roles["snapshot"].keyids, *root.roles["timestamp"].keyids}:
        raise BadRepository("the collector's online key is also one of root or targets")


def sign_online(
    offline: Offline,
    held: Mapping[str, bytes],
    key: Ed25519PrivateKey,
    now: datetime,
    *,
    again: bool = False,
) -> dict[str, bytes]:
    """The snapshot and timestamp that are due, by name; nothing if those of `held` say it and last long enough.

    A snapshot is due when the targets or the keys changed, both when half their time is over. `again`: both are.
    Raises BadRepository if the root names another online key.
    """
    if key_of(key.public_key()).keyid not in offline.root.roles["timestamp"].keyids:
        raise BadRepository("the root names another online key than the collector's")
    timestamp = _newest(held, "timestamp.json", Timestamp)
    snapshot = (
        None if timestamp is None
        else _newest(held, f"{timestamp.signed.snapshot_meta.version}.snapshot.json", Snapshot)
    )  # fmt: skip
    said = MetaFile(
        offline.targets.version,
        len(offline.targets_raw),
        {"sha256": hashlib.sha256(offline.targets_raw).hexdigest()},
    )
    made: dict[str, bytes] = {}
    if (
        again
        or snapshot is None
        or snapshot.signed.meta != {"targets.json": said}
        or _is_due(snapshot, offline.root, now, SNAPSHOT_LASTS)
    ):
        version = version_after(0 if snapshot is None else snapshot.signed.version, now)
        snapshot = Metadata(Snapshot(version, None, now + SNAPSHOT_LASTS, {"targets.json": said}))
        sign(snapshot, key)
        made[f"{version}.snapshot.json"] = to_bytes(snapshot)
    if made or timestamp is None or _is_due(timestamp, offline.root, now, TIMESTAMP_LASTS):
        raw = to_bytes(snapshot)
        meta = MetaFile(snapshot.signed.version, len(raw), {"sha256": hashlib.sha256(raw).hexdigest()})
        version = version_after(0 if timestamp is None else timestamp.signed.version, now)
        fresh = Metadata(Timestamp(version, None, now + TIMESTAMP_LASTS, meta))
        sign(fresh, key)
        made["timestamp.json"] = to_bytes(fresh)
    return made


def _newest(held: Mapping[str, bytes], name: str, kind: type[_S]) -> Metadata[_S] | None:
    return read(held[name], kind) if name in held else None


def _is_due(metadata: Metadata[_S], root: Root, now: datetime, lasts: timedelta) -> bool:
    """Whether it is to be signed again: half its time is over, or the root names another key."""
    if metadata.signed.expires - now < lasts / 2:
        return True
    return not root.get_verification_result(metadata.signed.type, metadata.signed_bytes, metadata.signatures)
