"""package.held: packages kept from being updated: dpkg's selections, dnf's excludes and version locks, zypper's locks.

apt's pins are not told: they seldom hold back, and what they do depends on every list.

Sources: dpkg(1), apt-mark(8); dnf.conf(5) "excludepkgs", dnf-plugins-core versionlock(8); zypper(8)
"Package Lock Management".
"""

from __future__ import annotations

from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.packages import PackagesHeld

from ...formats import ini
from ...formats.lines import significant
from ...host import Host
from ...untrusted import bounded
from . import dpkg, package_inventory, package_sources

VERSION_LOCK: Final = "etc/dnf/plugins/versionlock.list"
ZYPPER_LOCKS: Final = "etc/zypp/locks"


def excluded(text: str) -> list[str]:
    """Names and patterns that dnf.conf leaves out: exclude, excludepkgs. Raises ValueError for too many lines."""
    return [
        word
        for entry in ini.parse(text, fold=True)
        if entry.section == "main" and entry.key in ("exclude", "excludepkgs")
        for word in entry.value.replace(",", " ").split()
    ]


def version_locks(text: str) -> list[str]:
    """Entries of versionlock.list; one that begins with `!` forbids a version and holds nothing back."""
    return [line for _, line in significant(text) if not line.startswith("!")]


def zypper_locks(text: str) -> list[str]:
    """Values of `solvable_name:` in zypper's stanzas, comments left out."""
    pairs = (line.partition(":") for _, line in significant(text))
    return [value.strip() for name, _, value in pairs if name.strip() == "solvable_name" and value.strip()]


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PackagesHeld, str]:
    """Topic package.held. Raises CouldNotLook(not-supported) without a package database."""
    package_inventory.look_for(host)
    raw = host.read(dpkg.STATUS, limit=dpkg.MAX_STATUS_BYTES)
    if raw:
        found, source = dpkg.held(raw), dpkg.STATUS
    elif host.exists("etc/zypp"):
        found, source = zypper_locks(host.text(ZYPPER_LOCKS) or ""), ZYPPER_LOCKS
    else:
        found = excluded(host.text(package_sources.DNF_FILES[0]) or "")
        found += version_locks(host.text(VERSION_LOCK) or "")
        source = f"{package_sources.DNF_FILES[0]}, {VERSION_LOCK}"
    return PackagesHeld([bounded(name) for name in found][: limits.MAX_FACT_LIST]), source
