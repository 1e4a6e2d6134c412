"""service.unit: one systemd unit: is it there, is it enabled, does it run. How units are read is in `systemd`."""

from __future__ import annotations

from vonggac_contract.facts import CouldNotLook, Reason
from vonggac_contract.facts.system import ServiceUnit

from ...host import Host
from . import systemd


def gather(host: Host, selector: tuple[str, ...]) -> tuple[ServiceUnit, str]:
    """Topic service.unit, selector: the unit's name with its suffix. Raises CouldNotLook as `systemd.units_seen`."""
    name = systemd.check_name(selector[0])
    units = systemd.units_seen(host)
    enabled = units.enabled(name)
    return (
        ServiceUnit(exists=enabled != "absent", enabled=enabled, active=_active(host, units.real_name(name))),
        "unit files and links; proc/*/cgroup",
    )


def _active(host: Host, name: str) -> bool | None:
    """Known for services only: a process of its own, or an invocation that systemd has not taken back.

    A timer, socket or mount leaves no process to see, and a oneshot service may be active without one; for those, none.
    """
    if not name.endswith(".service"):
        return None
    try:
        if name in systemd.services_running(host):
            return True
    except CouldNotLook as error:
        if error.reason in (Reason.NOT_SUPPORTED, Reason.PERMISSION_DENIED):
            return None
        raise
    if host.lstat(f"run/systemd/units/invocation:{name}") is not None:
        return True
    kind = systemd.sections(systemd.units(host).text(name)).get("Service", {}).get("type", ["simple"])
    return None if kind[-1:] == ["oneshot"] else False
