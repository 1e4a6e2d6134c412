"""The state folder: the collector's keys, readable by nobody else."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from .errors import SettingsError

KEY_FILE: Final = "collector.key"
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
MAX_SECRET_BYTES: Final = 4_096
"""The project's own figure; the longest are API keys."""


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in place of one that may be there: whole or not at all, and on the
    disk when it returns.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    write_secret(fresh, content)
    os.replace(fresh, path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_secret(path: Path) -> str:
    """The one line of a file that only its owner may read. Raises SettingsError, which never shows what it holds."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as e:
        raise SettingsError(f"{path}: {e.strerror}; is the path right, and may this user read it?") from e
    if mode & _OTHERS:
        raise SettingsError(f"{path}: others may read it; run `chmod 600` on it")
    if len(content) > MAX_SECRET_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_SECRET_BYTES} bytes")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is no text") from None


@contextmanager
def alone_in(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """One process at a time in the block; the folder is made. `waiting`: called before waiting for another one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_state(folder: Path) -> bool:
    """Make the folder and the key, unless they are there; says whether the key is new."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / KEY_FILE).exists():
        return False
    make_key(folder, KEY_FILE)
    return True


def make_key(folder: Path, name: str) -> Ed25519PrivateKey:
    """The key of that name, made unless it is there. Raises as `load_key`."""
    if not (folder / name).exists():
        key = Ed25519PrivateKey.generate()
        write_secret(folder / name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return load_key(folder, name)


def load_key(folder: Path, name: str = KEY_FILE) -> Ed25519PrivateKey:
    """The collector's key, or the one of that name.

    Raises SettingsError if it is missing, readable by others, in a folder where others can put another in its place, or
    no Ed25519 key.
    """
    path = folder / name
    try:
        mode, around = path.stat().st_mode, folder.stat().st_mode
        content = path.read_bytes()
    except OSError as e:
        raise SettingsError(f"{path}: {e.strerror}; run `vonggac-collector init` first") from e
    if mode & _OTHERS:
        raise SettingsError(f"{path}: others may read the key; run `chmod 600` on it")
    if around & _OTHERS_WRITE:
        raise SettingsError(f"{folder}: others may put another key and ledger there; run `chmod 700` on it")
    try:
        key = load_pem_private_key(content, password=None)
    except ValueError as e:
        raise SettingsError(f"{path}: holds no key that can be read") from e
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{path}: holds no Ed25519 key")
    return key
