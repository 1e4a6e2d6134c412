"""package.installed: whether one package is installed, in which version; from the inventory that is parsed once."""

from __future__ import annotations

from vonggac_contract.facts.packages import PackageInstalled

from ...host import Host
from . import package_inventory


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PackageInstalled, str]:
    """Topic package.installed, selector: the package's name."""
    found = package_inventory.look(host)
    package = found.by_name.get(selector[0])
    if package is None:
        return PackageInstalled(installed=False), found.source
    return PackageInstalled(installed=True, version=package.version), found.source
