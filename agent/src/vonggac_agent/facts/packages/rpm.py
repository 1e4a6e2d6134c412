"""Reads the rpm database: its SQLite form in place (rpm 4.16 and later), else what `rpm -qa` tells on the live system.

Format: the header blob of rpm's doc "Package Header" (index entries of 16 bytes, big-endian, then the data store),
without the file magic; tags from rpmtag.h. Older Berkeley and NDB databases are not read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import Package

from ... import programs
from ...host import Host
from ...untrusted import as_text, bounded

if TYPE_CHECKING:
    import apsw

FOLDERS: Final = ("usr/lib/sysimage/rpm", "var/lib/rpm")
OTHER_FORMS: Final = ("Packages", "Packages.db")
"""Berkeley DB and NDB."""
QUERY_SECONDS: Final = 15.0
MAX_HEADER_BYTES: Final = 32 * limits.MIB
MAX_INDEX_ENTRIES: Final = 65_536
"""rpm's own bound is 0xffff tags a header (lib/header.c, hdrchkTags)."""

_STRING: Final = 6
_INT32: Final = 4
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _SOURCE = 1000, 1001, 1002, 1003, 1022, 1044
_SIGNATURES: Final = frozenset((259, 262, 267, 268, 278))
"""SIGPGP, SIGGPG, DSAHEADER, RSAHEADER, OPENPGP: tags that hold a signature."""
_WANTED: Final = {
    _NAME: _STRING,
    _VERSION: _STRING,
    _RELEASE: _STRING,
    _EPOCH: _INT32,
    _ARCH: _STRING,
    _SOURCE: _STRING,
}


def parse_header(blob: bytes) -> Package | None:
    """The package of one header blob; None for a public key, which rpm keeps like a package.

    Raises ValueError for a blob that is cut, points outside itself, or lacks name, version or release.
    """
    if len(blob) < 8:
        raise ValueError("an rpm header is cut short")
    entries, store_bytes = struct.unpack_from(">II", blob)
    store = 8 + 16 * entries
    if entries > MAX_INDEX_ENTRIES or store + store_bytes > len(blob):
        raise ValueError("an rpm header points outside itself")
    values: dict[int, bytes] = {}
    for tag, kind, offset, count in struct.iter_unpack(">IIII", blob[8:store]):
        if _WANTED.get(tag) == kind and count == 1:
            values[tag] = _value(blob, kind, store + offset, store + store_bytes)
    name, version, release = values.get(_NAME), values.get(_VERSION), values.get(_RELEASE)
    if not name or version is None or release is None:
        raise ValueError("an rpm header lacks name, version or release")
    epoch = f"{int.from_bytes(values[_EPOCH], 'big')}:" if _EPOCH in values else ""
    return _package(
        name, epoch.encode() + version + b"-" + release, values.get(_ARCH, b""), values.get(_SOURCE, b"")
    )


def unsigned(blob: bytes) -> str | None:
    """The package's name if its header carries no OpenPGP signature; None if it does, or is a public key.

    rpm keeps the signature's tags among the header's own when it installs. Raises ValueError as `parse_header` does.
    """
    package = parse_header(blob)
    count = int.from_bytes(blob[:4], "big")
    tags = {tag for tag, _, _, _ in struct.iter_unpack(">IIII", blob[8 : 8 + 16 * count])}
    return None if package is None or tags & _SIGNATURES else package.name


def _value(blob: bytes, kind: int, start: int, end: int) -> bytes:
    if kind == _INT32:
        if start + 4 > end:
            raise ValueError("an rpm header points outside itself")
        return blob[start : start + 4]
    stop = blob.find(b"\0", start, end)
    if stop < 0:
        raise ValueError("a text of an rpm header has no end")
    return blob[start:stop]


def parse_query(raw: bytes) -> list[Package]:
    """Packages from the output of RPM_QUERY. Raises ValueError for a line of another shape."""
    packages: list[Package] = []
    for line in raw.split(b"\n"):
        if line:
            fields = line.split(b"\t")
            if len(fields) != 4:
                raise ValueError("rpm -qa wrote a line of another shape")
            package = _package(*fields)
            if package is not None:
                packages.append(package)
    return packages


def _package(name: bytes, version: bytes, architecture: bytes, source: bytes) -> Package | None:
    if name == b"gpg-pubkey":
        return None
    # openssl-3.0.7-27.el9.src.rpm: the source package's name stands before its last two parts
    origin = source.rsplit(b"-", 2)[0] if source.endswith(b".rpm") else b""
    return Package(
        name=bounded(as_text(name)),
        version=bounded(as_text(version)),
        architecture="" if architecture == b"(none)" else bounded(as_text(architecture)),
        source="" if origin == name else bounded(as_text(origin)),
    )


def read(host: Host) -> tuple[list[Package], str] | None:
    """Packages on `host`, unsorted, and where they were read; None if there is no rpm database."""
    for folder in FOLDERS:
        path = f"{folder}/rpmdb.sqlite"
        if host.exists(path):
            waiting = host.stat(f"{path}-wal")
            if waiting is None or waiting.st_size == 0:
                return list(_from_sqlite(host, path)), path
            return _from_program(host, f"{path} has changes that are not yet written into it")
    for folder in FOLDERS:
        for name in OTHER_FORMS:
            if host.exists(f"{folder}/{name}"):
                return _from_program(host, f"{folder}/{name} is a form of the database that is not read")
    return None


def is_kept(host: Host) -> bool:
    """A database of rpm is there, in whatever form."""
    return any(
        host.exists(f"{folder}/{name}") for folder in FOLDERS for name in ("rpmdb.sqlite", *OTHER_FORMS)
    )


def read_unsigned(host: Host) -> tuple[list[str], str] | None:
    """Names of packages without a signature, sorted, and where they were read; None if there is no rpm database.

    Raises CouldNotLook(not-supported) for forms of the database that are not read here.
    """
    for folder in FOLDERS:
        path = f"{folder}/rpmdb.sqlite"
        if host.exists(path):
            waiting = host.stat(f"{path}-wal")
            if waiting is not None and waiting.st_size:
                raise CouldNotLook(
                    Reason.NOT_SUPPORTED, f"{path} has changes that are not yet written into it"
                )
            names = {name for blob in blobs(host, path) if (name := unsigned(blob)) is not None}
            return sorted(names), path
        if any(host.exists(f"{folder}/{name}") for name in OTHER_FORMS):
            raise CouldNotLook(
                Reason.NOT_SUPPORTED, f"{folder} holds a form of the database that is not read"
            )
    return None


def _from_program(host: Host, why: str) -> tuple[list[Package], str]:
    if not host.live:
        raise CouldNotLook(Reason.NOT_SUPPORTED, why)
    raw = host.run(programs.RPM_QUERY, timeout=QUERY_SECONDS, limit=16 * limits.MIB)
    return parse_query(raw), "rpm -qa"


def _from_sqlite(host: Host, path: str) -> Iterator[Package]:
    found = 0
    for blob in blobs(host, path):
        package = parse_header(blob)
        if package is not None:
            found += 1
            if found > limits.MAX_FACT_LIST:
                raise CouldNotLook(Reason.TOO_LARGE, f"over {limits.MAX_FACT_LIST} packages")
            yield package


def blobs(host: Host, path: str) -> Iterator[bytes]:
    """Every header of the database at `path`. Raises ValueError for one that cannot be read."""
    import apsw

    address = host.resolve(path).as_uri() + "?mode=ro&immutable=1"
    try:
        connection = apsw.Connection(address, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            yield from _headers(host, connection)
        finally:
            connection.close()
    except apsw.Error as error:
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from None


def _headers(host: Host, connection: apsw.Connection) -> Iterator[bytes]:
    """Each header of an open database that nobody vouches for: no code of its schema runs, no value is unbounded."""
    import apsw

    connection.limit(apsw.SQLITE_LIMIT_LENGTH, MAX_HEADER_BYTES)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.execute("PRAGMA cell_size_check=ON")
    plain = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE name = 'Packages' AND type = 'table' AND sql LIKE 'CREATE TABLE %'"
    ).fetchall()
    if plain != [(1,)]:
        raise ValueError("the rpm database has no table Packages")
    for (blob,) in connection.execute("SELECT blob FROM Packages"):
        host.in_time()
        if not isinstance(blob, bytes):
            raise ValueError("the rpm database holds a header that is no blob")
        yield blob
