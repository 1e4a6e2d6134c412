"""package.updates: newer versions that the local package lists offer, without asking the network.

Pins, holds and phased roll-out are not taken into account. Lists are read by `apt_lists`, and
`dnf` is asked on the Red Hat family. Reading apt's lists is dear, so `look` keeps also what
package.origins asks of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import Package, PackageUpdates, PendingUpdate

from ...host import Host
from ...untrusted import as_text, bounded
from . import apt_lists, debian_version, dnf, dpkg, package_inventory

STAMP: Final = "var/lib/apt/periodic/update-success-stamp"
"""Touched by apt itself after each update that succeeded (apt.conf.d/15update-stamp, apt.systemd.daily)."""


class _Best(NamedTuple):
    version: str
    security: bool


class Newer:
    """Gathers offers and keeps, for each installed package, the newest one that is newer than what is installed."""

    def __init__(self, packages: Iterable[Package]) -> None:
        installed = list(packages)
        self._native = dpkg.native_architecture(installed)
        self._installed: dict[bytes, list[Package]] = {}
        for package in installed:
            self._installed.setdefault(package.name.encode(), []).append(package)
        self._best: dict[Package, _Best] = {}
        self._offered: set[bytes] = set()

    @property
    def foreign(self) -> list[str]:
        """Installed packages that nobody offers, sorted.

        One made from the same source as an offered one is left out: an old kernel goes from the archive when a new one
        comes, and is still its publisher's.
        """
        sources = {p.source or p.name for name in self._offered for p in self._installed.get(name, ())}
        return sorted(
            as_text(name)
            for name, packages in self._installed.items()
            if name not in self._offered and not any((p.source or p.name) in sources for p in packages)
        )

    @property
    def names(self) -> frozenset[bytes]:
        """Names of the installed packages, as the lists write them."""
        return frozenset(self._installed)

    def add(self, offer: apt_lists.Offer, *, security: bool) -> None:
        """Take one offer into account. `security`: it comes from a security archive."""
        self._offered.add(offer.name)
        version = bounded(as_text(offer.version))
        architecture = as_text(offer.architecture)
        for package in self._installed.get(offer.name, ()):
            if version == package.version or not self._fits(package.architecture, architecture):
                continue
            if debian_version.compare(version, package.version) <= 0:
                continue
            best = self._best.get(package, _Best(version, False))
            newest = version if debian_version.compare(version, best.version) > 0 else best.version
            self._best[package] = _Best(newest, best.security or security)

    def pending(self) -> list[PendingUpdate]:
        """The updates, sorted by name. An update is one of security if any security archive offers a newer version."""
        return [
            PendingUpdate(package.name, package.version, best.version, best.security)
            for package, best in sorted(
                self._best.items(), key=lambda item: (item[0].name, item[0].architecture)
            )
        ]

    def _fits(self, installed: str, offered: str) -> bool:
        """The same architecture, or a package that changes between `all` and the native one."""
        return installed == offered or (
            "all" in (installed, offered) and self._native in (installed, offered)
        )


class Read(NamedTuple):
    """What apt's lists say of the installed packages."""

    updates: PackageUpdates
    foreign: list[str]
    """Packages that are in no list."""


def look(host: Host) -> Read:
    """apt's lists, read once per host. Raises CouldNotLook as `from_apt` does."""
    packages = package_inventory.look(host).inventory.packages
    return host.once("package.updates apt", lambda: from_apt(host, packages))


def from_apt(host: Host, packages: Iterable[Package]) -> Read:
    """Updates by apt's lists. Raises CouldNotLook: not-installed without a list, not-supported if one can't be read."""
    names = host.names(apt_lists.FOLDER)
    lists = [name for name in names if apt_lists.is_list(name)]
    if not lists:
        raise CouldNotLook(
            Reason.NOT_INSTALLED,
            "there are no package lists in var/lib/apt/lists; apt-get update fetches them",
        )
    archives: dict[str | None, apt_lists.Archive] = {None: apt_lists.Archive("", "", False)}
    newer = Newer(packages)
    wanted = newer.names
    origins: set[str] = set()
    for name in lists:
        release = apt_lists.release_of(name, names)
        if release not in archives:
            archives[release] = apt_lists.archive(host.text(f"{apt_lists.FOLDER}/{release}") or "")
        archive = archives[release]
        origins.add(str(archive))
        for offer in apt_lists.offers(apt_lists.parts_of(host, name), wanted, host.in_time):
            newer.add(offer, security=archive.security)
    pending = newer.pending()
    updates = PackageUpdates(
        pending=pending,
        security_pending=sum(update.security for update in pending),
        lists_updated=_fetched(host, names),
        origins=sorted(origins),
    )
    return Read(updates, newer.foreign)


def _fetched(host: Host, names: Iterable[str]) -> datetime | None:
    """Newest time of a list or of apt's own stamp. A list bears its server's time, which is no later than the fetch."""
    files = (name for name in names if name.endswith("Release") or apt_lists.is_list(name))
    paths = [STAMP, *(f"{apt_lists.FOLDER}/{name}" for name in files)]
    times = [status.st_mtime for path in paths if (status := host.stat(path)) is not None]
    return datetime.fromtimestamp(int(max(times)), UTC) if times else None


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PackageUpdates, str]:
    """Topic package.updates."""
    inventory = package_inventory.look(host).inventory
    if inventory.manager == "dpkg":
        return look(host).updates, apt_lists.FOLDER
    return dnf.updates(host, inventory.packages), "dnf repoquery from its cache"
