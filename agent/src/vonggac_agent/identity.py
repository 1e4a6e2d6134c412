"""Who this machine is to its collector: the key that was made here and what the collector answered to it.

The key never leaves the state folder, where it is its owner's alone and may be sealed besides (`sealing`). Asking the
collector is the work of `enrol`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime
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

from .errors import CannotSeal, NotEnrolled, StateDamaged
from .failpoints import Failpoint, reach
from .safety import sync_folder, write_whole
from .seal import Chain

FILE: Final = "identity.json"
SCHEMA: Final = 1
_KEY_PREFIX: Final = "key-"
_KEY_SUFFIX: Final = ".pem"
_SEALED_SUFFIX: Final = ".sealed"
MAX_CA_BYTES: Final = 1 * MIB


class Identity(msgspec.Struct, frozen=True):
    """What an enrolment left: the collector's address and answer, and the CA that vouches for its TLS.

    `ca` holds PEM text, "" for the system's own trust store. `keyid` names the key file. `key_since`: by this machine's
    clock; None if an earlier release enrolled it.
    """

    schema: int
    collector: str
    ca: str
    keyid: Digest
    enrolled: Enrolled
    key_since: datetime | None = None

    @property
    def chain(self) -> Chain:
        """The chain that this machine numbers now."""
        return Chain(self.enrolled.agent_id, self.enrolled.epoch)


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


def in_force(folder: Path) -> str | None:
    """The id of the key in force; None if this machine is not enrolled. Raises StateDamaged."""
    with contextlib.suppress(NotEnrolled):
        return read_identity(folder).keyid
    return None


def write_identity(folder: Path, identity: Identity) -> None:
    """Make `identity` the one in force, at once, and forget every other key."""
    write_whole(folder / FILE, msgspec.json.encode(identity))
    reach(Failpoint.TURNED)
    forget_others(folder, identity.keyid)


def forget_others(folder: Path, keyid: str) -> None:
    """Forget every key but this one."""
    _forget(folder, (path for path in _key_files(folder) if _keyid_of(path) != keyid))


def read_key(folder: Path, keyid: str) -> Ed25519PrivateKey:
    """The private key of this id. Raises StateDamaged if it is missing or another one, CannotSeal."""
    path = _key_path(folder, keyid)
    try:
        key = load_pem_private_key(_read_pem(path)[: 4 * KIB], password=None)
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
        if _keyid_of(path) != in_force:
            return read_key(folder, _keyid_of(path))
    return new_key(folder, in_force)


def new_key(folder: Path, in_force: str | None) -> Ed25519PrivateKey:
    """Another key, kept beside the one in force, sealed if that one is. Raises CannotSeal."""
    key = Ed25519PrivateKey.generate()
    path = _key_path(folder, keyid_of(key.public_key().public_bytes_raw()))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if in_force is not None and is_sealed(folder, in_force):
        _write_sealed(path, pem)
    else:
        write_whole(path, pem)
    return key


def is_sealed(folder: Path, keyid: str) -> bool:
    """Whether the key of this id is kept sealed, and not plain beside it."""
    path = _key_path(folder, keyid)
    return not path.exists() and path.with_suffix(_SEALED_SUFFIX).exists()


def seal_key(folder: Path, keyid: str) -> None:
    """Keep the key sealed. That it can be read again is tried before the plain one goes; one of both is always there.

    Raises StateDamaged, CannotSeal.
    """
    read_key(folder, keyid)
    path = _key_path(folder, keyid)
    if path.exists():
        _write_sealed(path, path.read_bytes())
        path.unlink()
        sync_folder(folder)


def unseal_key(folder: Path, keyid: str) -> None:
    """Keep the key plain. Raises StateDamaged, CannotSeal."""
    read_key(folder, keyid)
    path = _key_path(folder, keyid)
    write_whole(path, _read_pem(path))
    path.with_suffix(_SEALED_SUFFIX).unlink(missing_ok=True)
    sync_folder(folder)


def has_key(folder: Path, keyid: str) -> bool:
    """Whether the key's file is there."""
    return any(_keyid_of(path) == keyid for path in _key_files(folder))


def drop_key(folder: Path, keyid: str) -> None:
    """Forget a key that is in force nowhere."""
    _forget(folder, (path for path in _key_files(folder) if _keyid_of(path) == keyid))


def _forget(folder: Path, paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()
    sync_folder(folder)


def _read_pem(path: Path) -> bytes:
    """The key as PEM: of the plain file, if there is one, else of the sealed one."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        sealed = path.with_suffix(_SEALED_SUFFIX).read_bytes()
    from .sealing import unseal  # not needed where nothing is sealed

    return unseal(sealed, path.stem)


def _write_sealed(path: Path, pem: bytes) -> None:
    from .sealing import seal, unseal

    sealed = seal(pem, path.stem)
    if unseal(sealed, path.stem) != pem:
        raise CannotSeal("the key could not be read again after it was sealed")
    write_whole(path.with_suffix(_SEALED_SUFFIX), sealed)


def _key_files(folder: Path) -> list[Path]:
    """Plain and sealed."""
    return sorted(p for p in folder.glob(f"{_KEY_PREFIX}*") if p.suffix in (_KEY_SUFFIX, _SEALED_SUFFIX))


def _keyid_of(path: Path) -> str:
    return path.stem.removeprefix(_KEY_PREFIX)


def _key_path(folder: Path, keyid: str) -> Path:
    return folder / f"{_KEY_PREFIX}{keyid}{_KEY_SUFFIX}"
