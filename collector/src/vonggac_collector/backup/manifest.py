"""What a backup is: a folder with a manifest that names every file by size and SHA-256, signed by the collector's key.

    vonggac-20261126T090411Z/
        manifest.json   what is here, of which schema, and where the audit log ended
        manifest.sig    Ed25519 over the manifest's bytes (DSSE's pre-authentication encoding, `TYPE`), hexadecimal
        ledger.db       the ledger on SQLite, or
        ledger.dump     the ledger on PostgreSQL (pg_dump --format=custom)
        collector.key   the signing key, encrypted; only if a passphrase was given

No path ever comes from a manifest: files have the names above. Making one is left to `making`, bringing it back to
`restoring`.
"""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_collector.errors import BackupDamaged
from vonggac_contract.decode import decode_as
from vonggac_contract.envelope import (
    SIGNATURE_BYTES,
    Envelope,
    Signature,
    keyid_of,
    pre_authentication_encoding,
    verify,
)
from vonggac_contract.errors import ContractError

FORMAT: Final = 1
TYPE: Final = "application/vnd.vonggac.backup.v1+json"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
KEY: Final = "collector.key"
LEDGERS: Final = {"sqlite": "ledger.db", "postgresql": "ledger.dump"}
MAX_MANIFEST_BYTES: Final = 256 * 1024
"""The project's own figure; one is some 3 kB."""
_READ_BYTES: Final = 1 << 20

Database = Literal["sqlite", "postgresql"]


class Kept(msgspec.Struct, frozen=True):
    """One file: its size in bytes and its SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What was saved. `schema`: the ledger's revision; `rows`: how many each table had; `audit_number`, `audit_hash`:
    the audit log's newest row; `settings`: as `vonggac-collector settings` shows them, which holds no secret.
    """

    format: int
    product: str
    made_at: datetime
    database: Database
    server: str
    schema: str
    namespace: str
    collector_keyid: str
    rows: dict[str, int]
    audit_number: int
    audit_hash: str
    settings: dict[str, str]
    files: list[Kept]

    @property
    def ledger(self) -> str:
        """The name of the ledger's file."""
        return LEDGERS[self.database]

    @property
    def has_key(self) -> bool:
        """Whether the signing key is in it, encrypted."""
        return any(f.name == KEY for f in self.files)


def weigh(path: Path) -> Kept:
    """Read the file through. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return Kept(path.name, size, digest.hexdigest())


def sync(path: Path) -> None:
    """What was written to a file or folder is on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def encoded(manifest: Manifest) -> bytes:
    """The bytes that are signed: JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def signature(raw: bytes, key: Ed25519PrivateKey) -> bytes:
    """What stands beside the manifest."""
    return key.sign(pre_authentication_encoding(TYPE, raw)).hex().encode() + b"\n"


def read_manifest(folder: Path, public_key: bytes | None) -> Manifest:
    """The backup's manifest, its signature checked before it is decoded; None: there is no key to check it by.

    Raises BackupDamaged, OSError.
    """
    raw = _bounded(folder / MANIFEST, MAX_MANIFEST_BYTES)
    if public_key is not None:
        _check_signature(folder, raw, public_key)
    try:
        manifest = decode_as(raw, Manifest, maximum=MAX_MANIFEST_BYTES)
    except ContractError as e:
        raise BackupDamaged(f"{folder / MANIFEST}: {e}") from e
    if manifest.format != FORMAT:
        raise BackupDamaged(f"{folder}: format {manifest.format}; this release reads {FORMAT}")
    names = sorted(f.name for f in manifest.files)
    if manifest.made_at.tzinfo is None or names not in ([manifest.ledger], sorted([manifest.ledger, KEY])):
        raise BackupDamaged(f"{folder / MANIFEST}: it names other files than a backup has")
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file through and compare. Raises BackupDamaged naming the first that is not as it was, OSError."""
    for wanted in manifest.files:
        path = folder / wanted.name
        if path.is_symlink() or not path.is_file():
            raise BackupDamaged(f"{path}: is missing")
        if path.stat().st_size != wanted.size or weigh(path) != wanted:
            raise BackupDamaged(f"{path}: is not what was saved (size or SHA-256 differ)")


def _check_signature(folder: Path, raw: bytes, public_key: bytes) -> None:
    written = _bounded(folder / SIGNATURE, 4 * SIGNATURE_BYTES)
    try:
        made = Signature(keyid_of(public_key), bytes.fromhex(written.decode("ascii").strip()))
        verify(Envelope(raw, TYPE, (made,)), public_key)
    except (ValueError, ContractError) as e:
        raise BackupDamaged(f"{folder / SIGNATURE}: not signed by the collector's key here") from e


def _bounded(path: Path, most: int) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise BackupDamaged(f"{path}: is missing")
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise BackupDamaged(f"{path}: larger than {most} bytes")
    return raw
