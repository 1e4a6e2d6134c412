"""Reads dpkg's database: var/lib/dpkg/status, and status.d as images without a package manager carry it.

Format: deb-control(5), dpkg(1) "Package states". Which topic needs what is decided in `package_inventory`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import Package

from ...host import Host
from ...untrusted import as_text, bounded

STATUS: Final = "var/lib/dpkg/status"
STATUS_FOLDER: Final = "var/lib/dpkg/status.d"
MAX_STATUS_BYTES: Final = 64 * limits.MIB
PRESENT: Final = frozenset(
    (b"installed", b"triggers-pending", b"triggers-awaited", b"half-configured", b"unpacked")
)
"""States in which the package's files are in place."""


def parse(raw: bytes) -> list[Package]:
    """Packages of a status file whose files are in place, in file order.

    Raises ValueError for one that has no name or no version.
    """
    packages: list[Package] = []
    for stanza in raw.split(b"\n\n"):
        if stanza.strip():
            package = _package(b"\n" + stanza, needs_status=True)
            if package is not None:
                packages.append(package)
    return packages


def held(raw: bytes) -> list[str]:
    """Names of packages in place whose selection is `hold`, dpkg(1) "Package selection states", in file order."""
    names: list[str] = []
    for stanza in raw.split(b"\n\n"):
        # looked for first as mere bytes, because almost no package is held
        if b"Status: hold " in stanza:
            status = field(b"\n" + stanza, b"\nStatus: ") or b""
            name = field(b"\n" + stanza, b"\nPackage: ")
            if name and status.startswith(b"hold ") and status.rpartition(b" ")[2] in PRESENT:
                names.append(bounded(as_text(name)))
    return names


def parse_one(raw: bytes) -> Package | None:
    """The package of one status.d file, which has no Status field; None for one without a version (checksum lists)."""
    stanza = b"\n" + raw
    return _package(stanza, needs_status=False) if b"\nVersion: " in stanza else None


def field(stanza: bytes, name: bytes) -> bytes | None:
    r"""The first line of a field. `stanza` starts with a line feed, `name` is `b"\nVersion: "` and so on."""
    start = stanza.find(name)
    if start < 0:
        return None
    start += len(name)
    end = stanza.find(b"\n", start)
    return stanza[start : end if end >= 0 else None].strip()


def _package(stanza: bytes, *, needs_status: bool) -> Package | None:
    if needs_status:
        status = field(stanza, b"\nStatus: ")
        if status is None or status.rpartition(b" ")[2] not in PRESENT:
            return None
    name, version = field(stanza, b"\nPackage: "), field(stanza, b"\nVersion: ")
    if not name or not version:
        raise ValueError("an installed package has no name or no version")
    source = (field(stanza, b"\nSource: ") or b"").partition(b" ")[0]
    return Package(
        name=bounded(as_text(name)),
        version=bounded(as_text(version)),
        architecture=bounded(as_text(field(stanza, b"\nArchitecture: ") or b"")),
        source="" if source == name else bounded(as_text(source)),
    )


def native_architecture(packages: Iterable[Package]) -> str:
    """The architecture dpkg itself is built for; empty if dpkg is not among `packages`."""
    return next((p.architecture for p in packages if p.name == "dpkg"), "")


def read(host: Host) -> list[Package] | None:
    """Packages in place on `host`, unsorted; None if there is no dpkg database."""
    raw = host.read(STATUS, limit=MAX_STATUS_BYTES)
    packages = [] if raw is None else parse(raw)
    folder = host.names(STATUS_FOLDER)
    for name in folder:
        one = parse_one(host.read(f"{STATUS_FOLDER}/{name}") or b"")
        if one is not None:
            packages.append(one)
    if raw is None and not folder:
        return None
    if len(packages) > limits.MAX_FACT_LIST:
        raise CouldNotLook(Reason.TOO_LARGE, f"over {limits.MAX_FACT_LIST} packages")
    return packages
