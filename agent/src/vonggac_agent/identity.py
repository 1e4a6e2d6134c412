"""Who this machine is to its collector: the key that was made here and what the collector answered to it.

The key never leaves the state folder. Asking the collector is the work of `enrol`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from vonggac_contract.decode import decode_as
from vonggac_contract.enrolment import Enrolled
from vonggac_contract.envelope import keyid_of
from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB, MIB
from vonggac_contract.report import Digest

from .errors import NotEnrolled, StateDamaged
from .safety import sync_folder, write_whole

FILE: Final = "identity.json"
SCHEMA: Final = 1
_KEY_PREFIX: Final = "key-"
_KEY_SUFFIX: Final = ".pem"
MAX_CA_BYTES: Final = 1 * MIB


class Identity(msgspec.Struct, frozen=True):
    """What an enrolment left: the collector's address and answer, and the CA that vouches for its TLS.

    `ca` holds PEM text, "" for the system's own trust store. `keyid` names the key file.
    """

    schema: int
    collector: str
    ca: str
    keyid: Digest
    enrolled: Enrolled


def read_identity(folder: Path) -> Identity:
    """Raises NotEnrolled, StateDamaged."""
    path = folder / FILE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise NotEnrolled("no identity in {folder}", folder=folder) from None
    try:
        identity = decode_as(raw, Identity, maximum=2 * MIB)
    except ContractError as error:
        raise StateDamaged("{path}: {error}", path=path, error=error) from error
    if identity.schema != SCHEMA:
        raise StateDamaged(
            "{path} has schema {schema}; this release reads {known}",
            hint="Install the newer release again.",
            path=path,
            schema=identity.schema,
            known=SCHEMA,
        )
    return identity


def write_identity(folder: Path, identity: Identity) -> None:
    """Make `identity` the one in force, at once, and forget every other key."""
    write_whole(folder / FILE, msgspec.json.encode(identity))
    for path in _key_files(folder):
        if path != _key_path(folder, identity.keyid):
            path.unlink()
    sync_folder(folder)


def read_key(folder: Path, keyid: str) -> Ed25519PrivateKey:
    """The private key of this id. Raises StateDamaged if it is missing or another one."""
    path = _key_path(folder, keyid)
    try:
        key = load_pem_private_key(path.read_bytes()[: 4 * KIB], password=None)
    except FileNotFoundError:
        raise StateDamaged("the key {path} is missing", path=path) from None
    except ValueError as error:
        raise StateDamaged("{path} holds no private key", path=path) from error
    if not isinstance(key, Ed25519PrivateKey) or keyid_of(key.public_key().public_bytes_raw()) != keyid:
        raise StateDamaged("{path} holds another key than its name says", path=path)
    return key


def key_for_enrolment(folder: Path, in_force: str | None) -> Ed25519PrivateKey:
    """A key to enrol with: the one an unfinished enrolment left, so that asking again is the same; or a new one.

    `in_force`: the key id of the enrolment that is to be replaced, whose key is never taken again nor touched here.
    """
    for path in _key_files(folder):
        keyid = path.name.removeprefix(_KEY_PREFIX).removesuffix(_KEY_SUFFIX)
        if keyid != in_force:
            return read_key(folder, keyid)
    key = Ed25519PrivateKey.generate()
    path = _key_path(folder, keyid_of(key.public_key().public_bytes_raw()))
    write_whole(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def _key_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_KEY_PREFIX}*{_KEY_SUFFIX}"))


def _key_path(folder: Path, keyid: str) -> Path:
    return folder / f"{_KEY_PREFIX}{keyid}{_KEY_SUFFIX}"
