"""package.origins: installed packages that no archive lists (dpkg) or that carry no signature (rpm).

apt's lists are read by `package_updates`, rpm's database by `rpm`.
"""

from __future__ import annotations

from vonggac_contract import limits
from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.packages import PackageOrigins

from ...host import Host
from . import apt_lists, package_inventory, package_updates, rpm


def gather(host: Host, selector: tuple[str, ...]) -> tuple[PackageOrigins, str]:
    """Topic package.origins. Raises CouldNotLook(not-installed) where apt has fetched no lists yet."""
    if package_inventory.look(host).inventory.manager == "dpkg":
        foreign = package_updates.look(host).foreign
        return PackageOrigins("archives", foreign[: limits.MAX_FACT_LIST]), apt_lists.FOLDER
    told = rpm.read_unsigned(host)
    if told is None:
        raise CouldNotLook(Reason.NOT_SUPPORTED, "the rpm database went away while it was read")
    return PackageOrigins("signatures", told[0][: limits.MAX_FACT_LIST]), told[1]
