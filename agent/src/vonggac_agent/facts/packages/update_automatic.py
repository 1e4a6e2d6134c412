"""update.automatic: whether security updates are put in without a person, by what is installed and switched on.

Sources: unattended-upgrade(8) and apt.systemd.daily of Debian and Ubuntu; dnf-automatic(8); SUSE's
etc/sysconfig/automatic_online_update. How apt's configuration is written is in `apt_configuration`.
"""

from __future__ import annotations

import re
from typing import Final

from vonggac_contract.facts.packages import AutomaticUpdates

from ...host import Host
from ..system import systemd
from . import apt_configuration, package_inventory

NONE: Final = AutomaticUpdates("none", enabled=False, applies=False)
DNF_FILES: Final = ("etc/dnf/automatic.conf", "etc/dnf/dnf5-plugins/automatic.conf")
SUSE_FILE: Final = "etc/sysconfig/automatic_online_update"
_ASSIGNMENT: Final = re.compile(r"^[ \t]*([A-Za-z_]+)[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


def unattended(configuration: apt_configuration.Configuration, *, timer: bool) -> AutomaticUpdates:
    """unattended-upgrades by apt's configuration. `timer`: something starts apt's daily work.

    `APT::Periodic::Unattended-Upgrade` is a number of days (or `always`, or with a unit); 0 or nothing is off.
    """
    periodic = "APT::Periodic::"
    on = configuration.get(periodic + "Enable", "1") != "0"
    installs = _is_due(configuration.get(periodic + "Unattended-Upgrade", "0"))
    fetches = _is_due(configuration.get(periodic + "Update-Package-Lists", "0"))
    origins = configuration.entries("Unattended-Upgrade::Origins-Pattern")
    origins += configuration.entries("Unattended-Upgrade::Allowed-Origins")
    return AutomaticUpdates(
        mechanism="unattended-upgrades",
        enabled=on and installs and fetches and timer,
        applies=on and installs,
        security_only=all("security" in o.casefold() for o in origins) if origins else None,
    )


def _is_due(interval: str) -> bool:
    return interval.strip() not in ("", "0", "0d", "0h", "0m", "0s")


def dnf(text: str, timers: frozenset[str]) -> AutomaticUpdates:
    """dnf-automatic by its configuration and its enabled timers; three timers override what the file says."""
    values = dict(_ASSIGNMENT.findall(text))
    if "dnf-automatic-install.timer" in timers:
        applies = True
    elif timers & {"dnf-automatic.timer", "dnf5-automatic.timer"} or not timers:
        applies = values.get("apply_updates", "no").casefold() in ("yes", "true", "1", "on")
    else:
        applies = False
    kind = values.get("upgrade_type", "default").casefold()
    return AutomaticUpdates(
        "dnf-automatic", enabled=bool(timers), applies=applies, security_only=kind == "security"
    )


DNF_TIMERS: Final = (
    "dnf-automatic.timer",
    "dnf-automatic-install.timer",
    "dnf-automatic-download.timer",
    "dnf-automatic-notifyonly.timer",
    "dnf5-automatic.timer",
)


def suse(text: str) -> AutomaticUpdates:
    """yast-online-update by its sysconfig file (AOU_ENABLE_CRONJOB, AOU_PATCH_CATEGORIES)."""
    values = {key: value.strip("\"'") for key, value in _ASSIGNMENT.findall(text)}
    enabled = values.get("AOU_ENABLE_CRONJOB", "").casefold() == "true"
    categories = values.get("AOU_PATCH_CATEGORIES", "").split()
    return AutomaticUpdates(
        "yast-online-update", enabled=enabled, applies=enabled, security_only=categories == ["security"]
    )


def gather(host: Host, selector: tuple[str, ...]) -> tuple[AutomaticUpdates, str]:
    """Topic update.automatic. Raises CouldNotLook where no package database tells what is installed."""
    installed = package_inventory.look(host).by_name
    units = systemd.units(host)
    if "unattended-upgrades" in installed:
        timer = units.enabled("apt-daily-upgrade.timer") == "enabled" or (
            # apt's own fallback where systemd is not installed; with systemd there it leaves the work to the timer.
            "systemd" not in installed and host.exists("etc/cron.daily/apt-compat")
        )
        return unattended(apt_configuration.read(host), timer=timer), apt_configuration.FOLDER
    for path in DNF_FILES:
        text = host.text(path)
        if text is not None:
            timers = frozenset(name for name in DNF_TIMERS if units.enabled(name) == "enabled")
            return dnf(text, timers), path
    text = host.text(SUSE_FILE)
    if text is not None:
        return suse(text), SUSE_FILE
    return NONE, "installed packages, etc/dnf, etc/sysconfig"
