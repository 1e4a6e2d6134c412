"""Files of a repository that goes from one holder of a key to the next, and of their keys. Used by `ceremony`."""

from __future__ import annotations

import getpass
import os
import stat
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from tuf.api.metadata import Key, Metadata

from vonggac_contract.errors import ContractError
from vonggac_contract.limits import KIB

from . import repository
from .errors import BadRepository
from .repository import MAX_METADATA_BYTES

MAX_KEY_BYTES: Final = 4 * KIB


def roots(folder: Path) -> list[bytes]:
    """From the first on, as far as they go on."""
    found: list[bytes] = []
    while (path := folder / "metadata" / f"{len(found) + 1}.root.json").exists():
        found.append(read(path, MAX_METADATA_BYTES))
    return found


def newest(folder: Path, kind: type[Any]) -> Path:
    """The file of the highest version; that of version 1 if there is none."""
    numbers = [p.name.split(".")[0] for p in (folder / "metadata").glob(f"*.{kind.type}.json")]
    highest = max((int(n) for n in numbers if n.isdecimal()), default=1)
    return folder / "metadata" / f"{highest}.{kind.type}.json"


def draft_path(folder: Path, kind: str) -> Path:
    """Where what is not signed by enough lies."""
    return folder / "draft" / f"{kind}.json"


def drafted(folder: Path, kind: type[Any]) -> Metadata[Any] | None:
    """The draft of that kind, if there is one. Raises BadRepository, TooLarge, Malformed."""
    path = draft_path(folder, kind.type)
    return repository.read(read(path, MAX_METADATA_BYTES), kind) if path.exists() else None


def put_draft(folder: Path, metadata: Metadata[Any]) -> None:
    """In place of the draft of its kind."""
    write(draft_path(folder, metadata.signed.type), repository.to_bytes(metadata))


def public_key(path: Path) -> Key:
    """The key in a PEM file. Raises ContractError, OSError."""
    try:
        key = load_pem_public_key(read(path, MAX_KEY_BYTES))
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ContractError(f"{path} holds no Ed25519 public key", hint="Name a .pub file.")
    return repository.key_of(key)


def private_key(path: Path, passphrase_file: Path | None) -> Ed25519PrivateKey:
    """The key in a PEM file, whose passphrase is asked for if it has one. Raises ContractError, OSError."""
    raw = read(path, MAX_KEY_BYTES)
    phrase = passphrase(passphrase_file) if b"ENCRYPTED" in raw else None
    try:
        key = load_pem_private_key(raw, phrase)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ContractError(f"{path} holds no key, or has another passphrase", hint="Try again.")
    return key


def passphrase(path: Path | None, *, again: bool = False) -> bytes:
    """The first line of a file that only its owner may read; without one from the terminal. Raises ContractError."""
    if path is not None:
        with path.open("rb") as stream:
            if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                raise ContractError(f"others may read {path}", hint=f"Run: chmod 600 {path}")
            return stream.read(KIB).splitlines()[0] if path.stat().st_size else b""
    phrase = getpass.getpass("passphrase: ")
    if again and getpass.getpass("the same again: ") != phrase:
        raise ContractError("the two are not the same", hint="Try again.")
    return phrase.encode()


def read(path: Path, maximum: int) -> bytes:
    """The file, of at most so many bytes. Raises BadRepository, OSError."""
    with path.open("rb") as stream:
        raw = stream.read(maximum + 1)
    if len(raw) > maximum:
        raise BadRepository(f"{path} has over {maximum} bytes")
    return raw


def write(path: Path, content: bytes, *, new: bool = False) -> None:
    """Whole or not at all; of mode 0600 if it is `new`, which replaces nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path if new else path.with_name(f".{path.name}.new")
    if not new:
        target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if new else 0o644)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    target.replace(path)
