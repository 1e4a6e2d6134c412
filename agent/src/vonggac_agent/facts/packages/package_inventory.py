"""package.inventory: every installed package. The databases themselves are read by `dpkg` and `rpm`.

`look` is shared: package.installed, package.updates and others ask it, and it parses once per host.
"""

from __future__ import annotations

from typing import NamedTuple

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import Manager, Package, PackageInventory

from ...host import Host
from . import dpkg, rpm


class Installed(NamedTuple):
    """What is installed: the fact, where it was read, and the first package of each name."""

    inventory: PackageInventory
    source: str
    by_name: dict[str, Package]


def look(host: Host) -> Installed:
    """The packages of `host`, parsed once. Raises CouldNotLook(not-supported) without a package database."""
    return host.once("package.inventory", lambda: _look(host))


def _look(host: Host) -> Installed:
    found = dpkg.read(host)
    if found:
        return arrange("dpkg", found, dpkg.STATUS)
    told = rpm.read(host)
    if told is not None:
        return arrange("rpm", *told)
    if found is not None:
        return arrange("dpkg", found, dpkg.STATUS)
    raise CouldNotLook(Reason.NOT_SUPPORTED, "neither dpkg nor rpm keeps a database here")


def look_for(host: Host) -> None:
    """Raises CouldNotLook(not-supported) without a package database; reads none."""
    if not (host.exists(dpkg.STATUS) or host.names(dpkg.STATUS_FOLDER) or rpm.is_kept(host)):
        raise CouldNotLook(Reason.NOT_SUPPORTED, "neither dpkg nor rpm keeps a database here")


def arrange(manager: Manager, packages: list[Package], source: str) -> Installed:
    """`packages` sorted by name, architecture and version, and by name."""
    ordered = sorted(packages, key=lambda p: (p.name, p.architecture, p.version))
    by_name: dict[str, Package] = {}
    for package in ordered:
        by_name.setdefault(package.name, package)
    return Installed(PackageInventory(manager, ordered), source, by_name)


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PackageInventory, str]:
    """Topic package.inventory."""
    found = look(host)
    return found.inventory, found.source
