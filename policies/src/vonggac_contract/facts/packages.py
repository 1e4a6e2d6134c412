"""Facts about software: what is installed, what waits to be updated, and who updates it."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from .base import about, topic

Manager = Literal["dpkg", "rpm"]
Reach = Literal["local", "inside", "outside"]


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


class PackageSource(msgspec.Struct, frozen=True):
    """One place that packages come from: a repository, or one address of an archive."""

    name: Annotated[
        str, about("Repository id, or address and suites; user names and passwords in it left out")
    ]
    scheme: Annotated[str, about("http, https, file, cdrom, …")]
    host: Annotated[str, about("Host of its address, lower case; empty for a place on this machine")]
    through: Annotated[
        str, about("Host that the machine really asks: the manager's proxy where one is set, else `host`")
    ]
    reach: Annotated[
        Reach,
        about(
            "Where `host` is: on this machine; inside (private address, name without a dot or in a domain for "
            "private use, RFC 6762, RFC 8375, ICANN's .internal); outside"
        ),
    ]
    through_reach: Annotated[Reach, about("The same of `through`")]
    signed: Annotated[
        bool,
        about(
            "Nothing is taken from it that its keys have not signed",
            source="trusted, allow-insecure; gpgcheck, repo_gpgcheck, pkg_gpgcheck",
        ),
    ]
    own_key: Annotated[bool, about("Keys are named for this source", source="signed-by; gpgkey")]
    tls_checked: Annotated[
        bool, about("Certificates are checked where the scheme is https", source="Verify-Peer; sslverify")
    ]


@topic("package.sources")
class PackageSources(msgspec.Struct, frozen=True):
    """Where the package manager takes packages from, and what it checks; sources that are switched off are left out."""

    manager: Annotated[
        Literal["apt", "dnf", "zypper", "none"], about("Package manager whose configuration was read")
    ]
    sources: Annotated[
        list[PackageSource],
        about(
            "Enabled sources of binary packages",
            source="sources.list(5): etc/apt; dnf.conf(5): etc/yum.repos.d; etc/zypp/repos.d",
        ),
    ]
    loose: Annotated[
        list[str],
        about(
            "Settings that let packages in unchecked for every source, by their names",
            source="apt.conf(5), apt-secure(8); dnf.conf(5); zypp.conf",
        ),
    ]
    shared_keys: Annotated[
        list[str],
        about(
            "Key files that may sign for every source and that no keyring package brought (apt)",
            source="etc/apt/trusted.gpg, trusted.gpg.d",
        ),
    ]


@topic("package.origins")
class PackageOrigins(msgspec.Struct, frozen=True):
    """Installed packages that nobody vouches for."""

    basis: Annotated[
        Literal["archives", "signatures"],
        about(
            "dpkg: no archive's list has the name, nor an installed package of the same source; rpm: the package "
            "carries no signature"
        ),
    ]
    foreign: Annotated[
        list[str], about("Names of such packages", source="var/lib/apt/lists; the rpm database")
    ]


@topic("package.held")
class PackagesHeld(msgspec.Struct, frozen=True):
    """Packages that are kept from being updated."""

    held: Annotated[
        list[str],
        about(
            "Names or patterns",
            source="dpkg selections `hold`; dnf excludes and versionlock.list; zypper locks",
        ),
    ]


@topic("software.unpackaged", cadence="daily")
class UnpackagedSoftware(msgspec.Struct, frozen=True):
    """Programs that the package manager knows nothing of, so that nobody updates or lists them."""

    programs: Annotated[
        list[str],
        about(
            "Absolute paths: files in usr/local/bin and sbin, folders of opt that no package brought (opt: dpkg only)",
            source="usr/local/bin, usr/local/sbin, opt",
        ),
    ]
    snaps: Annotated[list[str], about("Snaps by name", source="var/lib/snapd/snaps")]
    flatpaks: Annotated[
        list[str], about("Flatpak applications of the system, by id", source="var/lib/flatpak/app")
    ]
