"""Asks dnf which updates its cached metadata offers, on a running system of the Red Hat family.

dnf is asked, and its metadata not read here, because module streams and excludes decide what counts as an update. It
works from its cache only (`-C`), as root: an ordinary user has another cache.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import Package, PackageUpdates, PendingUpdate

from ... import programs
from ...host import Host
from ...untrusted import as_text, bounded
from . import debian_version

SECONDS: Final = 10.0
OUTPUT_BYTES: Final = 4 * limits.MIB
CACHES: Final = ("var/cache/dnf", "var/cache/libdnf5")


class Offer(NamedTuple):
    """One newer version that a repository offers."""

    name: str
    version: str
    architecture: str
    repository: str


def parse(raw: bytes) -> list[Offer]:
    """Offers from the output of DNF_NEWEST or DNF_SECURITY. Raises ValueError for a line of another shape."""
    offers: list[Offer] = []
    for line in raw.split(b"\n"):
        if line:
            fields = [bounded(as_text(field)) for field in line.split(b"\t")]
            if len(fields) != 4 or not all(fields):
                raise ValueError("dnf repoquery wrote a line of another shape")
            offers.append(Offer(*fields))
    return offers


def arrange(
    newest: Iterable[Offer], security: Iterable[Offer], packages: Iterable[Package]
) -> list[PendingUpdate]:
    """The updates sorted by name; one of security if any advisory of security offers a newer version of it.

    Of a package that is there in several versions (kernels), the newest installed one is named.
    """
    versions: dict[str, list[str]] = {}
    for package in packages:
        versions.setdefault(package.name, []).append(package.version)
    order = functools.cmp_to_key(debian_version.compare)
    advised = {(offer.name, offer.architecture) for offer in security}
    return [
        PendingUpdate(
            name=offer.name,
            installed=max(versions.get(offer.name, [""]), key=order),
            candidate=offer.version,
            security=(offer.name, offer.architecture) in advised,
        )
        for offer in sorted(newest)
    ]


def updates(host: Host, packages: Iterable[Package]) -> PackageUpdates:
    """Updates by dnf's cache.

    Raises CouldNotLook: not-supported for a mounted root, permission-denied for an ordinary user, not-installed without
    dnf or without its metadata, and as `Host.run` does.
    """
    if host.live and os.geteuid() != 0:
        raise CouldNotLook(
            Reason.PERMISSION_DENIED, "dnf's metadata is root's; an ordinary user has another cache"
        )
    try:
        newest = parse(host.run(programs.DNF_NEWEST, timeout=SECONDS, limit=OUTPUT_BYTES))
        security = parse(host.run(programs.DNF_SECURITY, timeout=SECONDS, limit=OUTPUT_BYTES))
    except CouldNotLook as error:
        if "no cache for" in error.detail:
            raise CouldNotLook(
                Reason.NOT_INSTALLED, "there is no metadata; dnf makecache fetches it"
            ) from None
        raise
    pending = arrange(newest, security, packages)
    return PackageUpdates(
        pending=pending,
        security_pending=sum(update.security for update in pending),
        lists_updated=_fetched(host),
        origins=sorted({offer.repository for offer in newest}),
    )


def _fetched(host: Host) -> datetime | None:
    """When the newest metadata was fetched or found unchanged: dnf then touches repomd.xml."""
    paths = [f"{cache}/{name}/repodata/repomd.xml" for cache in CACHES for name in host.names(cache)]
    times = [status.st_mtime for path in paths if (status := host.stat(path)) is not None]
    return datetime.fromtimestamp(int(max(times)), UTC) if times else None
