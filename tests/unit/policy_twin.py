"""A policy repository in memory, with its keys, that tests may sign anything with: it publishes, renews, rotates, lies.

`files` are what is served, by name. Its keys come from seeds, so a run is like the one before.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tuf.api.metadata import Key, Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from vonggac_contract.enrolment import PolicyRoot
from vonggac_rules import repository


def a_key(name: str) -> Ed25519PrivateKey:
    """The key of that name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> Key:
    """Its public part, as metadata names it."""
    return repository.key_of(a_key(name).public_key())


class Repository:
    """Two of three keys sign the root, one the targets, one is online."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.online = "online"
        self.root_keys = ["an", "binh", "chi"]
        self.files: dict[str, bytes] = {}
        self.rulebooks: dict[str, bytes] = {}
        keys = [public(name) for name in self.root_keys]
        later = now + timedelta(days=365)
        self.root = repository.first_root(keys, 2, [public("dung")], 1, public("online"), later)
        self.targets = Metadata(Targets(expires=later))
        self.sign_root("an", "binh")
        self.sign_targets()

    @property
    def pin(self) -> PolicyRoot:
        """Of the newest root."""
        version = self.root.signed.version
        return PolicyRoot(version, hashlib.sha256(self.files[f"{version}.root.json"]).hexdigest())

    def sign_root(self, *names: str) -> None:
        """Serve the root, signed by those alone."""
        self._signed(self.root, *names)

    def next_root(self) -> Root:
        """The root after, to be changed and signed."""
        self.root = repository.following(self.root, self.now + timedelta(days=365))
        return self.root.signed

    def sign_targets(self, *names: str) -> None:
        """Serve the targets, and what the online key says of them."""
        self._signed(self.targets, *(names or ("dung",)))
        self.renew()

    def publish(self, rulebook: bytes) -> str:
        """Vouch for one more; its digest."""
        self.targets = repository.following(self.targets, self.now + timedelta(days=365))
        digest = repository.vouch_for(self.targets.signed, rulebook)
        self.rulebooks[digest] = rulebook
        self.sign_targets()
        return digest

    def withdraw(self, digest: str) -> None:
        """Vouch for it no longer."""
        self.targets = repository.following(self.targets, self.now + timedelta(days=365))
        del self.targets.signed.targets[repository.target_of(digest)]
        self.sign_targets()

    def renew(self, **more: Any) -> None:
        """Snapshot and timestamp of one version more. `more`: what the timestamp or its file says instead."""
        raw = repository.to_bytes(self.targets)
        said = MetaFile(self.targets.signed.version, len(raw), {"sha256": hashlib.sha256(raw).hexdigest()})
        snapshot = Metadata(
            Snapshot(self._after(Snapshot), None, self._until(days=14), {"targets.json": said})
        )
        self._signed(snapshot, self.online)
        raw = repository.to_bytes(snapshot)
        meta = MetaFile(snapshot.signed.version, len(raw), {"sha256": hashlib.sha256(raw).hexdigest()})
        version = more.get("version", self._after(Timestamp))
        timestamp = Metadata(Timestamp(version, None, more.get("expires", self._until(days=2)), meta))
        self._signed(timestamp, self.online)

    def _until(self, days: int) -> datetime:
        return (self.now + timedelta(days=days)).replace(microsecond=0)

    def _after(self, kind: type[Any]) -> int:
        numbers = [
            Metadata[Any].from_bytes(raw).signed.version
            for name, raw in self.files.items()
            if name.endswith(f"{kind.type}.json")
        ]
        return max(numbers, default=0) + 1

    def _signed(self, metadata: Metadata[Any], *names: str) -> None:
        metadata.signatures.clear()
        for name in names:
            repository.sign(metadata, a_key(name))
        kind = metadata.signed.type
        name = "timestamp.json" if kind == "timestamp" else f"{metadata.signed.version}.{kind}.json"
        self.files[name] = repository.to_bytes(metadata)

    def answer(self, path: str) -> bytes | None:
        """What is served under `/agent/v1/policy/`."""
        place, _, name = path.removeprefix("/agent/v1/policy/").partition("/")
        if place == "metadata":
            return self.files.get(name)
        return self.rulebooks.get(name.partition(".")[0]) if place == "targets" else None
