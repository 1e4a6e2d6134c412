"""The files of packages, from the headers of rpm's database, in the form of dpkg's lists: paths, one a line.

Format: rpm's doc "Package Header" and rpmtag.h: DIRNAMES, BASENAMES and, for each of those, its DIRINDEX.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from ...host import Host
from . import rpm

MAX_FILES: Final = 500_000
"""Files of one package; kernel-devel and texlive have some 20,000."""
_NAME, _DIRINDEXES, _BASENAMES, _DIRNAMES = 1000, 1116, 1117, 1118
_KINDS: Final = {_NAME: 6, _DIRINDEXES: 4, _BASENAMES: 8, _DIRNAMES: 8}
"""STRING, INT32, STRING_ARRAY."""


def parse(blob: bytes) -> tuple[str, bytes]:
    """A package's name and its paths, each ended by a line feed. Raises ValueError for a header that is none."""
    package = rpm.parse_header(blob)
    entries, store_bytes = struct.unpack_from(">II", blob)
    store = 8 + 16 * entries
    found: dict[int, tuple[int, int]] = {}
    for tag, kind, offset, count in struct.iter_unpack(">IIII", blob[8:store]):
        if _KINDS.get(tag) == kind and count <= MAX_FILES:
            found[tag] = (store + offset, count)
    if package is None or not {_DIRINDEXES, _BASENAMES, _DIRNAMES} <= set(found):
        return "" if package is None else package.name, b""
    end = store + store_bytes
    names = _texts(blob, *found[_BASENAMES], end)
    folders = _texts(blob, *found[_DIRNAMES], end)
    at, count = found[_DIRINDEXES]
    if at + 4 * count > end or count != len(names):
        raise ValueError("an rpm header points outside itself")
    indexes = struct.unpack_from(f">{count}I", blob, at)
    if indexes and max(indexes) >= len(folders):
        raise ValueError("an rpm header names a folder that it does not hold")
    return package.name, b"".join(
        folders[i] + name + b"\n" for i, name in zip(indexes, names, strict=True) if b"\n" not in name
    )


def _texts(blob: bytes, start: int, count: int, end: int) -> list[bytes]:
    if start > end:
        raise ValueError("an rpm header points outside itself")
    texts = blob[start:end].split(b"\0", count)[:count]
    if len(texts) < count:
        raise ValueError("a text of an rpm header has no end")
    return texts


def lists(host: Host) -> Iterator[tuple[str, bytes]] | None:
    """Package and its paths, of every package; None without a database in a form that is read here."""
    for folder in rpm.FOLDERS:
        path = f"{folder}/rpmdb.sqlite"
        waiting = host.stat(f"{path}-wal")
        if host.exists(path) and (waiting is None or waiting.st_size == 0):
            return (parse(blob) for blob in rpm.blobs(host, path))
    return None
