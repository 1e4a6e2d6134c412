"""What the fleet sealed and what it was answered, written down as it happens, so that memory stays small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

_SIZE_BYTES: Final = 4


class Noted(msgspec.Struct, frozen=True, array_like=True):
    """One envelope sealed (`receipt` empty), or what a collector that said 200 answered to it."""

    agent: str
    is_report: bool
    number: int
    digest: str
    looked_at: datetime
    receipt: bytes = b""


class Journal:
    """A file of `Noted`, each after its length."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._encode = msgspec.msgpack.Encoder().encode

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, noted: Noted) -> None:
        """Write one down."""
        raw = self._encode(noted)
        self._file.write(len(raw).to_bytes(_SIZE_BYTES, "little") + raw)


def read_journal(path: Path) -> Iterator[Noted]:
    """What was written, in its order."""
    decode = msgspec.msgpack.Decoder(Noted).decode
    with path.open("rb") as file:
        while size := file.read(_SIZE_BYTES):
            yield decode(file.read(int.from_bytes(size, "little")))
