"""The collector's keys for boxes: each in a file of the state folder, readable by nobody else, beside the signing key.

The newest is the one that machines are told of; the others go on opening what was closed for them, until somebody
deletes their files. One that is lost costs nothing but another export: machines keep everything until a receipt comes.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac_contract.box import SEED_BYTES, BoxKey, keyid_of_box
from vonggac_contract.envelope import envelope_to_bytes
from vonggac_contract.errors import BadBox, ContractError
from vonggac_contract.media import SCHEMA, BoxKeyNotice, seal_box_key

from .errors import SettingsError
from .state import alone_in, read_secret, replace_secret

_PATTERN: Final = "box-*.key"


class Dated(NamedTuple):
    """A key, and when it was made."""

    made_at: datetime
    key: BoxKey


class Boxes:
    """All keys of one state folder, the newest last."""

    def __init__(self, keys: list[Dated]) -> None:
        self._newest = keys[-1]
        self._by_id = {dated.key.keyid: dated.key for dated in keys}

    def open(self, box: bytes) -> bytes:
        """What is in a box. Raises TooLarge, Malformed, BadBox."""
        keyid = keyid_of_box(box)
        key = self._by_id.get(keyid)
        if key is None:
            raise BadBox(f"the box is for key {keyid[:16]}…, which is not here")
        return key.open(box)

    def notice(self, signing: Ed25519PrivateKey) -> bytes:
        """What machines are told of the newest key: an envelope."""
        said = BoxKeyNotice(SCHEMA, self._newest.made_at, self._newest.key.public)
        return envelope_to_bytes(seal_box_key(said, signing))

    @property
    def keyid(self) -> str:
        """The newest key's."""
        return self._newest.key.keyid


def open_boxes(folder: Path, now: datetime) -> Boxes:
    """The keys in that folder; if there is none yet, the first is made. Raises SettingsError, OSError."""
    keys = _keys(folder)
    if not keys:
        with alone_in(folder, lambda: None):
            make_first(folder, now)
        keys = _keys(folder)
    return Boxes(keys)


def make_first(folder: Path, now: datetime) -> None:
    """Make a key, unless there is one. For who is alone in the folder. Raises SettingsError, OSError."""
    if not _keys(folder):
        _make(folder, now)


def make_next(folder: Path, now: datetime) -> Boxes:
    """Make another key, which is the newest whatever the clock says. Raises SettingsError, OSError."""
    with alone_in(folder, lambda: None):
        keys = _keys(folder)
        _make(folder, max(now, keys[-1].made_at + timedelta(seconds=1)) if keys else now)
    return Boxes(_keys(folder))


def _make(folder: Path, now: datetime) -> None:
    seed = secrets.token_bytes(SEED_BYTES)
    path = folder / f"box-{BoxKey(seed).keyid[:16]}.key"
    replace_secret(path, f"{now.astimezone(UTC).isoformat()} {seed.hex()}\n".encode())


def _keys(folder: Path) -> list[Dated]:
    found = []
    for path in folder.glob(_PATTERN):
        at, _, seed = read_secret(path).partition(" ")
        try:
            found.append(Dated(datetime.fromisoformat(at).astimezone(UTC), BoxKey(bytes.fromhex(seed))))
        except (ValueError, ContractError):
            raise SettingsError(
                f"{path}: holds no key for boxes; take it away, and another is made"
            ) from None
    return sorted(found, key=lambda dated: (dated.made_at, dated.key.keyid))
