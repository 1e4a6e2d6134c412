"""mac.state: SELinux or AppArmor, and whether it forbids. For a mounted root: what it is set to do at the next start.

Sources: selinux(8), selinux_config(5); apparmor(7), the kernel's sys/kernel/security/apparmor/profiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.protection import MandatoryAccess

from ...host import Host
from ..system import systemd


def enforcing_profiles(lines: Iterable[str]) -> int:
    """Profiles in enforce or kill mode, of lines like `/usr/bin/man (enforce)`."""
    return sum(1 for line in lines if line.rstrip().endswith(("(enforce)", "(kill)")))


def selinux_mode(text: str) -> str:
    """SELINUX= of etc/selinux/config: enforcing, permissive or disabled; disabled if it says nothing."""
    found = re.findall(r"(?m)^[ \t]*+SELINUX\s*=\s*([a-z]+)", text)
    return str(found[-1]) if found else "disabled"


def gather(host: Host, selector: tuple[str, ...]) -> tuple[MandatoryAccess, str]:
    """Topic mac.state. Raises CouldNotLook(permission-denied): only root may list AppArmor's profiles."""
    return _in_force(host) if host.live else _configured(host)


def _in_force(host: Host) -> tuple[MandatoryAccess, str]:
    enforce = host.text("sys/fs/selinux/enforce", limit=64)
    if enforce is not None:
        return MandatoryAccess("selinux", enforce.strip() == "1"), "sys/fs/selinux/enforce"
    if (host.text("sys/module/apparmor/parameters/enabled", limit=64) or "").strip() == "Y":
        path = "sys/kernel/security/apparmor/profiles"
        if not host.exists(path):
            raise CouldNotLook(
                Reason.NOT_SUPPORTED, "securityfs is not mounted, so the profiles can't be seen"
            )
        profiles = enforcing_profiles(host.lines(path))
        return MandatoryAccess("apparmor", profiles > 0, profiles), path
    return MandatoryAccess("none", False), "sys/fs/selinux, sys/module/apparmor"


def _configured(host: Host) -> tuple[MandatoryAccess, str]:
    config = host.text("etc/selinux/config")
    if config is not None and selinux_mode(config) != "disabled":
        return MandatoryAccess("selinux", selinux_mode(config) == "enforcing"), "etc/selinux/config"
    if systemd.units(host).enabled("apparmor.service") == "enabled":
        off = {*host.names("etc/apparmor.d/disable"), *host.names("etc/apparmor.d/force-complain")}
        names = [name for name in host.names("etc/apparmor.d") if "." in name and name not in off]
        profiles = sum(1 for name in names if not name.endswith(("~", ".dpkg-old", ".dpkg-dist", ".d")))
        return MandatoryAccess("apparmor", profiles > 0, profiles), "etc/apparmor.d"
    return MandatoryAccess("none", False), "etc/selinux/config, etc/apparmor.d"
