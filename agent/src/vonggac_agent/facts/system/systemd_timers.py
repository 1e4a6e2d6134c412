"""systemd.timers: timers, when they start what, and who else may change the program. Units are read by `systemd`.

Source: systemd.timer(5), systemd.service(5) ExecStart=. Timers of users' own managers are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vonggac_contract import limits
from vonggac_contract.facts.schedule import SystemdTimer, SystemdTimers

from ...host import Host
from ...untrusted import as_text, bounded
from . import changeable, systemd

_SCHEDULES: Final = (
    "oncalendar",
    "onbootsec",
    "onstartupsec",
    "onunitactivesec",
    "onunitinactivesec",
    "onactivesec",
)
MAX_TIMERS: Final = 2000


def names(host: Host) -> list[str]:
    """Every timer that has a unit file."""
    found = {
        as_text(name) for folder in systemd.FOLDERS for name in host.names(folder) if name.endswith(".timer")
    }
    return sorted(name for name in found if "@." not in name)[:MAX_TIMERS]


def programs(service: Mapping[str, list[str]]) -> list[str]:
    """Absolute paths of the programs of ExecStart= and its like; their special first characters are taken off."""
    told = [line for key in ("execstartpre", "execstart", "execstartpost") for line in service.get(key, [])]
    starts = (re.match(r"[-@:+!|]*+(/\S+)", line) for line in told)
    return list(dict.fromkeys(match[1] for match in starts if match))


def gather(host: Host, selector: tuple[str, ...]) -> tuple[SystemdTimers, str]:
    """Topic systemd.timers. Raises CouldNotLook as `systemd.units_seen`."""
    units = systemd.units_seen(host)
    found: list[SystemdTimer] = []
    for name in names(host):
        timer = systemd.sections(units.text(name)).get("Timer", {})
        activates = (timer.get("unit") or [name.removesuffix(".timer") + ".service"])[-1]
        run = programs(systemd.sections(units.text(activates)).get("Service", {}))
        found.append(
            SystemdTimer(
                name=bounded(name),
                enabled=units.enabled(name) in ("enabled", "static"),
                activates=bounded(activates),
                schedule=[bounded(when) for key in _SCHEDULES for when in timer.get(key, [])],
                programs=[bounded(program) for program in run[:20]],
                changeable=[bounded(p) for p in run if changeable.by_others(host, p)],
            )
        )
    return SystemdTimers(found[: limits.MAX_FACT_LIST]), "unit files"
