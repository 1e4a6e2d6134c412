"""Notes in the state folder: where a look that did not get to its end in one go leaves off."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vonggac_contract.limits import MIB

from .log import log
from .safety import write_whole

MAX_BYTES: Final = 4 * MIB
"""The walk's, the largest, holds 1,800 paths of 400 characters, each of up to six bytes in JSON."""


class Notes:
    """One note by name. A note that cannot be read is none, one that cannot be written is logged and lost."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """The note's bytes; None if there is none, or it is over MAX_BYTES."""
        try:
            with self._path(name).open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError:
            return None
        return raw if len(raw) <= MAX_BYTES else None

    def write(self, name: str, content: bytes | None) -> None:
        """Replace the note; None removes it."""
        try:
            if content is None or len(content) > MAX_BYTES:
                self._path(name).unlink(missing_ok=True)
            else:
                write_whole(self._path(name), content)
        except OSError as error:
            log("warning", "note-not-kept", message=f"{name}: {error}")

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.note"
