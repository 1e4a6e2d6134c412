"""Reads the package lists that apt has fetched: which versions they offer, and from which archive.

Lists are unpacked and read in parts, never whole. Formats: deb-control(5), and for Release files
DebianRepository/Format of the Debian wiki. Which offers are updates is decided in `package_updates`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from typing import BinaryIO, Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason

from ...host import Host
from ...untrusted import as_text, bounded
from . import dpkg, unpack

FOLDER: Final = "var/lib/apt/lists"
MAX_STANZA_BYTES: Final = 1 * limits.MIB
MAX_LIST_BYTES: Final = 1024 * limits.MIB
"""One list, unpacked. Debian's main has about 50 MiB."""
_LIST: Final = re.compile(r"_Packages(?:\.(?:lz4|gz|xz|bz2|zst|lzma))?$")
_PACKAGE: Final = b"\nPackage: "
_PACK_BYTES: Final = 128 * limits.KIB


class Offer(NamedTuple):
    """One version that a list offers."""

    name: bytes
    version: bytes
    architecture: bytes


class Archive(NamedTuple):
    """Where a list comes from, by the Release file beside it; empty texts if there is none."""

    origin: str
    suite: str
    security: bool

    def __str__(self) -> str:
        return f"{self.origin or '?'}/{self.suite or '?'}"


def archive(release: str) -> Archive:
    """The archive of a Release or InRelease file.

    Security by the names the archives give themselves: Debian's Label is Debian-Security, Ubuntu's suites end in
    -security.
    """
    fields: dict[str, str] = {}
    for line in release.split("\n"):
        key, colon, value = line.partition(": ")
        if colon and key in ("Origin", "Label", "Suite", "Codename"):
            fields.setdefault(key, bounded(value.strip(), 200))
        elif line.startswith(("MD5Sum:", "SHA1:", "SHA256:")):
            break
    suite = fields.get("Suite") or fields.get("Codename", "")
    security = fields.get("Label", "").casefold() == "debian-security" or any(
        fields.get(key, "").endswith("-security") for key in ("Suite", "Codename")
    )
    return Archive(fields.get("Origin", ""), suite, security)


def is_list(name: str) -> bool:
    """A file of the folder that holds packages, packed or not."""
    return _LIST.search(name) is not None


def release_of(name: str, releases: Container[str]) -> str | None:
    """The Release file that a list of this name belongs to: the one with the longest common address."""
    parts = name.split("_")
    for count in range(len(parts) - 1, 0, -1):
        for kind in ("InRelease", "Release"):
            candidate = "_".join((*parts[:count], kind))
            if candidate in releases:
                return candidate
    return None


def offers(parts: Iterator[bytes], wanted: Container[bytes], tick: Callable[[], None]) -> Iterator[Offer]:
    """Each version offered of a package in `wanted`, from the unpacked parts of a list.

    `tick` is called for each part and may raise to stop. Raises ValueError for a stanza over MAX_STANZA_BYTES or a
    list over MAX_LIST_BYTES.
    """
    rest, total = b"\n", 0
    for part in parts:
        tick()
        total += len(part)
        if total > MAX_LIST_BYTES:
            raise ValueError(f"a package list unpacks to over {MAX_LIST_BYTES} bytes")
        text = rest + part
        cut = text.rfind(b"\n\n")
        rest = text[cut + 1 :]
        if len(rest) > MAX_STANZA_BYTES + 1:
            raise ValueError(f"a stanza of a package list is over {MAX_STANZA_BYTES} bytes")
        if cut >= 0:
            yield from _offers(text, cut, wanted)
    yield from _offers(rest, len(rest), wanted)


def _offers(text: bytes, stop: int, wanted: Container[bytes]) -> Iterator[Offer]:
    """Offers of the whole stanzas before `stop`. `text` starts with a line feed.

    Lists are long and few of their packages are wanted, so it goes from name to name, and to the bounds of a stanza
    only where that is wanted.
    """
    find = text.find
    at = find(_PACKAGE, 0, stop)
    while at >= 0:
        at += len(_PACKAGE)
        end = find(b"\n", at, stop)
        name = text[at : end if end >= 0 else stop]
        if name in wanted:
            end = find(b"\n\n", at, stop)
            stanza = text[text.rfind(b"\n\n", 0, at) + 1 : end if end >= 0 else stop]
            version = dpkg.field(stanza, b"\nVersion: ")
            if version:
                yield Offer(name, version, dpkg.field(stanza, b"\nArchitecture: ") or b"")
        at = find(_PACKAGE, end, stop) if end >= 0 else -1


def parts_of(host: Host, name: str) -> Iterator[bytes]:
    """The unpacked bytes of one list in parts. Raises CouldNotLook as `Host.open` and `unpack.unpacked` do."""
    file = host.open(f"{FOLDER}/{name}")
    if file is None:
        raise CouldNotLook(Reason.NOT_INSTALLED, f"{as_text(name)} went away while it was read")
    with file:
        yield from unpack.unpacked(name, _packed(file))


def _packed(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(_PACK_BYTES):
        yield part
