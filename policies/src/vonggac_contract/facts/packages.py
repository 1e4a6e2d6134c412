"""Facts about software: what is installed, what waits to be updated, and who updates it."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic

Manager = Literal["dpkg", "rpm"]


class Package(msgspec.Struct, frozen=True, array_like=True):
    """One installed package; an array on the wire, because there are hundreds."""

    name: Annotated[str, about("Package name")]
    version: Annotated[str, about("Full version, with epoch and release as the manager writes it")]
    architecture: Annotated[str, about("Architecture")]
    source: Annotated[str, about("Source package if it differs from the name, else empty")] = ""


@topic("package.inventory")
class PackageInventory(msgspec.Struct, frozen=True):
    """Every installed package, sorted by name."""

    manager: Annotated[
        Manager, about("Whose database was read", source="var/lib/dpkg/status or the rpm database")
    ]
    packages: Annotated[list[Package], about("Installed packages")]


@topic("package.installed", selector=("name",), main="installed")
class PackageInstalled(msgspec.Struct, frozen=True):
    """Whether one package is installed, in which version."""

    installed: Annotated[bool, about("It is installed (configured, not only its remains)")]
    version: Annotated[str, about("Installed version; empty if it is not")] = ""


class PendingUpdate(msgspec.Struct, frozen=True):
    """A newer version that the local package lists offer."""

    name: Annotated[str, about("Package name")]
    installed: Annotated[str, about("Installed version")]
    candidate: Annotated[str, about("Newest version offered")]
    security: Annotated[bool, about("Offered by a security archive or marked as a security advisory")]


@topic("package.updates")
class PackageUpdates(msgspec.Struct, frozen=True):
    """Updates that wait, worked out from the package manager's own lists, without asking the network.

    Pinning and phased roll-out are not taken into account, as apt's own simulation would.
    """

    pending: Annotated[
        list[PendingUpdate], about("Every newer version offered", source="var/lib/apt/lists; var/cache/dnf")
    ]
    security_pending: Annotated[int, about("How many of them are security updates")]
    lists_updated: Annotated[
        datetime | None,
        about(
            "When the newest list was fetched; none if there is no list",
            source="file times of the lists",
            volatile=True,
        ),
    ] = None
    origins: Annotated[
        list[str], about("Archives the lists come from (origin/suite)", source="Release files")
    ] = []


@topic("update.automatic", main="enabled")
class AutomaticUpdates(msgspec.Struct, frozen=True):
    """Whether security updates are put in without a person."""

    mechanism: Annotated[
        Literal["unattended-upgrades", "dnf-automatic", "yast-online-update", "none"],
        about("What does it", source="packages and units"),
    ]
    enabled: Annotated[
        bool,
        about("It is switched on and its timer would start it", source="apt.conf.d, automatic.conf, timers"),
    ]
    applies: Annotated[bool, about("It installs, not only downloads or reports")]
    security_only: Annotated[bool | None, about("Limited to security origins; none if it can't be told")] = (
        None
    )
