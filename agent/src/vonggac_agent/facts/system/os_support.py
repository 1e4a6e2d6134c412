"""os.support: until when the release gets security updates, by the reference data of data/os-eol.json.

The data is a snapshot of endoflife.date, community data with its date in the fact. What a passed date means for the
machine is the rules' decision.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.system import OsRelease, OsSupport

from ...host import Host
from . import os_release

DATA: Final = Path(__file__).resolve().parents[2] / "data" / "os-eol.json"


class Line(msgspec.Struct, frozen=True):
    """One release line. `eol` none and not `ended`: supported without an announced end."""

    cycle: str
    codename: str | None = None
    release: date | None = None
    eol: date | None = None
    extended_eol: date | None = None
    ended: bool = False


class SupportData(msgspec.Struct, frozen=True):
    """The reference data: release lines by product, as of `snapshot_date`."""

    source: str
    snapshot_date: date
    products: dict[str, list[Line]]


def decode(raw: bytes) -> SupportData:
    """The reference data from its JSON. Raises ValueError (msgspec) if it has another shape."""
    return msgspec.json.decode(raw, type=SupportData)


def _whole(version: str) -> str:
    return version


def _major(version: str) -> str:
    return version.split(".", 1)[0]


def _with_service_pack(version: str) -> str:
    """SUSE writes the first release of a line without a minor number: 15 is 15.0."""
    return version if "." in version else f"{version}.0"


_PRODUCTS: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "almalinux": ("almalinux", _major),
    "centos": ("centos", _major),
    "debian": ("debian", _major),
    "ol": ("oracle-linux", _major),
    "opensuse": ("opensuse", _whole),
    "opensuse-leap": ("opensuse", _whole),
    "rhel": ("rhel", _major),
    "rocky": ("rocky-linux", _major),
    "sled": ("sles", _with_service_pack),
    "sles": ("sles", _with_service_pack),
    "sles_sap": ("sles", _with_service_pack),
    "ubuntu": ("ubuntu", _whole),
}
"""os-release ID to the product's name in the data, and VERSION_ID to its release line."""


def find(release: OsRelease, data: SupportData) -> tuple[str, Line] | None:
    """Product and release line of `release` in `data`; None if the data does not know it."""
    product, cycle_of = _PRODUCTS.get(release.id, ("", _whole))
    if product == "centos" and "Stream" in release.name:
        product = "centos-stream"
    wanted = cycle_of(release.version) if release.version else None
    for line in data.products.get(product, []):
        if line.cycle == wanted or (wanted is None and line.codename and line.codename == release.codename):
            return product, line
    return None


def support(release: OsRelease, data: SupportData) -> OsSupport:
    """The fact for `release`. Raises CouldNotLook(not-supported) if the data does not know it."""
    found = find(release, data)
    if found is None:
        raise CouldNotLook(
            Reason.NOT_SUPPORTED,
            f"the support dates of {data.snapshot_date} do not know {release.id} {release.version or release.codename}",
        )
    product, line = found
    return OsSupport(
        product=product,
        cycle=line.cycle,
        support_end=line.eol,
        extended_end=line.extended_eol,
        ended=line.ended,
        data_date=data.snapshot_date,
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[OsSupport, str]:
    """Topic os.support."""
    release, path = os_release.look(host)
    data = decode(DATA.read_bytes())
    return support(release, data), f"{path}; endoflife.date of {data.snapshot_date}"
